"""What a value of a run influenced: the expressions that read it, or what was made from it."""

from collections.abc import Iterator

from app.wire.runs.explained_path import Asked, Keys
from app.wire.runs.origins import Origins, Written
from app.wire.runs.step_readings import StepReadings, names_in
from engine import JsonObject
from steps.checking.readings import Reading
from steps.language.syntax.paths import Path

_WHOLE = ""
"""Stands for everything that a step wrote; no field of the data has this name."""


class Reached:
    """Follows one value through the run, from the event that wrote it."""

    def __init__(
        self, origins: Origins, readings: StepReadings, asked: Asked, source: Written
    ) -> None:
        self._origins = origins
        self._readings = readings
        self._source = source
        self._is_field = asked.root == "data"
        self._names = {str(asked.keys[0])} if self._is_field else {_WHOLE}
        self._keys: Keys = asked.keys[1:] if self._is_field else asked.keys[2:]
        self._made = {source.seq: set(self._names)}

    def places(self) -> Iterator[JsonObject]:
        """Yield what read the value, and then what read the results of that, in order."""
        for seq, written in sorted(self._origins.written.items()):
            if written.writer != "step" or seq < self._source.seq:
                continue
            if seq > self._source.seq or self._is_field:
                for one in self._readings.settings(written.step_id):
                    yield from self._read(one, written)
                for one in self._readings.declared(written.step_id):
                    yield from self._read(one, written)
            for one in self._readings.conditions(written.step_id):
                for path in one.paths:
                    is_direct = self._holds(path, self._maker(path, seq + 1))
                    if is_direct is not None:
                        yield _place(written, one, path, is_direct=is_direct)

    def _read(self, one: Reading, written: Written) -> Iterator[JsonObject]:
        """Yield what an expression of a step reads of the value, and note what that makes."""
        for path in one.paths:
            is_own = path.root == "data" and bool(path.keys)
            is_own = is_own and self._readings.is_own(one, path.keys[0], written.step_id)
            maker = written if is_own else self._maker(path, written.entered)
            is_direct = self._holds(path, maker)
            if is_direct is not None:
                names = set(names_in(one.place)) or {_WHOLE}
                self._made.setdefault(written.seq, set()).update(names)
                yield _place(written, one, path, is_direct=is_direct)

    def _maker(self, path: Path, before: int) -> Written | None:
        match path.root, path.keys:
            case "data", (str(name), *_):
                return self._origins.of_data(name, before)
            case "steps", (str(step_id), *_):
                return self._origins.of_output(step_id, before)
        return None

    def _holds(self, path: Path, maker: Written | None) -> bool | None:
        """Return None if a path holds nothing of the value, else whether it is the value itself."""
        names = self._made.get(maker.seq) if maker else None
        if maker is None or not names:
            return None
        name, keys = _WHOLE, path.keys[2:]
        if path.root == "data":
            name, keys = str(path.keys[0]), path.keys[1:]
        elif _WHOLE not in names:
            fields = maker.output.keys() if isinstance(maker.output, dict) else set[str]()
            found = names & fields if not keys else names & fields & {keys[0]}
            if not found:
                return None
            name, keys = found.pop(), keys[1:]
        if not names & {name, _WHOLE}:
            return None
        if maker.seq != self._source.seq or not self._names & {name, _WHOLE}:
            return False
        is_comparable = self._is_field or path.root == "steps"
        return True if not is_comparable or _overlap(keys, self._keys) else None


def _overlap(one: Keys, other: Keys) -> bool:
    """Return whether one value may be a part of the other, or the same."""
    return all(a == b or _may_equal(a, b) for a, b in zip(one, other, strict=False))


def _may_equal(a: str | int, b: str | int) -> bool:
    """Return whether one index counts from the end, and the other from the beginning."""
    return isinstance(a, int) and isinstance(b, int) and (a < 0) != (b < 0)


def _place(written: Written, one: Reading, path: Path, *, is_direct: bool) -> JsonObject:
    return {
        "stepId": written.step_id,
        "stepName": written.step_name or written.step_id,
        "stepType": written.step_type,
        "visit": written.visit,
        "event": written.seq,
        "place": one.place,
        "expression": one.expression,
        "path": str(path),
        "isDirect": is_direct,
    }
