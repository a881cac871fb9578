"""What reading a document gives, and the limits that it keeps to."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import TypeAlias

Cell: TypeAlias = str | int | float | bool | None

MOST_ROWS = 10_000
_MOST_COLUMNS = 256
_MOST_METADATA = 1_000
_MOST_LEFT_OUT = 100
_DEEPEST = 5
_LONGEST_INTEGER = 2**53


class DocumentFailure(Exception):
    """A document cannot be read; `type` is the word that the step fails with."""

    def __init__(self, type: str, message: str) -> None:  # noqa: A002 - as in StepBroke
        self.type = type
        super().__init__(message)


class Enough(Exception):
    """The limit of characters is reached; what has been read so far is the result."""


def encrypted(remedy: str = "a password; save it without one") -> DocumentFailure:
    """Return the failure of a document that cannot be read without its password or a key."""
    message = f"the document is encrypted: it needs {remedy}"
    return DocumentFailure("DocumentUnreadable", message)


def encrypted_for_somebody() -> DocumentFailure:
    """Return the failure of a message that only its recipient can read."""
    return encrypted("its recipient's key; save it decrypted")


def damaged(what: str) -> DocumentFailure:
    """Return the failure of a document that is not as its format wants it."""
    return DocumentFailure("DocumentUnreadable", f"the document is damaged: {what}"[:500])


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a document is wanted."""

    max_pages: int
    max_characters: int


@dataclass(slots=True)
class Sheet:
    """A table of a document."""

    name: str
    rows: list[list[Cell]] = field(default_factory=list)


Inner: TypeAlias = Callable[[bytes, str, str, "Document"], "Document"]
"""Reads a document inside another one: its bytes, media type and name, and the outer one."""


@dataclass(slots=True)
class Document:
    """What has been read so far; `take` and `take_row` raise `Enough` when it is enough.

    Attributes:
        pages: How many pages or slides the document has, also when fewer were read.
        encoding: How the text was encoded, where the format does not say.
        truncated: Whether there was more than the limits let in.
        left_out: What is not in the text, and how often.
    """

    media_type: str
    limits: Limits
    inner: Inner
    depth: int = 0
    metadata: dict[str, str] = field(default_factory=dict)
    pages: int | None = None
    encoding: str | None = None
    sheets: list[Sheet] | None = None
    truncated: bool = False
    left_out: dict[str, int] = field(default_factory=dict)
    _parts: list[str] = field(default_factory=list)
    _length: int = 0

    def take(self, text: str) -> None:
        """Add text. Raises `Enough` when there is no room for all of it."""
        room = self.room
        self._parts.append(text[:room])
        self._length += min(len(text), room)
        if len(text) > room:
            self.truncated = True
            raise Enough

    def take_row(self, sheet: Sheet, values: Sequence[object]) -> bool:
        """Add a row to a sheet and to the text; return whether the sheet may have more rows.

        Raises `Enough`, and then the row is not there.
        """
        if len(sheet.rows) >= MOST_ROWS:
            self.truncated = True
            return False
        if len(values) > _MOST_COLUMNS:
            values = values[:_MOST_COLUMNS]
            self.truncated = True
        cells = [_cell(value) for value in values]
        while cells and cells[-1] is None:
            cells.pop()
        line = "\t".join(map(_shown, cells)) + "\n"
        if len(line) > self.room:
            self.truncated = True
            raise Enough
        sheet.rows.append(cells)
        self._parts.append(line)
        self._length += len(line)
        return True

    def describe(self, found: Mapping[str, object]) -> None:
        """Keep what the document says about itself."""
        for name, value in found.items():
            text = _plain(value)
            if text:
                self.metadata[name] = str(text)[:_MOST_METADATA]

    def leave_out(self, what: str, count: int = 1) -> None:
        """Record that something of the document is not in the text."""
        self.left_out[what] = self.left_out.get(what, 0) + count

    def include(self, content: bytes, media_type: str, name: str) -> None:
        """Read a document that is part of this one; what cannot be read is left out by name."""
        if self.depth >= _DEEPEST:
            self.leave_out(f"{name}: nested too deep")
            return
        try:
            inner = self.inner(content, media_type, name, self)
        except DocumentFailure as failure:
            self.leave_out(f"{name}: {failure}")
            return
        except MemoryError:
            raise
        except Exception as broken:  # noqa: BLE001 - a library that meets damage may raise anything
            self.leave_out(f"{name}: {damaged(f'{type(broken).__name__}: {broken}')}")
            return
        for what, count in inner.left_out.items():
            self.leave_out(what, count)
        self.take(inner.text + "\n")
        if inner.truncated:
            self.truncated = True

    @property
    def room(self) -> int:
        """How many characters may still be taken."""
        return self.limits.max_characters - self._length

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._parts).replace("\0", "").lstrip("\n\r\f\v").rstrip("\n\r\f\v ")

    def as_json(self) -> dict[str, object]:
        """Return the result of the tool."""
        shown: dict[str, object] = {
            "text": self.text,
            "mediaType": self.media_type,
            "metadata": self.metadata,
            "truncated": self.truncated,
            "leftOut": self._shown_left_out(),
        }
        if self.pages is not None:
            shown["pages"] = self.pages
        if self.encoding is not None:
            shown["encoding"] = self.encoding
        if self.sheets is not None:
            shown["sheets"] = [{"name": item.name, "rows": item.rows} for item in self.sheets]
        return shown

    def _shown_left_out(self) -> list[str]:
        shown = [
            f"{what} ({count} times)" if count > 1 else what
            for what, count in self.left_out.items()
        ]
        if len(shown) > _MOST_LEFT_OUT:
            more = len(shown) - _MOST_LEFT_OUT
            shown[_MOST_LEFT_OUT:] = [f"and {more} more"]
        return shown


def _shown(cell: Cell) -> str:
    """Return the text of a cell, a boolean as programs for tables show it."""
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    return "" if cell is None else str(cell)


def _cell(value: object) -> Cell:
    plain = _plain(value)
    if isinstance(plain, float) and not math.isfinite(plain):
        return None
    if isinstance(plain, int) and abs(plain) > _LONGEST_INTEGER:
        return str(plain)
    return plain


def _plain(value: object) -> Cell:
    match value:
        case None | str() | bool() | int() | float():
            return value
        case datetime() | date() | time():
            return value.isoformat()
        case _:
            return str(value)
