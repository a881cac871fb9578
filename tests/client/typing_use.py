"""Use of the client for the type checker only; nothing here is executed.

A wrong call has a comment with the error that it must cause; the type checker reports an unused
comment if it accepts the call.
"""

from collections.abc import AsyncIterator, Iterator
from typing import assert_type

from stepwell import client as names
from stepwell.client import (
    Action,
    AsyncClient,
    AsyncRun,
    BulkCount,
    BulkPart,
    Client,
    Event,
    JsonObject,
    PauseSignal,
    Run,
    RunFilter,
    RunLine,
    RunPage,
    RunStatus,
    StatusName,
    Workflow,
    WorkflowStatus,
    WorkflowSummary,
)


def with_threads(client: Client) -> None:
    run = assert_type(client.start("asking", {"n": 1}, version="2", idempotency_key="k"), Run)
    status = assert_type(run.wait(timeout=5), RunStatus)
    assert_type(status.status, StatusName)
    assert_type(status.data, JsonObject)
    assert_type(status.result, JsonObject | None)
    pause = assert_type(status.pause, PauseSignal | None)
    assert pause is not None
    assert_type(pause.actions, tuple[Action, ...])
    assert_type(run.resume_action("approved", "fine", pause_id=pause.pause_id), RunStatus)
    assert_type(run.resume_inputs({"city": "Ulm"}, idempotency_key="k"), RunStatus)
    assert_type(run.events(), Iterator[Event])
    assert_type(client.runs(status="paused", workflow_id="asking"), Iterator[RunLine])
    assert_type(client.events(from_="start", types=["run.*"]), Iterator[Event])
    assert_type(client.run_page(RunFilter(), page_size=2), RunPage)
    assert_type(client.bulk("cancel", RunFilter(workflow_id="asking")), BulkPart)
    assert_type(client.bulk_count("delete", RunFilter()), BulkCount)
    made = assert_type(client.workflows.create({"name": "New"}), Workflow)
    assert_type(made["status"], WorkflowStatus)
    assert_type(client.workflows.list(search="New"), list[WorkflowSummary])


async def without_threads(client: AsyncClient) -> None:
    run = assert_type(await client.start("asking", {}), AsyncRun)
    assert_type(await run.wait(), RunStatus)
    assert_type(client.runs(), AsyncIterator[RunLine])
    assert_type(await client.workflows.get("asking", "published"), Workflow)


def refused(client: Client, run: Run) -> None:
    client.runs(workflowId="asking")  # type: ignore[call-arg] # a mistake that must be found
    client.runs(status="done")  # type: ignore[arg-type] # a mistake that must be found
    client.events(from_="yesterday")  # type: ignore[arg-type] # a mistake that must be found
    client.start("asking", "no object")  # type: ignore[arg-type] # a mistake that must be found
    client.bulk("stop", RunFilter())  # type: ignore[arg-type] # a mistake that must be found
    client.bulk("cancel")  # type: ignore[call-arg] # a mistake that must be found
    client.workflows.list(order="name")  # type: ignore[call-arg] # a mistake that must be found
    run.status().state  # type: ignore[attr-defined]  # noqa: B018
    client.workflows.get("asking")["owner"]  # type: ignore[typeddict-item] # a mistake that must be found
    names.EventStream  # type: ignore[attr-defined]  # noqa: B018
