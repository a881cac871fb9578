"""DBOS Transact for Python: in this process, or behind a small HTTP endpoint.

Used as documented: decorated coroutines, the system database by its address, otherwise default
settings, also for durability.
"""

import argparse
import asyncio
from typing import Any

import uvicorn
from dbos import DBOS, DBOSConfig
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from benchmarks.gate import wait_at_the_gate
from benchmarks.peers.commands import serve


@DBOS.step()
async def add(a: int, b: int) -> dict[str, int]:
    return {"sum": a + b}


@DBOS.step()
async def gated_add(a: int, b: int) -> dict[str, int]:
    await wait_at_the_gate()
    return {"sum": a + b}


@DBOS.workflow()
async def five(n: int) -> dict[str, int]:
    last: dict[str, int] = {}
    for i in range(5):
        last = await add(i, n)
    return last


@DBOS.workflow()
async def gated(n: int) -> dict[str, int]:
    last: dict[str, int] = {}
    for i in range(5):
        last = await (gated_add if i == 2 else add)(i, n)
    return last


class Dbos:
    async def run(self) -> None:
        result = await five(1)
        assert result == {"sum": 5}, result

    async def start_gated(self, count: int) -> None:
        for _ in range(count):
            await DBOS.start_workflow_async(gated, 1)

    async def unfinished(self) -> int:
        found = await DBOS.list_workflows_async(
            status=["PENDING", "ENQUEUED"], name="gated", limit=2_000, load_input=False
        )
        return len(found)


async def _five(_: Request) -> JSONResponse:
    return JSONResponse(await five(1))


async def _gated(request: Request) -> JSONResponse:
    await Dbos().start_gated(int(request.query_params["count"]))
    return JSONResponse({})


async def _unfinished(_: Request) -> JSONResponse:
    return JSONResponse({"unfinished": await Dbos().unfinished()})


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", required=True)
    parser.add_argument("--port", type=int)
    given = parser.parse_args()
    config: DBOSConfig = {
        "name": "five",
        "system_database_url": given.database,
        "application_version": "1",
        "run_admin_server": False,
        "log_level": "ERROR",
    }
    DBOS(config=config)
    DBOS.launch()
    try:
        if given.port:
            routes: Any = [
                Route("/five", _five, methods=["POST"]),
                Route("/gated", _gated, methods=["POST"]),
                Route("/unfinished", _unfinished),
            ]
            settings = uvicorn.Config(
                Starlette(routes=routes), port=given.port, log_config=None, access_log=False
            )
            await uvicorn.Server(settings).serve()
        else:
            await serve(Dbos())
    finally:
        DBOS.destroy()


if __name__ == "__main__":
    asyncio.run(main())
