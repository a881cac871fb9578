"""The data of a run after a step has delivered."""

from engine.events import StepCompleted
from engine.values import JsonObject


def data_after(data: JsonObject, event: StepCompleted) -> JsonObject:
    """Return the data with the step's delivery merged in; lists get their new items appended."""
    after = {**data, **event.data}
    if event.removed:
        kept = {name: item for name, item in data.items() if name not in event.removed}
        after = {**kept, **event.data}
    for name, items in event.appended.items():
        before = after.get(name)
        after[name] = [*before, *items] if isinstance(before, list) else list(items)
    return after
