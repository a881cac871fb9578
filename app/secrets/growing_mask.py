"""A mask that accepts new values; a full recompile runs beside the event loop.

Compiling takes a third of a millisecond per value, and a third of a second per megabyte. Values
added since the last full compile are compiled separately, so they are masked from the start.
"""

from collections.abc import Callable, Iterable
from functools import partial

from app.concurrency.offload import offload
from app.secrets.mask import FEW, FEW_CHARACTERS, Mask
from engine import Json


class GrowingMask:
    """Masks as `Mask` does.

    Attributes:
        is_needed: Whether there is any value to replace.
        is_due: Whether enough has been added that everything should be recompiled together.
    """

    __slots__ = (
        "_added", "_added_characters", "_is_settling", "_known", "_latest", "_now", "_rest",
        "is_due", "is_needed",
    )  # fmt: skip

    def __init__(self, now: Callable[[], Iterable[str]]) -> None:
        """Take a function that returns all current values; removed values stay masked for now."""
        self.is_needed = self.is_due = self._is_settling = False
        self._now = now
        self._known = set[str]()
        self._rest = Mask(())
        self._added: list[str] = []
        self._added_characters = 0
        self._latest: Mask | None = None

    def add(self, values: Iterable[str]) -> None:
        """Mask these values too."""
        for value in values:
            if value not in self._known:
                self._known.add(value)
                self._added.append(value)
                self._added_characters += len(value)
                self._latest = None
        self._note()

    async def settle(self) -> None:
        """Recompile all values together beside the event loop, if that is due."""
        if not self.is_due or self._is_settling:
            return
        self._is_settling = True
        values, count = sorted(set(self._now())), len(self._added)
        try:
            self._rest = await offload(lambda: Mask(values))
        finally:
            self._is_settling = False
        self._added = self._added[count:]
        self._added_characters = sum(map(len, self._added))
        self._known = {*values, *self._added}
        self._latest = None
        self._note()

    def value(self, value: Json) -> Json:
        """Return the JSON value without the secret values in it."""
        return self._mask_of_added().value(self._rest.value(value))

    def text(self, text: str) -> str:
        """Return the text without the values, even if the text was cut inside one."""
        return self._mask_of_added().text(self._rest.text(text))

    def _mask_of_added(self) -> Mask:
        latest = self._latest
        if latest is None:
            latest = self._latest = Mask(self._added)
        return latest

    def _note(self) -> None:
        self.is_due = len(self._added) > FEW or self._added_characters > FEW_CHARACTERS
        self.is_needed = self._rest.is_needed or bool(self._added)


class Masks(dict[str, GrowingMask]):
    """A mask for all secrets of each tenant, which follows later changes; made when asked for."""

    def __init__(self, known: Callable[[str], Iterable[str]]) -> None:
        super().__init__()
        self._known = known

    def __missing__(self, tenant: str) -> GrowingMask:
        mask = self[tenant] = GrowingMask(partial(self._known, tenant))
        return mask
