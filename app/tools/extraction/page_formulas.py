"""The signs of formulas in MathML that are drawn, and stand in no text of their own."""

from collections import Counter

from app.tools.extraction.flow import Flow

_BETWEEN = {"mfrac": "/"}
_BEFORE = {"msqrt": "\u221a", "mroot": "\u221a"}
_UNSEEN = frozenset({"annotation", "annotation-xml"})


class Formulas:
    """Follows the elements of formulas, and writes the signs of roots and fractions."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._open: list[tuple[str, int]] = []
        self._counts: Counter[str] = Counter()

    def start(self, tag: str) -> None:
        """Begin an element; the first is `math`."""
        if not self._open and tag != "math":
            return
        if self._open:
            around, count = self._open[-1]
            self._open[-1] = around, count + 1
            if count == 1:
                self._flow.write(_BETWEEN.get(around, ""))
        self._flow.write(_BEFORE.get(tag, ""))
        self._open.append((tag, 0))
        self._counts[tag] += 1

    def end(self, tag: str) -> None:
        """End an element, and those in it that were left open."""
        while self._counts[tag]:
            name, _ = self._open.pop()
            self._counts[name] -= 1
            if name == tag:
                return

    def hides(self, tag: str) -> bool:
        """Return whether an element holds another form of the formula, which is not shown."""
        return bool(self._open) and tag in _UNSEEN
