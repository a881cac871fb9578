"""The part of `docs/triggers.md` that lists keys, generated from the models that check requests."""

from collections.abc import Callable, Iterator
from pathlib import Path

from pydantic import BaseModel

from app.triggers.schedule_document import ScheduleBody
from app.triggers.trigger_document import FormTrigger, RequestTrigger, RunTrigger
from app.wire.requests.signal_body import SignalBody

_FILE = Path(__file__).resolve().parent.parent / "docs" / "triggers.md"
_MARK = "<!-- What follows is made from the code by `make reference`. -->"
MODELS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("schedule", ScheduleBody),
    ("signal", SignalBody),
    ("webhook that comes in", RequestTrigger),
    ("trigger on ends of runs", RunTrigger),
    ("public form", FormTrigger),
)
Table = Callable[[type[BaseModel]], Iterator[str]]


def page(table: Table, parts: Table) -> Iterator[str]:
    """Yield the lines of the page: the handwritten part, then the generated one."""
    yield _FILE.read_text(encoding="utf-8").partition(_MARK)[0] + _MARK
    for name, model in MODELS:
        yield f"\n## Keys of a {name}\n"
        yield from table(model)
        yield from parts(model)
