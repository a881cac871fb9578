"""What in WordprocessingML says something about its text: fields and their states."""

import re

from app.tools.extraction.field_formulas import shown_by

_OFF = frozenset({"0", "false", "off"})
_BEGIN, _END = (re.compile(rb"fldCharType\s*=\s*[\"']" + word) for word in (b"begin", b"end"))


class Fields:
    """Which field the text is in: what stands in the instruction of one is not seen."""

    def __init__(self, part: bytes) -> None:
        self._has_ends = len(_BEGIN.findall(part)) == len(_END.findall(part))
        self._open: list[bool] = []
        self._instructions = 0
        self._field_texts: list[list[str]] = []

    @property
    def is_instruction(self) -> bool:
        """Whether the text is the result of a field inside the instruction of another one."""
        own = bool(self._open and self._open[-1])
        return self._has_ends and self._instructions > own

    def instruct(self, text: str) -> None:
        """Take a part of the instruction of a field."""
        if self._field_texts and self._open[-1]:
            self._field_texts[-1].append(text)

    def mark(self, kind: str) -> str:
        """Take a mark: `begin`, `separate` (the result follows) or `end`.

        Returns what the field shows that is no text of its own.
        """
        if kind == "begin":
            self._open.append(True)
            self._field_texts.append([])
            self._instructions += 1
            return ""
        shown = ""
        if self._open:
            if self._open[-1] and self._instructions == 1:
                shown = shown_by("".join(self._field_texts[-1]), has_result=kind == "separate")
            self._instructions -= self._open[-1]
            self._open[-1] = False
            if kind == "end":
                self._open.pop()
                self._field_texts.pop()
        return shown


class FormField:
    """A form field of old, whose state stands in its properties and not in the text."""

    def __init__(self) -> None:
        self._kind = ""
        self._entries: list[str] = []
        self._state: dict[str, str] = {}

    def property(self, name: str, attributes: dict[str, str]) -> None:
        """Record a property."""
        if name in ("checkBox", "ddList"):
            self._kind = name
        elif name == "listEntry":
            self._entries.append(attributes.get("val", ""))
        else:
            self._state[name] = attributes.get("val", "1").lower()

    def shown(self) -> str:
        """Return what is seen of it."""
        if self._kind == "checkBox":
            state = self._state.get("checked", self._state.get("default", "0"))
            return "\u2610" if state in _OFF else "\u2611"
        picked = self._state.get("result", self._state.get("default", "0"))
        is_there = picked.isdecimal() and int(picked) < len(self._entries)
        return self._entries[int(picked)] if is_there else ""
