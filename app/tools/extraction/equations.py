"""The signs of equations in Office Math, which stand in properties and not in the text."""

from app.tools.extraction.flow import Flow


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
        if name == "mr" and pair and pair.depth == self._depth - 1:
            self._flow.write(pair.next())
        match name:
            case "d" | "nary" | "rad" | "m" | "mr" | "func":
                self._around.append(_Pair(self._depth, *_SIGNS[name]))
            case "begChr" | "sepChr" | "endChr" | "chr" if pair and pair.depth == self._depth - 2:
                pair.signs[name] = attributes.get("val", "")
            case "den":
                self._flow.write("/")
            case "deg" if pair and pair.depth == self._depth - 1:
                pass  # it stands before the sign of the root
            case "e" | "sub" | "fName" if pair and pair.depth == self._depth - 1:
                self._flow.write(pair.next())

    def end(self, name: str) -> None:
        """End an element."""
        if self._around and self._around[-1].depth == self._depth:
            self._flow.write(self._around.pop().last())
        self._depth -= 1


_SIGNS = {
    "d": ("(", "|", ")"),
    "nary": ("\u222b", "", ""),
    "rad": ("\u221a", "", ""),
    "m": ("", "; ", ""),
    "mr": ("", " ", ""),
    "func": ("", " ", ""),
}


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
