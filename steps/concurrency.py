"""How many runs of a workflow may be under way at once, and what becomes of more.

A document says `concurrency`: runs whose `key` gives the same text count together. Which place a
run needs is worked out once, from what it is started with, and stands in its history.
"""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from engine import Json, Place
from engine.value import value
from steps.contract import Problem
from steps.expression import ExpressionError
from steps.language.allowance import Allowance
from steps.template import Template, as_text

LONGEST_KEY = 200
_MOST_WORK = 20_000
_PRIORITY = 1_000_000

WhenFull: TypeAlias = Literal["queue", "refuse", "cancel-oldest"]


class Concurrency(BaseModel):
    """How many runs may be under way at once."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    key: str = Field(
        "",
        max_length=1_000,
        description="which runs count together: a template over the run as it is started, such as "
        "`{{ data.customer }}`; without it all runs of the workflow",
    )
    limit: int = Field(
        ge=1, le=100_000, description="how many of them may be under way, paused ones included"
    )
    whenFull: WhenFull = Field(  # noqa: N815 - the document's word
        "queue",
        description="what becomes of one more: it waits in line; it fails with `LimitReached`; or "
        "the oldest are cancelled, until the newest have room",
    )
    priority: int | str = Field(
        0,
        description="runs in line with a larger number begin first, and else the older; an "
        "integer, or a template that gives one",
    )


@value(frozen=True, slots=True)
class Places:
    """Which place each run of a definition needs."""

    key: Template
    limit: int
    when_full: WhenFull
    priority: Template
    given: Mapping[str, Json]
    """What the templates may name beside the scope of a run: `constants`."""

    def of(self, scope: Mapping[str, Json]) -> Place:
        """Return the place of a run that begins. Raises `ExpressionError`."""
        names = {**scope, **self.given}
        with Allowance(_MOST_WORK):
            key = as_text(self.key.render(names))
            priority = self.priority.render(names)
        if len(key) > LONGEST_KEY:
            why = f"it gives {len(key)} characters, and {LONGEST_KEY} are the most"
            raise ExpressionError(str(self.key.source), why)
        if isinstance(priority, bool) or not isinstance(priority, int):
            raise ExpressionError(str(self.priority.source), "it gives no integer")
        priority = max(-_PRIORITY, min(priority, _PRIORITY))
        return Place(key, self.limit, self.when_full, priority)


def places_of(
    written: Concurrency | None, given: Mapping[str, Json]
) -> tuple[Places | None, list[Problem]]:
    """Compile what a document says of concurrency; None where it says nothing."""
    if written is None:
        return None, []
    made: dict[str, Template] = {}
    problems: list[Problem] = []
    for name, source in (("key", written.key), ("priority", written.priority)):
        try:
            made[name] = Template(source)
        except ExpressionError as wrong:
            problems.append(Problem(f"concurrency.{name}", str(wrong)))
    if isinstance(written.priority, str) and "{{" not in written.priority:
        told = "must be an integer, or a template that gives one"
        problems.append(Problem("concurrency.priority", told))
    if problems:
        return None, problems
    key, priority = made["key"], made["priority"]
    return Places(key, written.limit, written.whenFull, priority, given), []
