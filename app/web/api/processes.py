"""The processes that share the journal, and what the end of one has cut off."""

from starlette.responses import Response

from app.auth.roles import Role
from app.web.endpoint import Call, Endpoint
from app.web.json_answer import JsonAnswer
from engine import JsonObject, iso_time
from journal import SHARDS

_MOST_CUT_OFF = 50


async def show_processes(call: Call) -> Response:
    """List the processes that share the journal, their shards, and what waits for them."""
    return JsonAnswer(await processes_document(call))


async def processes_document(call: Call) -> JsonObject:
    """Return the answer; the health page of the console shows the same."""
    journal = call.services.journal
    shared = journal.shared
    rows = [] if shared is None else await shared.processes()
    waiting, oldest_ms = await journal.wakes.waiting()
    now_ms = call.services.clock.now_ms()
    cut_off = [one for one in await journal.runs.suspects() if one.tenant == call.tenant]
    return {
        "shared": shared is not None,
        "processes": [
            {
                "name": row.name,
                "shards": row.shards,
                "since": iso_time(row.since_ms),
                "silentFor": row.silent_ms,
                "leaving": row.place is None,
            }
            for row in rows
        ],
        "shards": SHARDS,
        "shardsWithoutProcess": 0 if shared is None else SHARDS - sum(row.shards for row in rows),
        "commandsWaiting": waiting,
        "oldestCommandAge": None if oldest_ms is None else max(0, now_ms - oldest_ms),
        "cutOff": [
            {"runId": one.run_id, "stepId": one.step_id, "interruptions": one.interruptions}
            for one in cut_off[:_MOST_CUT_OFF]
        ],
        "cutOffCount": len(cut_off),
    }


ENDPOINTS = (
    Endpoint("GET", "/api/processes", Role.VIEWER, show_processes, "List the processes"),
)  # fmt: skip
