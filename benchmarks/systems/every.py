"""Every system, in the order of the table, and those that cannot be had."""

from collections.abc import Callable

from benchmarks.systems.base import System
from benchmarks.systems.dbos import DbosPostgres, DbosSqlite, DbosSqliteHttp
from benchmarks.systems.langgraph import LangGraph
from benchmarks.systems.prefect import Prefect
from benchmarks.systems.restate import Restate
from benchmarks.systems.stepwell import Stepwell

SYSTEMS: dict[str, Callable[[], System]] = {
    "stepwell": lambda: Stepwell(pure=False),
    "stepwell-pure": lambda: Stepwell(pure=True),
    "dbos-sqlite": DbosSqlite,
    "dbos-sqlite-http": DbosSqliteHttp,
    "dbos-postgres": DbosPostgres,
    "restate": Restate,
    "langgraph": LangGraph,
    "prefect": Prefect,
}

NOT_MEASURED = {
    "Temporal": "its server comes as a binary that its own site serves, and no package "
    "registry has it; the test server that the registries have keeps nothing on disk",
    "Inngest": "its npm package downloads the server when it is installed",
}
