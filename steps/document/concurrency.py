"""How many runs may be in progress at once, and what happens to further ones.

A document, or a body in one, sets `concurrency`. Runs whose `key` gives the same text are counted
together, within their workflow or in a `pool` that several workflows share. The place that a run
needs is computed once, from the run's input, and kept in its history.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import Discriminator, Field, StringConstraints, Tag

from engine import Json, Place
from engine.value import value
from steps.contract.part import Part
from steps.contract.step_type import Problem
from steps.language.allowance import Allowance
from steps.language.expression import ExpressionError
from steps.language.template import Template, as_text
from steps.language.template_places import APART

LONGEST_KEY = 200
_MOST_WORK = 20_000
_PRIORITY = 1_000_000

_MOST_PLACES = 100_000

PoolName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
WhenFull: TypeAlias = Literal["queue", "refuse", "cancel-oldest"]


_INTEGER, _TEXT = "constrained-int", "constrained-str"
_Text = Annotated[str, Tag(_TEXT)]
_Integer = Annotated[int, Tag(_INTEGER)]
_Limit = Annotated[int, Field(ge=1, le=_MOST_PLACES), Tag(_INTEGER)]
_INTEGER_OR_TEXT = Discriminator(lambda written: _TEXT if isinstance(written, str) else _INTEGER)


class Concurrency(Part):
    """How many runs may be in progress at once."""

    key: str = Field(
        "",
        max_length=1_000,
        description="which runs are counted together: a template over the run that is started, "
        "such as `{{ data.customer }}`; default: all runs of the workflow, or of the pool",
    )
    pool: PoolName | None = Field(
        None,
        description="the name of a pool: the runs of all workflows of the tenant with this pool "
        "are counted together, not only those of this workflow; required in a body",
    )
    limit: _Limit | _Text = Field(
        discriminator=_INTEGER_OR_TEXT,
        description="how many of them may be in progress, including paused ones; an integer, or "
        "a template that gives one, such as `{{ vars.slots }}`",
    )
    whenFull: WhenFull = Field(  # noqa: N815 - the document's word
        "queue",
        description="what happens to a further run: it waits in line; it fails with "
        "`LimitReached`; or the oldest runs are cancelled to make room",
    )
    priority: _Integer | _Text = Field(
        0,
        discriminator=_INTEGER_OR_TEXT,
        description="waiting runs with a larger number begin first; among equals, the oldest; "
        "an integer, or a template that gives one",
    )


Limited: TypeAlias = Annotated[Concurrency | None, APART]
"""The `concurrency` of a document or a body; its templates see the run that is started."""


@value(frozen=True, slots=True)
class Places:
    """The place that each run of a definition needs."""

    key: Template
    limit: Template
    when_full: WhenFull
    priority: Template
    pool: str
    given: Mapping[str, Json]
    """The names that the templates may use beside the scope of a run: `constants`."""

    def of(self, scope: Mapping[str, Json]) -> Place:
        """Return the place of a run that begins. Raises `ExpressionError`."""
        names = {**scope, **self.given}
        with Allowance.of(_MOST_WORK):
            key = as_text(self.key.render(names))
            limit = _integer(self.limit, names)
            priority = _integer(self.priority, names)
        if len(key) > LONGEST_KEY:
            why = f"it gives {len(key)} characters, and at most {LONGEST_KEY} are allowed"
            raise ExpressionError(str(self.key.source), why)
        if not 1 <= limit <= _MOST_PLACES:
            why = f"it gives {limit}, but must give from 1 to {_MOST_PLACES:,}"
            raise ExpressionError(str(self.limit.source), why)
        priority = max(-_PRIORITY, min(priority, _PRIORITY))
        return Place(key, limit, self.when_full, priority, self.pool)


def _integer(template: Template, names: Mapping[str, Json]) -> int:
    given = template.render(names)
    if isinstance(given, bool) or not isinstance(given, int):
        raise ExpressionError(str(template.source), "it does not give an integer")
    return given


def places_of(
    written: Concurrency | None, given: Mapping[str, Json], *, is_body: bool = False
) -> tuple[Places | None, list[Problem]]:
    """Compile the `concurrency` of a document or a body; return None if it has none."""
    if written is None:
        return None, []
    made: dict[str, Template] = {}
    problems: list[Problem] = []
    if is_body and written.pool is None:
        message = "is required in a body: its runs count in a pool, which other bodies may name too"
        problems.append(Problem("concurrency.pool", message))
    for name in ("key", "limit", "priority"):
        source = getattr(written, name)
        try:
            made[name] = Template(source)
        except ExpressionError as wrong:
            problems.append(Problem(f"concurrency.{name}", str(wrong)))
        if name != "key" and isinstance(source, str) and "{{" not in source:
            message = "must be an integer, or a template that gives one"
            problems.append(Problem(f"concurrency.{name}", message))
    if problems:
        return None, problems
    pool = written.pool or ""
    return Places(**made, when_full=written.whenFull, pool=pool, given=given), []
