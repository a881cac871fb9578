"""The one search: workflows, agents and runs by the same words."""

from app.wire.requests.bodies import ListRunsQuery
from app.wire.runs.listing import FoundRuns, found_runs
from engine.value import value
from journal import DefinitionFilter, Journal, RunPage, VersionRow


@value(frozen=True, slots=True)
class Found:
    """What was found, the newest first.

    Attributes:
        workflows: By name, description or id; those that are archived are left out.
        agents: Likewise.
        runs: By title, label, id, or words of the data that they were started with.
        more: The kinds of which there is more: `workflows`, `agents`, `runs`.
    """

    workflows: tuple[VersionRow, ...]
    agents: tuple[VersionRow, ...]
    runs: FoundRuns
    more: tuple[str, ...]


async def found_everywhere(
    journal: Journal, tenant: str, text: str, *, most_definitions: int, most_runs: int
) -> Found:
    """Search a tenant for words; an empty text finds nothing.

    Args:
        journal: Where to search.
        tenant: Whose objects.
        text: The words, or the beginnings of words.
        most_definitions: How many workflows are found at most, and how many agents.
        most_runs: How many runs.
    """
    if not text:
        return Found((), (), FoundRuns(RunPage([], None), {}, {}), ())
    wanted = DefinitionFilter(search=text, limit=most_definitions + 1)
    workflows = await journal.workflows.search(tenant, wanted)
    agents = await journal.agents.search(tenant, wanted)
    runs = await found_runs(journal, tenant, ListRunsQuery(text=text), most_runs)
    are_more = {
        "workflows": len(workflows) > most_definitions,
        "agents": len(agents) > most_definitions,
        "runs": runs.page.following is not None,
    }
    return Found(
        tuple(workflows[:most_definitions]),
        tuple(agents[:most_definitions]),
        runs,
        tuple(kind for kind, is_more in are_more.items() if is_more),
    )
