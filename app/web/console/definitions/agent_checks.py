"""The checks of an agent: recorded runs beside their replays with a version of the agent."""

from typing import Any

from starlette.responses import Response

from app.auth.roles import Role
from app.definitions.replays import Replay, replay_id
from app.web.console.definitions.version_list import VersionListQuery
from app.web.console.page import Page
from app.web.console.rendering import page
from app.web.console.runs.replay_view import replay_of
from app.web.endpoint import Call
from engine import JsonObject, Run
from journal import RunFilter, RunRow, UnknownRun

_MOST_CHECKS = 20
_MOST_REPLAYS = 200


async def checks_page(call: Call) -> Response:
    """Show the results of the newest replays of an agent's checks with a version."""
    query = call.query(VersionListQuery)
    row = await call.services.agents.table.get(call.tenant, call.path("id"), query.version)
    named = row.definition.get("checks")
    checks = [str(one) for one in named] if isinstance(named, list) else []
    lines = [await _line(call, run_id, row.version) for run_id in checks[:_MOST_CHECKS]]
    done = [line["replay"] for line in lines if line["replay"]]
    return await page(
        call,
        "agent_checks.html",
        "agents",
        agent=row,
        lines=lines,
        more=max(0, len(checks) - _MOST_CHECKS),
        same=sum(bool(one["same"]) for one in done),
        done=len(done),
        sums=_sums(done),
    )


async def _line(call: Call, run_id: str, version: str) -> dict[str, Any]:
    try:
        run = await call.services.runs.read(call.tenant, run_id)
    except UnknownRun:
        return {"run_id": run_id, "is_there": False, "replay": None}
    replay = await _newest(call, run, version)
    found = None if replay is None else await replay_of(call, replay)
    return {"run_id": run_id, "is_there": True, "replay": found}


async def _newest(call: Call, run: Run, version: str) -> Run | None:
    wanted = RunFilter(workflow_id=replay_id(run.workflow_id))
    rows = await call.services.journal.runs.page(call.tenant, wanted, _MOST_REPLAYS)
    found = next((row for row in rows if _is_of(row, run.id, version)), None)
    return None if found is None else await call.services.runs.read(call.tenant, found.run_id)


def _is_of(row: RunRow, run_id: str, version: str) -> bool:
    replay = Replay.from_version(row.version)
    return (replay.run_id, replay.version, replay.model) == (run_id, version, "")


def _sums(replays: list[JsonObject]) -> list[JsonObject]:
    """Add up the usage of all checks, side by side."""
    sums: dict[str, dict[str, Any]] = {}
    for one in replays:
        numbers: Any = one["numbers"]
        for number in numbers:
            sum_ = sums.setdefault(number["name"], {"before": 0, "after": 0})
            sum_["before"] += number["before"] or 0
            sum_["after"] += number["after"] or 0
    return [{"name": name, **both} for name, both in sums.items()]


PAGES = (
    Page(
        "GET", "/agents/{id}/checks", Role.VIEWER, checks_page, "Checks of an agent", None,
        VersionListQuery,
    ),
)  # fmt: skip
