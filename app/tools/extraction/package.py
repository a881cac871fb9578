"""A document that is a ZIP archive of parts: Office Open XML, OpenDocument, EPUB."""

import posixpath
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from urllib.parse import unquote

from app.tools.extraction.document import DocumentFailure, damaged, encrypted
from app.tools.extraction.markup import Leaves, elements, parse

_MOST_PARTS = 5_000
_MOST_UNPACKED_BYTES = 200 * 1024 * 1024
_ENCRYPTED = 0x1
_TYPES = "[Content_Types].xml"


@dataclass(frozen=True, slots=True)
class Relation:
    """How a part names another one.

    Attributes:
        kind: The last word of the relationship's type, such as `header`.
        part: The name of the other part; the address of what is outside.
    """

    id: str
    kind: str
    part: str
    is_outside: bool


@dataclass(frozen=True, slots=True)
class File:
    """A file of an archive, under the name that is written there.

    Attributes:
        size: How many bytes it has unpacked.
        read: Returns its bytes, or so many of them. Raises `DocumentFailure`.
    """

    name: str
    size: int
    read: Callable[..., bytes]


class Package:
    """The parts of an archive, by names that are compared as Office compares them."""

    def __init__(self, content: bytes) -> None:
        """Open the archive. Raises `DocumentFailure` when it is damaged or would be too large."""
        try:
            self._archive = zipfile.ZipFile(BytesIO(content))
            members = self._archive.infolist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as broken:
            raise damaged(f"its archive ends early or is not one ({broken})") from broken
        size = sum(member.file_size for member in members)
        if len(members) > _MOST_PARTS or size > _MOST_UNPACKED_BYTES:
            message = f"unpacked it would be {size} bytes in {len(members)} parts"
            raise DocumentFailure("DocumentTooLarge", message)
        self._members = {_key(member.filename): member for member in members}
        self._types: dict[str, str] = {}

    def __contains__(self, part: str) -> bool:
        """Return whether there is a part of that name."""
        return _key(part) in self._members

    def files(self) -> list[File]:
        """Return all files, also those whose names differ only in capitals."""
        return [
            File(member.filename, member.file_size, partial(self._unpacked, member))
            for member in self._archive.infolist()
            if not member.is_dir()
        ]

    def read(self, part: str) -> bytes:
        """Return the bytes of a part. Raises `DocumentFailure`."""
        member = self._members.get(_key(part))
        if member is None:
            raise damaged(f"its part {part} is missing")
        return self._unpacked(member)

    def _unpacked(self, member: zipfile.ZipInfo, most: int = -1) -> bytes:
        if member.flag_bits & _ENCRYPTED:
            raise encrypted()
        try:
            with self._archive.open(member) as file:
                return file.read(most)
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            ValueError,
            NotImplementedError,
        ) as broken:
            raise damaged(f"its part {member.filename} cannot be unpacked ({broken})") from broken

    def main_part(self) -> str:
        """Return the name of the part that an Office document begins with, "" without one."""
        mains = (item for item in self.relations("") if item.kind == "officeDocument")
        return next((item.part for item in mains), "")

    def relations(self, part: str) -> list[Relation]:
        """Return what a part refers to; "" is the package itself."""
        folder, name = posixpath.split(part)
        place = posixpath.join(folder, "_rels", f"{name}.rels")
        if place not in self:
            return []
        return [
            _relation(found, folder)
            for element, found in elements(self.read(place), place)
            if element == "Relationship"
        ]

    def content_type(self, part: str) -> str:
        """Return what an Office document says that a part is, in small letters."""
        if not self._types:
            for element, found in elements(self.read(_TYPES), _TYPES):
                name = found.get("PartName", "") if element == "Override" else ""
                ending = found.get("Extension", "").lower()
                key = _key(name) if name else f"*.{ending}"
                self._types[key] = found.get("ContentType", "").lower()
        by_ending = self._types.get(f"*.{part.rpartition('.')[2].lower()}", "")
        return self._types.get(_key(part), by_ending)

    def properties(self) -> dict[str, object]:
        """Return the document's own metadata in the form of the tool."""
        cores = (item for item in self.relations("") if item.kind == "core-properties")
        place = next((item.part for item in cores), "")
        if place not in self:
            return {}
        metadata = Leaves()
        parse(self.read(place), metadata, place)
        return {
            "title": metadata.found.get("title"),
            "author": metadata.found.get("creator"),
            "subject": metadata.found.get("subject"),
            "keywords": metadata.found.get("keywords"),
            "createdAt": metadata.found.get("created"),
            "modifiedAt": metadata.found.get("modified"),
        }


def _relation(found: dict[str, str], folder: str) -> Relation:
    target = found.get("Target", "")
    is_outside = found.get("TargetMode", "").lower() == "external"
    if not is_outside:
        target = unquote(target).replace("\\", "/")
        target = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
    kind = found.get("Type", "").rpartition("/")[2]
    return Relation(found.get("Id", ""), kind, target, is_outside)


def _key(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").lower()
