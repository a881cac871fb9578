"""HTML forms: files in fields of their own, all other fields as inputs."""

import re
from collections.abc import Collection, Mapping
from dataclasses import field, replace
from urllib.parse import parse_qsl

from app.files.media_types import media_type_of
from app.files.uploads import Upload
from app.wire.parsing.errors import BadRequest, PayloadTooLarge
from app.wire.parsing.multipart import Part, parse_multipart
from engine.value import value
from steps.contract.step_type import Problem
from steps.http.charset import charset_of
from steps.http.charset_names import codec_named

FIELD_ROOM_BYTES = 1_048_576
"""The most characters in all texts of one form."""

_MOST_FIELDS = 1_000
_MOST_FILES = 10
FIELD = "attachment"
ATTACHMENTS = "attachments"
"""The field of files attached to an answer; it may be repeated."""
_CHARSET = "_charset_"
"""The field in which browsers give the charset of a form."""

_LONGEST_CHARSET = 40
_CHARSET_IN_IT = re.compile(rb"(?:\A|&)_charset_=([\w.:-]{1,40})(?=&|\Z)")

Texts = Mapping[str, str | list[str]]
"""The texts of a form by field; a repeated field has a list."""


@value(frozen=True, slots=True)
class Form:
    """The contents of a form, by field name.

    Attributes:
        texts: The texts; a repeated field has a list.
        uploads: The files that were chosen.
        unchosen: The file fields for which the browser reports that no file was chosen.
    """

    texts: dict[str, str | list[str]]
    uploads: dict[str, Upload]
    unchosen: set[str] = field(default_factory=set)

    @property
    def length(self) -> int:
        """The total number of characters in its texts."""
        return sum(
            len(text) if isinstance(text, str) else sum(map(len, text))
            for text in self.texts.values()
        )

    def text(self, name: str) -> str:
        """Return the text of a field, empty if it is missing. Raises `BadRequest` if repeated."""
        text = self.texts.get(name, "")
        if isinstance(text, str):
            return text
        raise BadRequest("the form is not acceptable", [Problem(name, "the field is there twice")])

    def without_attachments(self) -> tuple["Form", list[Upload]]:
        """Return the form without the files attached to the answer, and those files."""
        attached = {
            name: upload
            for name, upload in self.uploads.items()
            if name.partition("[")[0] == ATTACHMENTS
        }
        rest = {name: item for name, item in self.uploads.items() if name not in attached}
        unchosen = self.unchosen - {ATTACHMENTS}
        return Form(self.texts, rest, unchosen), [*attached.values()]

    def left_open(self, file_fields: Collection[str]) -> list[str]:
        """Return the file fields for which the form has no file."""
        return [
            name for name in file_fields if not self.texts.get(name) and name not in self.uploads
        ]

    def parts_of(self, file_fields: Collection[str]) -> dict[str, str]:
        """Return the form part with the file of each file field.

        The attachment also fills a file field if exactly one is left.
        """
        parts = {name: name for name in file_fields if name in self.uploads}
        left = self.left_open(file_fields)
        if FIELD in self.uploads and FIELD not in parts and len(left) == 1:
            parts[left[0]] = FIELD
        return parts

    def misplaced(self, file_fields: Collection[str]) -> list[Problem]:
        """Return problems for files in fields that take no file."""
        fields = ", ".join(dict.fromkeys([FIELD, *file_fields]))
        return [
            Problem(name, f"takes no file; send it in {fields}")
            for name in self.uploads
            if name != FIELD and name not in file_fields
        ]


