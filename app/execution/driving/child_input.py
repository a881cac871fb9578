"""The input of a child run: checked against the workflow that its parent calls."""

from functools import partial

from app.definitions.versioned import DefinitionUnusable
from app.files.uploads import unknown_files
from engine import Json, RunError
from engine.value import value
from journal import Journal
from steps.contract.step_type import Problem, listed
from steps.document.compiled import Definition
from steps.effects.child_runs import ChildRun
from steps.language.beside import beside_if_long


@value(frozen=True, slots=True)
class Called:
    """A workflow as a step calls it, or the reason why it cannot be called."""

    workflow_id: str
    version: str
    definition: Definition | DefinitionUnusable
    refused: RunError | None = None


async def checked_input(
    journal: Journal, tenant: str, called: Called, wanted: ChildRun
) -> tuple[dict[str, Json], RunError | None]:
    """Return a child's data with defaults filled in, and why it is refused, if it is."""
    definition = called.definition
    if wanted.refused or isinstance(definition, DefinitionUnusable):
        return wanted.data, wanted.refused or called.refused
    fitted = partial(_fitted, definition, wanted.data)
    data, refused = await beside_if_long(wanted.data, fitted)
    if refused is None:
        refused = _unfit(await unknown_files(journal, tenant, definition.inputs, data))
    return data, refused


def _fitted(
    definition: Definition, data: dict[str, Json]
) -> tuple[dict[str, Json], RunError | None]:
    refused = _unfit(definition.payload.check(data))
    return (data, refused) if refused else (definition.payload.with_defaults(data), None)


def _unfit(problems: list[Problem]) -> RunError | None:
    if not problems:
        return None
    return RunError(
        None, "InvalidInput", f"the input does not fit: {listed(problems[:5])}", retryable=False
    )
