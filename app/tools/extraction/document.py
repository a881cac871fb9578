"""What reading a document gives, and the limits that it keeps to."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import TypeAlias

Cell: TypeAlias = str | int | float | bool | None

MOST_ROWS = 10_000
_MOST_COLUMNS = 256
_MOST_METADATA = 1_000
_LONGEST_INTEGER = 2**53


class DocumentFailure(Exception):
    """A document cannot be read; `type` is the word that the step fails with."""

    def __init__(self, type: str, message: str) -> None:  # noqa: A002 - as in StepBroke
        self.type = type
        super().__init__(message)


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


@dataclass(slots=True)
class Document:
    """What has been read so far; `take` and `take_row` say when it is enough.

    Attributes:
        pages: How many pages the document has, also when fewer were read.
        encoding: How the text was encoded, where the format does not say.
        truncated: Whether there was more than the limits let in.
    """

    media_type: str
    limits: Limits
    metadata: dict[str, str] = field(default_factory=dict)
    pages: int | None = None
    encoding: str | None = None
    sheets: list[Sheet] | None = None
    truncated: bool = False
    _parts: list[str] = field(default_factory=list)
    _length: int = 0

    def take(self, text: str) -> bool:
        """Add text, and return whether there is room for more."""
        room = self.limits.max_characters - self._length
        fits = len(text) <= room
        if not fits:
            text = text[:room]
            self.truncated = True
        self._parts.append(text)
        self._length += len(text)
        return fits

    def take_row(self, sheet: Sheet, values: Sequence[object]) -> bool:
        """Add a row to a sheet and to the text, and return whether there is room for more."""
        if len(sheet.rows) >= MOST_ROWS:
            self.truncated = True
            return False
        if len(values) > _MOST_COLUMNS:
            values = values[:_MOST_COLUMNS]
            self.truncated = True
        cells = [_cell(value) for value in values]
        while cells and cells[-1] is None:
            cells.pop()
        line = "\t".join("" if cell is None else str(cell) for cell in cells) + "\n"
        if self._length + len(line) > self.limits.max_characters:
            self.truncated = True
            return False
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

    def as_json(self) -> dict[str, object]:
        """Return the result of the tool."""
        shown: dict[str, object] = {
            "text": "".join(self._parts).replace("\0", "").strip(),
            "mediaType": self.media_type,
            "metadata": self.metadata,
            "truncated": self.truncated,
        }
        if self.pages is not None:
            shown["pages"] = self.pages
        if self.encoding is not None:
            shown["encoding"] = self.encoding
        if self.sheets is not None:
            shown["sheets"] = [{"name": item.name, "rows": item.rows} for item in self.sheets]
        return shown


def lines(parts: Iterable[str]) -> Iterable[str]:
    """Return each part with a line break behind it."""
    return (f"{part}\n" for part in parts)


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
