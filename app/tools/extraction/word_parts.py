"""What in WordprocessingML says something about its text: fields, their states, and brackets."""

import re

from app.tools.extraction.flow import Flow

_OFF = frozenset({"0", "false", "off"})
_BEGIN, _END = (re.compile(rb"fldCharType\s*=\s*[\"']" + word) for word in (b"begin", b"end"))


class Fields:
    """Which field the text is in: what stands in the instruction of one is not seen."""

    def __init__(self, part: bytes) -> None:
        self._has_ends = len(_BEGIN.findall(part)) == len(_END.findall(part))
        self._open: list[bool] = []
        self._instructions = 0

    @property
    def is_instruction(self) -> bool:
        """Whether the text is the result of a field inside the instruction of another one."""
        own = bool(self._open and self._open[-1])
        return self._has_ends and self._instructions > own

    def mark(self, kind: str) -> None:
        """Take a mark: `begin`, `separate` (the result follows) or `end`."""
        if kind == "begin":
            self._open.append(True)
            self._instructions += 1
        elif self._open:
            self._instructions -= self._open[-1]
            self._open[-1] = False
            if kind == "end":
                self._open.pop()


class Brackets:
    """The brackets and signs of equations, which stand in properties and not in the text."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._depth = 0
        self._around: list[_Pair] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Begin an element."""
        self._depth += 1
        pair = self._around[-1] if self._around else None
        match name:
            case "d" | "nary" | "rad":
                self._around.append(_Pair(self._depth, *_SIGNS[name]))
            case "begChr" | "sepChr" | "endChr" | "chr" if pair and pair.depth == self._depth - 2:
                pair.signs[name] = attributes.get("val", "")
            case "e" | "sub" | "deg" if pair and pair.depth == self._depth - 1:
                self._flow.write(pair.next())

    def end(self, name: str) -> None:
        """End an element."""
        if self._around and self._around[-1].depth == self._depth:
            self._flow.write(self._around.pop().last())
        self._depth -= 1


_SIGNS = {"d": ("(", "|", ")"), "nary": ("\u222b", "", ""), "rad": ("\u221a", "", "")}


class _Pair:
    def __init__(self, depth: int, first: str, between: str, last: str) -> None:
        self.depth = depth
        self.signs = {"begChr": first, "sepChr": between, "endChr": last}
        self._count = 0

    def next(self) -> str:
        """Return what stands before the next part."""
        self._count += 1
        first = self.signs.get("chr", self.signs["begChr"])
        return first if self._count == 1 else self.signs["sepChr"]

    def last(self) -> str:
        return self.signs["endChr"] if self._count else ""


class FormField:
    """A form field of old, whose state stands in its properties and not in the text."""

    def __init__(self) -> None:
        self._kind = ""
        self._entries: list[str] = []
        self._state: dict[str, str] = {}

    def property(self, name: str, attributes: dict[str, str]) -> None:
        """Note a property."""
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