def urlencoded_form(body: bytes, content_type: str) -> Form:
    """Return the form of an application/x-www-form-urlencoded body. Raises `BadRequest`.

    The body is UTF-8 unless its media type or its field `_charset_` names another charset.
    """
    named = _CHARSET_IN_IT.search(body)
    codec = codec_named(named[1].decode("ascii")) if named else charset_of(content_type)
    codec = codec or "utf_8"
    try:
        pairs = parse_qsl(
            body.decode(codec),
            keep_blank_values=True,
            encoding=codec,
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
        "".join(text for pair in pairs for text in pair).encode()
    except ValueError as wrong:
        charset = "UTF-8" if codec == "utf_8" else f"in the charset {codec}"
        reason = f"it is not {charset}" if isinstance(wrong, UnicodeError) else str(wrong)
        raise BadRequest(f"the form cannot be read: {reason}") from wrong
    pairs = [pair for pair in pairs if pair[0] != _CHARSET]
    form = Form({}, {})
    for name, text in pairs:
        _add_text(form, name, text)
    return form


def multipart_form(content_type: bytes, body: bytes, limit: int) -> Form:
    """Return the form of a multipart body; its files may have `limit` bytes together.

    Raises `BadRequest` and `PayloadTooLarge`.
    """
    form, files, problems = Form({}, {}), 0, []
    parts = _in_their_charset(parse_multipart(content_type, body))
    for part in parts:
        if part.file_name is None:
            problems += _take_text(form, part)
        else:
            files += 1
            problems += _take_file(form, part)
    if len(parts) - files > _MOST_FIELDS or files > _MOST_FILES:
        raise BadRequest(f"a form has {_MOST_FIELDS:,} fields and {_MOST_FILES} files at most")
    if form.length > FIELD_ROOM_BYTES:
        raise PayloadTooLarge("the fields of a form together", FIELD_ROOM_BYTES)
    if sum(len(upload.content) for upload in form.uploads.values()) > limit:
        what = FIELD if list(form.uploads) == [FIELD] else "the files of a form together"
        raise PayloadTooLarge(what, limit)
    both = [name for name in form.texts if name in form.uploads]
    problems += [Problem(name, "the field is there twice") for name in both]
    if problems:
        raise BadRequest("the form is not acceptable", problems)
    return form


def _in_their_charset(parts: list[Part]) -> list[Part]:
    """Return the parts with texts decoded as the field `_charset_` says (RFC 7578, 4.6)."""
    named = [part for part in parts if part.name == _CHARSET and part.file_name is None]
    if not named:
        return parts
    default = codec_named(named[0].content[:_LONGEST_CHARSET].decode("ascii", "replace"))
    kept = [part for part in parts if part not in named]
    for part in kept:
        part.charset = part.charset or default
    return kept


def _take_text(form: Form, part: Part) -> list[Problem]:
    try:
        _add_text(form, part.name, part.text())
    except ValueError as wrong:
        return [Problem(part.name, str(wrong))]
    return []


def _add_text(form: Form, name: str, text: str) -> None:
    earlier = form.texts.get(name)
    if earlier is None:
        form.texts[name] = text
    elif isinstance(earlier, str):
        form.texts[name] = [earlier, text]
    else:
        earlier.append(text)


def _take_file(form: Form, part: Part) -> list[Problem]:
    """Add a file, unless it is what browsers send when none was chosen."""
    if not part.content and not part.file_name:
        form.unchosen.add(part.name)
        return []
    if part.name == ATTACHMENTS and ATTACHMENTS in form.uploads:
        part = replace(part, name=f"{ATTACHMENTS}[{len(form.uploads)}]")
    if part.name in form.uploads:
        return [Problem(part.name, "the field is there twice")]
    name, content = _clean_name(part.file_name or ""), bytes(part.content)
    form.uploads[part.name] = Upload(name, media_type_of(name, content), content)
    return [] if content else [Problem(part.name, "the file is empty")]


def _clean_name(name: str) -> str:
    """Return a file name for metadata: no path, no control characters."""
    last = name.replace("\\", "/").rpartition("/")[2]
    shown = "".join(char for char in last if char.isprintable())
    return shown.encode("utf-8", "ignore").decode()[:200].strip(". ") or "attachment"
