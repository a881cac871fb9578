"""A suspended process does not act for runs that another process may have taken over meanwhile.

After a suspension, its next action runs before any timer that would notice the suspension.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from app.asgi import working
from app.execution.driving.driver import Driver
from app.outbound import status_line
from app.outbound.guarded_transport import GuardedBackend
from app.settings.server import load
from benchmarks.own.engine_rate import new_run
from journal.processes.shared_owners import SharedOwners
from tests.harness.counting import Counting
from tests.harness.postgres import PostgresServer
from tests.harness.workflows import straight

Suspends = Callable[[pytest.MonkeyPatch, Callable[[], None]], None]


def between_the_commit_and_its_answer(
    patch: pytest.MonkeyPatch, suspend: Callable[[], None]
) -> None:
    flushed: Any = Driver._flushed

    def late(driver: Driver, *given: Any) -> None:
        suspend()
        flushed(driver, *given)

    patch.setattr(Driver, "_flushed", late)
    patch.setattr(status_line, "pass_fence", lambda: None)  # Python tools have none


def while_it_connects(patch: pytest.MonkeyPatch, suspend: Callable[[], None]) -> None:
    connect: Callable[..., Awaitable[Any]] = GuardedBackend.connect_tcp

    async def late(backend: GuardedBackend, *given: Any, **named: Any) -> Any:
        stream = await connect(backend, *given, **named)
        suspend()
        return stream

    patch.setattr(GuardedBackend, "connect_tcp", late)


@pytest.mark.parametrize("suspends", [between_the_commit_and_its_answer, while_it_connects])
async def test_a_suspended_process_does_not_act_and_the_step_is_done_once(
    suspends: Suspends, postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, seen = postgres.database(), list[int]()
    given = {
        "data": tmp_path, "database": database.url, "database_schema": database.schema,
        "allowed_networks": ["127.0.0.0/8"],
    }  # fmt: skip
    with Counting() as counting:
        post = {"id": "post", "type": "call-api", "method": "POST", "url": f"{counting.address}/ok"}
        definition = {
            "id": "acts", "name": "acts", "initialStep": "post",
            "steps": [post, {"id": "end", "type": "end-flow"}], "edges": straight("post"),
        }  # fmt: skip
        async with working(load(given).settings) as services:
            owners: Any = services.sharing._shared.owners if services.sharing else None
            assert isinstance(owners, SharedOwners)

            def suspend() -> None:
                if not seen:
                    seen.append(sum(counting.requests.values()))
                    owners._sure_until_s = 0.0  # as before the timer that sets it runs
                    asyncio.get_running_loop().call_later(0.3, notice)

            def notice() -> None:
                seen.append(sum(counting.requests.values()))
                owners._drop_all()

            async with asyncio.timeout(30):
                while not owners.shards:  # noqa: ASYNC110 - nothing signals it
                    await asyncio.sleep(0.02)
                suspends(monkeypatch, suspend)
                new = await new_run(services, definition)
                _, outcome = await services.runs.start(new, wait=True)
                assert outcome is not None
                assert (await outcome).status == "completed"
    assert seen == [0, 0]
    assert list(counting.requests.values()) == [1]
