"""Running text: lines, and tables whose cells are parted by tabs."""

import re
from dataclasses import dataclass

from app.tools.extraction.document import Document

_SPACE = re.compile(r"[ \t\n\r\f]+")


@dataclass(slots=True)
class _Table:
    in_cell: bool = False
    cell_is_empty: bool = True


class Flow:
    """Turns what a reader meets into the lines of a document.

    Within a cell, blocks are parted by `cell_break`: a space keeps a row on one line.

    Attributes:
        written: How many characters have been written so far.
    """

    def __init__(self, document: Document, cell_break: str = " ") -> None:
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
        self._tables[-1] = _Table()
        if len(self._tables) > 1:
            self._break_outer()
        elif self._line:
            self.end_line()

    def begin_cell(self) -> None:
        """Begin a cell, which ends the one before it."""
        if not self._tables:
            self.begin_table()
        table = self._tables[-1]
        if table.in_cell:
            self._line.append("\t")
            self._pending = ""
        table.in_cell, table.cell_is_empty = True, True

    def end(self) -> None:
        """End the text, and with it tables that were left open."""
        self._tables.clear()
        if self._line:
            self.end_line()

    def _break_outer(self) -> None:
        if not self._tables[-2].cell_is_empty:
            self._pending = self._cell_break

    def _break(self) -> None:
        """Part what comes from what stands before it in the same cell."""
        if self._pending == "\n":
            self.end_line()
        elif self._pending:
            self._line.append(self._pending)
        self._pending = ""
