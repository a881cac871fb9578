"""Adds up model usage over answers, steps and runs."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from engine import Json, JsonObject
from steps.effects.chat import Usage, usage_from_json


@dataclass(slots=True)
class _Total:
    calls: int = 0
    latency_ms: int = 0
    estimated: int = 0
    usage: Usage = field(default_factory=Usage)

    def add(self, counted: JsonObject) -> None:
        """Add a line of a usage."""
        self.calls += _number(counted.get("calls"))
        self.latency_ms += _number(counted.get("latencyMs"))
        self.estimated += _number(counted.get("estimated"))
        self.usage += usage_from_json(counted)

    def to_json(self) -> JsonObject:
        counted = {name: item for name, item in self.usage.to_json().items() if name != "estimated"}
        shown: JsonObject = {"calls": self.calls, **counted, "latencyMs": self.latency_ms}
        return {**shown, "estimated": self.estimated} if self.estimated else shown


def together(usages: Iterable[Json]) -> Json:
    """Add up the model usage of several runs; return None if there is none."""
    return added_up(line for usage in usages for line in lines_of(usage))


def added_up(lines: Iterable[JsonObject]) -> Json:
    """Return the sum of lines that each name a `model`, and the sums by model; None if empty."""
    total, by_model = _Total(), dict[str, _Total]()
    for line in lines:
        total.add(line)
        by_model.setdefault(str(line["model"]), _Total()).add(line)
    if not by_model:
        return None
    models: list[Json] = [
        {"model": name, **spent.to_json()} for name, spent in sorted(by_model.items())
    ]
    return {**total.to_json(), "models": models}


def lines_of(usage: Json) -> list[JsonObject]:
    """Return the lines of a usage, one for each model."""
    models = usage.get("models") if isinstance(usage, dict) else None
    found = models if isinstance(models, list) else []
    return [line for line in found if isinstance(line, dict) and "model" in line]


def _number(value: Json) -> int:
    return value if isinstance(value, int) else 0
