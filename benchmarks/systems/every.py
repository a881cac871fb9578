"""Every system, in the order of the table, and the unavailable ones."""

from collections.abc import Callable

from benchmarks.systems.base import System
from benchmarks.systems.dbos import DbosPostgres, DbosSqlite, DbosSqliteHttp
from benchmarks.systems.langgraph import LangGraph
from benchmarks.systems.n8n import N8n
from benchmarks.systems.prefect import Prefect
from benchmarks.systems.restate import Restate
from benchmarks.systems.stepwell import Stepwell
from benchmarks.systems.stepwell_postgres import StepwellPostgres
from benchmarks.systems.temporal import Temporal

SYSTEMS: dict[str, Callable[[], System]] = {
    "stepwell": Stepwell,
    "stepwell-pure": lambda: Stepwell(pure=True),
    "stepwell-newer": lambda: Stepwell(is_newer=True),
    "stepwell-postgres": lambda: StepwellPostgres(1),
    "stepwell-postgres-2": lambda: StepwellPostgres(2),
    "dbos-sqlite": DbosSqlite,
    "dbos-sqlite-http": DbosSqliteHttp,
    "dbos-postgres": DbosPostgres,
    "restate": Restate,
    "temporal": Temporal,
    "n8n": N8n,
    "n8n-legacy": lambda: N8n(engine="legacy"),
    "langgraph": LangGraph,
    "prefect": Prefect,
}

NOT_MEASURED = {
    "Inngest": "its npm package downloads the server when it is installed",
}
