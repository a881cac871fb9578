"""Running text: lines, and tables whose cells are parted by tabs."""

import re
from dataclasses import dataclass, field
from typing import Protocol

from app.tools.extraction.document import Document, Enough

_SPACE = re.compile(r"[ \t\n\r\f]+")
_MOST_COLUMNS = 256


@dataclass(slots=True)
class _Table:
    """Where the text is in a table.

    Attributes:
        column: The number of the column that comes next.
        covered: The columns of this row that cells of rows above cover, with how many more rows.
        below: The same for the next row.
    """

    in_cell: bool = False
    cell_is_empty: bool = True
    column: int = 0
    gap: int = 0
    covered: dict[int, int] = field(default_factory=dict)
    below: dict[int, int] = field(default_factory=dict)

    def next_row(self) -> "_Table":
        below = {column: rows - 1 for column, rows in self.below.items() if rows > 1}
        return _Table(covered=self.below, below=below)

    def next_cell(self) -> int:
        """Return the number of columns between the beginnings of the last cell and the next."""
        columns = self.gap + (1 if self.in_cell else 0)
        while self.column in self.covered:
            self.column += 1
            columns += 1
        self.in_cell, self.cell_is_empty, self.gap = True, True, 0
        self.column += 1
        return columns

    def span(self, columns: int, rows: int) -> None:
        first = self.column - 1
        last = min(first + columns, _MOST_COLUMNS)
        if rows > 1:
            self.below.update(dict.fromkeys(range(first, last), rows - 1))
        self.gap = max(0, last - first - 1)
        self.column += self.gap


class Lines(Protocol):
    """Takes the lines of a text; `take` raises `Enough` where there is no room."""

    @property
    def room(self) -> int:
        """How many characters may still be taken."""
        ...

    def take(self, text: str) -> None:
        """Add text."""
        ...


class Notes:
    """Keeps notes until the text that they belong to has been read, which they would cut apart."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._parts: list[str] = []
        self._length = 0

    @property
    def room(self) -> int:
        """How many characters may still be taken."""
        return self._document.room - self._length

    def take(self, text: str) -> None:
        """Keep text. Raises `Enough`."""
        if len(text) > self.room:
            self._document.truncated = True
            raise Enough
        self._parts.append(text)
        self._length += len(text)

    def write(self) -> None:
        """Add all notes to the document."""
        text = "".join(self._parts)
        self._parts.clear()
        self._length = 0
        self._document.take(text)


class Flow:
    """Turns what a reader meets into the lines of a document.

    Within a cell, blocks are parted by `cell_break`: a space keeps a row on one line.

    Attributes:
        written: How many characters have been written so far.
    """

    def __init__(self, document: Lines, cell_break: str = " ") -> None:
        self._document = document
        self._cell_break = cell_break
        self._line: list[str] = []
        self._tables: list[_Table] = []
        self._length = 0
        self._has_words = False
        self._pending = ""
        self.written = 0

    def write(self, text: str) -> None:
        """Add text as it stands."""
        if not text:
            return
        self._break()
        self._line.append(text)
        self._length += len(text)
        self.written += len(text)
        if self._length > self._document.room:
            self.end_line()
        self._has_words = True
        for table in self._tables:
            table.cell_is_empty = False

    def write_collapsed(self, text: str) -> None:
        """Add text whose white space counts as one space, and as none where a line begins."""
        text = _SPACE.sub(" ", text)
        if not self._has_words or self._pending or self._line[-1].endswith((" ", "\t", "\n")):
            text = text.removeprefix(" ")
        self.write(text)

    def write_lines(self, text: str) -> None:
        """Add text that has line breaks of its own."""
        first, *others = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self.write(first)
        for line in others:
            self.end_line()
            self.write(line)

    def block(self) -> None:
        """Begin a line where one has begun; at the start of a cell nothing."""
        table = self._tables[-1] if self._tables else None
        if table is None or not table.in_cell:
            if self._has_words:
                self.end_line()
        elif not table.cell_is_empty:
            self._pending = self._cell_break

    def paragraph_end(self) -> None:
        """End a paragraph; an empty one is an empty line, except in a table."""
        if self._tables:
            self.block()
        else:
            self.end_line()

    def end_line(self) -> None:
        """End the line, whatever is on it."""
        self._document.take("".join(self._line).rstrip() + "\n")
        self._line.clear()
        self._length = 0
        self._has_words, self._pending = False, ""

    def begin_table(self) -> None:
        """Begin a table, also within a cell."""
        self.block()
        self._tables.append(_Table())

    def end_table(self) -> None:
        """End the innermost table, if there is one."""
        if self._tables:
            self._tables.pop()
        if self._tables:
            self._tables[-1].cell_is_empty = False
        self.block()

    def begin_row(self) -> None:
        """Begin a row, which ends the one before it."""
        if not self._tables:
            self.begin_table()
        self._tables[-1] = self._tables[-1].next_row()
        if len(self._tables) > 1:
            self._break_outer()
        elif self._line:
            self.end_line()

    def begin_cell(self) -> None:
        """Begin a cell, which ends the one before it."""
        if not self._tables:
            self.begin_table()
        if columns := self._tables[-1].next_cell():
            if self._line:
                self._line[-1] = self._line[-1].rstrip(" ")
            self._line.append("\t" * columns)
            self._pending = ""

    def span(self, columns: int, rows: int) -> None:
        """Let the cell span columns and rows, so that later cells are in the right column."""
        if self._tables and (columns > 1 or rows > 1):
            self._tables[-1].span(columns, rows)

    def end(self) -> None:
        """End the text, and with it tables that were left open."""
        self._tables.clear()
        if self._line:
            self.end_line()

    def _break_outer(self) -> None:
        if not self._tables[-2].cell_is_empty:
            self._pending = self._cell_break

    def _break(self) -> None:
        """Separate the text that follows from the text before it in the same cell."""
        if self._pending == "\n":
            self.end_line()
        elif self._pending:
            self._line.append(self._pending)
        self._pending = ""
