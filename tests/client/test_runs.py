"""The client against a real server: start, wait, answer, cancel and terminate."""

from collections.abc import Iterator

import pytest

from stepwell.client import (
    ApiError,
    AsyncClient,
    Client,
    InvalidName,
    NoCredentials,
    NotPaused,
    RunCancelled,
    RunFailed,
    RunTerminated,
    Unanswered,
    WaitTimeout,
)
from tests.client.conftest import client_for
from tests.harness.server import Server, free_port


@pytest.fixture
def client(defined: Server) -> Iterator[Client]:
    with client_for(defined) as opened:
        yield opened


def test_a_run_is_started_waited_for_and_answered(client: Client) -> None:
    run = client.start("asking", {"amount": 3})
    paused = run.wait(60)
    assert paused.status == "paused"
    assert paused.pause is not None
    assert paused.pause.step_id == "ask"
    assert run.id in [line.run_id for line in client.inbox()]
    value = paused.pause.actions[0].value
    run.resume_action(value, "fine")
    ended = run.wait(60)
    assert (ended.status, ended.has_ended, ended.data["amount"]) == ("completed", True, 3)
    assert [entry.step_id for entry in ended.history] == ["ask", "end"]
    assert [event.type for event in run.events()][-1] == "run.completed"
    with pytest.raises(NotPaused):
        run.resume_action(value)


def test_collected_inputs_are_sent(client: Client) -> None:
    run = client.start("collecting", {})
    assert run.wait(60).status == "paused"
    with pytest.raises(ApiError) as refused:
        run.resume_inputs({})
    assert refused.value.status == 400
    assert refused.value.error == "Invalid input"
    assert "city" in refused.value.details[0]["path"]
    assert refused.value.request_id
    run.resume_inputs({"city": "Ulm"})
    assert run.wait(60).status == "completed"


def test_a_wait_returns_at_the_end_of_the_run_or_at_its_timeout(client: Client) -> None:
    run = client.start("napping", {})
    with pytest.raises(WaitTimeout):
        run.wait(0.3)
    assert run.wait(60).status == "completed"


def test_runs_that_do_not_complete_raise(client: Client) -> None:
    with pytest.raises(RunFailed, match="is failed: ") as failed:
        client.start("failing", {}).wait(60)
    assert failed.value.status.error is not None
    assert failed.value.status.error.step_id == "boom"
    run = client.start("asking", {})
    run.wait(60)
    run.cancel("not needed")
    run.cancel("not needed")
    with pytest.raises(RunCancelled, match="not needed"):
        run.wait(60)
    run = client.start("asking", {})
    run.terminate("stuck")
    with pytest.raises(RunTerminated):
        run.wait(60)


def test_a_file_is_uploaded_with_the_start(client: Client) -> None:
    run = client.start_with_file("asking", {"n": "1"}, ("a.txt", b"hello"))
    found = run.wait(60)
    assert found.data["attachment"]["fileName"] == "a.txt"


def test_lists_continue_over_pages(client: Client) -> None:
    ids = {client.start("asking", {}).id for _ in range(5)}
    found = [line.run_id for line in client.runs(workflow_id="asking", page_size=2)]
    assert ids <= set(found)
    assert len(found) == len(set(found))


def test_definitions_are_created_updated_published_and_archived(client: Client) -> None:
    made = client.workflows.create(
        {"name": "New", "initialStep": "end", "steps": [{"id": "end", "type": "end-flow"}]}
    )
    workflow_id = made["id"]
    client.workflows.update(workflow_id, {"name": "Newer"})
    assert client.workflows.get(workflow_id)["name"] == "Newer"
    assert client.workflows.publish(workflow_id)["status"] == "published"
    assert workflow_id in [item["id"] for item in client.workflows.list(search="Newer")]
    assert client.workflows.archive(workflow_id)["status"] == "archived"


def test_the_same_idempotency_key_returns_the_same_run(client: Client) -> None:
    first = client.start("asking", {}, idempotency_key="once")
    assert client.start("asking", {}, idempotency_key="once").id == first.id
    with pytest.raises(ApiError) as reused:
        client.start("asking", {"other": 1}, idempotency_key="once")
    assert reused.value.status == 422


def test_errors_distinguish_refusals_from_an_unreachable_server(
    defined: Server, client: Client
) -> None:
    with pytest.raises(ApiError) as missing:
        client.run("no such run").status()
    assert missing.value.status == 404
    with pytest.raises(InvalidName, match="no/such run"):
        client.run("no/such run").status()
    with Client(defined.address, api_key="wrong", tenant="acme") as wrong:
        with pytest.raises(ApiError) as unknown:
            wrong.start("asking", {})
        assert unknown.value.status == 401
    nowhere = f"http://127.0.0.1:{free_port()}"
    with (
        Client(nowhere, api_key="x", retry_for_s=0.3) as away,
        pytest.raises(Unanswered, match=nowhere),
    ):
        away.start("asking", {})


def test_credentials_come_from_the_environment(
    defined: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NoCredentials):
        Client()
    monkeypatch.setenv("STEPWELL_URL", defined.address)
    monkeypatch.setenv("STEPWELL_KEY", defined.key())
    monkeypatch.setenv("STEPWELL_TENANT", "acme")
    with Client() as client:
        assert client.start("asking", {}).wait(60).status == "paused"


async def test_the_asyncio_client_does_the_same(defined: Server) -> None:
    async with AsyncClient(defined.address, api_key=defined.key(), tenant="acme") as client:
        run = await client.start("asking", {"amount": 3})
        paused = await run.wait(60)
        assert paused.pause is not None
        assert run.id in [line.run_id async for line in client.inbox()]
        await run.resume_action(paused.pause.actions[0].value)
        assert (await run.wait(60)).status == "completed"
        assert [event.type async for event in run.events()][-1] == "run.completed"
        run = await client.start_with_file("collecting", {}, ("a.txt", b"hello"))
        await run.wait(60)
        await run.resume_inputs({"city": "Ulm"})
        assert (await run.wait(60)).status == "completed"
        run = await client.start("napping", {})
        with pytest.raises(WaitTimeout):
            await run.wait(0.3)
        await run.cancel("enough")
        with pytest.raises(RunCancelled):
            await run.wait(60)
        with pytest.raises(ApiError):
            await client.workflows.get("none")
