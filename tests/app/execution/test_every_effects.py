"""The contract of effects towards steps, checked for the live ones and those of the test kit."""

import asyncio
import inspect
import json
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import pytest_asyncio

from app.assembly import open_services
from app.execution.driving.effects import LiveEffects
from app.execution.starting.new_run import NewRun
from app.files.uploads import Upload
from app.services import Services
from app.settings.server import load
from engine import Json, RunError
from steps import (
    AwaitsChildren,
    ChatRequest,
    ChildEnd,
    ChildPlan,
    ChildrenEnded,
    ChildrenOpen,
    ChildRun,
    Done,
    Effects,
    HttpRequest,
    HttpResponse,
    Message,
    Outcome,
    OutgoingSignal,
    StepBroke,
    StepInput,
    StepSettings,
    StepType,
    StoredFile,
    TextPart,
    ToolInfo,
)
from steps.effects.agent_exchange import Exchange
from steps.effects.outgoing import TokenRequest
from steps.testing import FakeEffects, StepTrial, chat_answer, child_end, http_response
from tests.harness import effects_tools
from tests.harness.asking import model
from tests.harness.echo import Echo
from tests.harness.model_server import ModelServer, Reply

pytestmark = pytest.mark.asyncio(loop_scope="module")

TENANT = "acme"
SECRET = "correct-horse-battery"
AGENT: dict[str, Any] = {"id": "finder", "name": "Finder", "instructions": "Find it."}
END = {"id": "end", "type": "end-flow", "result": {"twice": "{{ data.n * 2 }}"}}
DOUBLE: dict[str, Any] = {
    "id": "double", "name": "Double", "description": "Double a number", "tool": True,
    "initialStep": "end", "payload": {"n": {"type": "integer"}}, "steps": [END],
}  # fmt: skip
BREAK: dict[str, Any] = {
    **DOUBLE, "id": "break", "name": "Break", "tool": False,
    "steps": [{"id": "end", "type": "end-flow", "status": "failed", "message": "no"}],
}  # fmt: skip
PROBE: dict[str, Any] = {
    "id": "probe", "name": "Probe", "initialStep": "probe",
    "steps": [{"id": "probe", "type": "probe"}, {"id": "after", "type": "end-flow"}],
    "edges": [{"from": "probe", "to": "after"}],
}  # fmt: skip

Check: TypeAlias = Callable[[Effects], Awaitable[Outcome | None]]


class ProbeSettings(StepSettings):
    """No settings."""


class Probe(StepType[ProbeSettings]):
    """Passes its effects to a check, and keeps the exception of the check."""

    type = "probe"
    settings = ProbeSettings
    resumable = True

    def __init__(self) -> None:
        self.look: Check | None = None
        self.failed: BaseException | None = None

    async def execute(self, settings: ProbeSettings, step: StepInput, effects: Effects) -> Outcome:
        assert self.look is not None
        self.failed = None
        try:
            return await self.look(effects) or Done(None)
        except BaseException as failed:
            self.failed = failed
            raise


@dataclass(frozen=True)
class World:
    """The effects under test, and what steps can use there.

    Attributes:
        perform: Execute a step that checks its effects, until it is done.
        services: The server's parts; None if all effects are fakes.
    """

    perform: Callable[[Check], Awaitable[None]]
    address: str
    file_id: str
    services: Services | None = None


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["live", "fake"])
async def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    if request.param == "fake":
        yield World(_perform_fake, "https://echo.example.com", "f1")
        return
    plugin = Path(effects_tools.__file__)
    folder = tmp_path_factory.mktemp("effects")
    with Echo() as echo, ModelServer(Reply("Paris")) as models:
        settings = {
            "data": folder, "plugins": [plugin], "allowed_networks": ["127.0.0.0/8"],
            "models": {"m": {**model(models, "openai"), "secret": "KEY"}},
        }  # fmt: skip
        async with open_services(load(settings).settings) as services:
            yield await _live(services, echo.address)
            await services.runs.close(1)


async def _live(services: Services, address: str) -> World:
    probe = Probe()
    services.registry._types[probe.type] = probe
    await services.secrets.put(TENANT, "KEY", SECRET)
    stored = await services.files.store(TENANT, Upload("a.txt", "text/plain", b"hello"))
    await services.agents.create(TENANT, AGENT)
    for document in (DOUBLE, BREAK, PROBE):
        await services.workflows.create(TENANT, document)

    async def perform(check: Check) -> None:
        probe.look = check
        row, definition = await services.workflows.startable(TENANT, "probe", None)
        new = NewRun(TENANT, row.id, row.version, definition, {}, "test")
        _, outcome = await services.runs.start(new, wait=True)
        assert outcome is not None
        run = await asyncio.wait_for(outcome, 20)
        if probe.failed:
            raise probe.failed
        assert run.status == "completed", run.error

    return World(perform, address, stored.id, services)


async def _perform_fake(check: Check) -> None:
    probe = Probe()
    probe.look = check
    effects = FakeEffects(
        responses=_echo,
        answers=lambda _: chat_answer("Paris"),
        tool_results={"sum": effects_tools.add, "read": effects_tools.read},
        files=[StoredFile("f1", "a.txt", "text/plain", b"hello")],
        secrets={"KEY": SECRET},
        tokens=[],
        visits={},
        agents={"finder": AGENT},
        workflows=[ToolInfo("double", "Double a number", {"type": "object"})],
        child_runs={
            "double": Doubling(),
            "break": child_end(error=RunError("end", "EndedAsFailed", "no")),
        },
    )
    step = StepTrial(probe, {"id": "probe"}, effects)
    while isinstance(await step.execute(), AwaitsChildren):
        pass


def _echo(request: HttpRequest) -> HttpResponse:
    status = int(request.url.rpartition("/")[2])
    body = (request.content or b"").decode()
    return http_response(status, json={"body": body})


class Doubling:
    """Child runs that are open at their start and have ended when next read."""

    def __init__(self) -> None:
        self._begun: set[int] = set()

    def __call__(self, child: ChildRun) -> ChildEnd | ChildrenOpen:
        number = child.data["n"]
        assert isinstance(number, int)
        if number not in self._begun:
            self._begun.add(number)
            return ChildrenOpen(1)
        return child_end({"twice": number * 2}, data=child.data)


async def broken(work: Awaitable[Any]) -> tuple[str, bool]:
    """Return the error type of a failed call, and whether a retry may help."""
    with pytest.raises(StepBroke) as raised:
        await work
    return raised.value.error.type, raised.value.error.retryable


async def test_the_clock_returns_unix_milliseconds(world: World) -> None:
    async def check(effects: Effects) -> None:
        first = effects.now_ms()
        assert type(first) is int
        assert 1_600_000_000_000 < first <= effects.now_ms() < 4_000_000_000_000

    await world.perform(check)


async def test_a_request_is_answered_whatever_the_status(world: World) -> None:
    async def check(effects: Effects) -> None:
        for status in (200, 404, 503):
            request = HttpRequest("POST", f"{world.address}/{status}", content=b"body")
            answer = await effects.http(request)
            assert answer.status == status
            assert answer.headers["content-type"] == "application/json"
            assert [name for name in answer.headers if name != name.lower()] == []
            assert json.loads(answer.content)["body"] == "body"

    await world.perform(check)


async def test_a_file_is_read_by_its_id(world: World) -> None:
    async def check(effects: Effects) -> None:
        stored = await effects.file(world.file_id)
        assert stored == StoredFile(world.file_id, "a.txt", "text/plain", b"hello")
        assert await broken(effects.file("none")) == ("FileNotFound", False)

    await world.perform(check)


async def test_a_saved_answer_is_a_file_and_saved_once(world: World) -> None:
    async def check(effects: Effects) -> None:
        async def kept(body: bytes, path: str = "200") -> HttpResponse:
            request = HttpRequest("POST", f"{world.address}/{path}", content=body)
            named = "made.json"
            return await effects.download(request, lambda _: named, lambda status: status == 200)

        first, again, other = [await kept(body) for body in (b"here", b"here", b"else")]
        assert first.file == again.file != other.file
        assert first.file is not None
        stored = await effects.file(first.file.file_id)
        assert (stored.name, stored.media_type, len(stored.content)) == (
            "made.json", "application/json", first.file.size,
        )  # fmt: skip
        assert json.loads(stored.content)["body"] == "here"
        assert first.content == b""
        refused = await kept(b"here", "503")
        assert (refused.file, json.loads(refused.content)["body"]) == (None, "here")

    await world.perform(check)


async def test_a_secret_is_returned_by_its_name(world: World) -> None:
    async def check(effects: Effects) -> None:
        assert await effects.secret("KEY") == SECRET
        assert await broken(effects.secret("key")) == ("UnknownSecret", False)

    await world.perform(check)


async def test_a_token_that_cannot_be_obtained_fails_the_step(world: World) -> None:
    async def check(effects: Effects) -> None:
        wanted = TokenRequest(f"{world.address}/400", "shop", "key")
        assert await broken(effects.token(wanted)) == ("TokenRefused", False)

    await world.perform(check)


async def test_a_tool_is_checked_and_called_with_its_context(world: World) -> None:
    async def check(effects: Effects) -> None:
        assert await effects.tool("sum", {"a": 2, "b": 3}) == 5
        assert await broken(effects.tool("sum", {"a": "2"})) == ("InvalidToolInput", False)
        assert await broken(effects.tool("summ", {})) == ("UnknownTool", False)
        calls: Any = [
            await effects.tool("read", {"file": world.file_id}, call) for call in ("", "b", "b")
        ]
        (text, key, step_id), second, again = calls
        assert (text, step_id) == ("hello", "probe")
        assert second == again == ["hello", f"{key}:b", "probe"]
        assert await broken(effects.tool("read", {"file": "none"})) == ("FileNotFound", False)

    await world.perform(check)


async def test_tools_are_listed_with_their_inputs(world: World) -> None:
    async def check(effects: Effects) -> None:
        listed = {info.id: info for info in await effects.tools()}
        assert list(listed) == sorted(listed)
        assert listed["sum"].description == "Add two numbers."
        assert listed["sum"].input_schema["required"] == ["a"]
        assert [effects.is_pure(name) for name in ("sum", "read", "none")] == [True, False, False]

    await world.perform(check)


async def test_a_model_answers(world: World) -> None:
    async def check(effects: Effects) -> None:
        asked = ChatRequest(None, (Message("user", (TextPart("Which?"),)),))
        answer = await effects.chat(asked)
        assert (answer.text, answer.tool_calls, answer.finish) == ("Paris", (), "stop")

    await world.perform(check)


async def test_an_agent_is_returned_by_its_id_and_version(world: World) -> None:
    async def check(effects: Effects) -> None:
        for version in (None, "latest", "1.0.0"):
            agent = await effects.agent("finder", version)
            assert (agent.id, agent.version) == ("finder", "1.0.0")
            assert agent.definition["instructions"] == "Find it."
        for agent_id, version in (("finder", "9.9.9"), ("none", None)):
            assert await broken(effects.agent(agent_id, version)) == ("UnknownAgent", False)

    await world.perform(check)


async def test_a_workflow_is_described_as_a_tool(world: World) -> None:
    async def check(effects: Effects) -> None:
        info = await effects.workflow_as_tool("double")
        assert (info.id, info.description) == ("double", "Double a number")
        assert info.input_schema["type"] == "object"
        for name in ("none", "break"):
            assert await broken(effects.workflow_as_tool(name)) == ("UnknownTool", False)

    await world.perform(check)


async def test_work_is_done_once_and_its_record_returned(world: World) -> None:
    done: list[str] = []

    def work(value: Any) -> Callable[[], Awaitable[Json]]:
        async def does() -> Json:
            done.append(str(value))
            if isinstance(value, Exception):
                raise value
            return value  # type: ignore[no-any-return] # what an extender may write

        return does

    async def check(effects: Effects) -> None:
        assert effects.recalled("pair") is None
        for _ in range(2):
            assert await effects.record("pair", work({"a": (1, 2), 3: None})) == {
                "a": [1, 2],
                "3": None,
            }
        assert effects.recalled("pair") == {"a": [1, 2], "3": None}
        assert len(done) == 1
        assert await effects.record("none", work(None)) is None
        assert await effects.record("none", work(1)) is None, "null is a record too"
        assert await broken(effects.record("odd", work({1, 2}))) == ("InvalidOutput", False)
        assert await broken(effects.record("fails", work(StepBroke("No", "no")))) == ("No", True)
        for name in ("odd", "fails"):
            assert effects.recalled(name) is None
        assert await effects.record("fails", work(2)) == 2

    await world.perform(check)


async def test_records_last_from_one_execution_to_the_next(world: World) -> None:
    seen: list[Json] = []

    async def check(effects: Effects) -> Outcome | None:
        seen.append(effects.recalled("kept"))

        async def work() -> Json:
            return len(seen)

        await effects.record("kept", work)
        stand = await effects.children(_plan("double"))
        return AwaitsChildren(stand.total) if isinstance(stand, ChildrenOpen) else None

    await world.perform(check)
    assert seen[0] is None
    assert set(seen[1:]) == {1}, "the step was executed again when the child run had ended"


async def test_a_detached_run_is_started_once_for_its_number(world: World) -> None:
    async def check(effects: Effects) -> None:
        child = ChildRun("double", None, {"n": 1})
        first = await effects.start_detached(child, 0)
        assert await effects.start_detached(child, 0) == first
        assert await effects.start_detached(child, 1, first) != first
        none = ChildRun("none", None, {})
        assert await broken(effects.start_detached(none, 2)) == ("UnknownWorkflow", False)

    await world.perform(check)


async def test_detached_runs_of_one_visit_have_one_version(world: World) -> None:
    if (services := world.services) is None:
        return  # the fakes have no versions

    async def check(effects: Effects) -> None:
        child = ChildRun("renewed", None, {"n": 1})
        await services.workflows.create(TENANT, {**DOUBLE, "id": "renewed"})
        first = await effects.start_detached(child, 0)
        await services.workflows.update(TENANT, "renewed", {"description": "Changed"})
        other = await effects.start_detached(child, 1, first)
        unlike = await effects.start_detached(child, 2)
        read = [(await services.runs.read(TENANT, one)).version for one in (first, other, unlike)]
        assert read == ["1.0.0", "1.0.0", "1.0.1"]

    await world.perform(check)


def _plan(*names: str, first: int = 0, **more: Any) -> ChildPlan:
    return ChildPlan(
        first,
        len(names),
        lambda number: ChildRun(names[number - first], None, {"n": number}),
        **more,
    )


async def _ended(world: World, plan: ChildPlan) -> ChildrenEnded:
    """Return the ends of a plan's child runs as the waiting step sees them."""
    ended: list[ChildrenEnded] = []

    async def check(effects: Effects) -> Outcome | None:
        stand = await effects.children(plan)
        if isinstance(stand, ChildrenOpen):
            assert stand.total == plan.first + plan.total
            return AwaitsChildren(stand.total, stand.pause)
        ended.append(stand)
        return None

    await world.perform(check)
    return ended[-1]


async def test_child_runs_end_in_the_order_of_their_plan(world: World) -> None:
    for plan in (
        _plan("double", "double", "double"),
        _plan("double", "double", first=3, concurrency=2),
    ):
        stand = await _ended(world, plan)
        numbers = range(plan.first, plan.first + plan.total)
        assert [end.result for end in stand.ends] == [{"twice": number * 2} for number in numbers]
        assert [end.data for end in stand.ends] == [{"n": number} for number in numbers]
        assert [end.error for end in stand.ends] == [None] * plan.total


async def test_the_first_failure_ends_a_plan_unless_the_others_continue(world: World) -> None:
    stand = await _ended(world, _plan("double", "break", "double"))
    assert [end.error and end.error.message for end in stand.ends] == ["no"]
    stand = await _ended(world, _plan("double", "break", "double", keep_going=True))
    assert [end.error and end.error.message for end in stand.ends] == [None, "no", None]


async def test_child_runs_start_after_those_they_need_with_their_results(
    world: World,
) -> None:
    def after(number: int, results: Mapping[int, Json]) -> ChildRun:
        of = {one: result["twice"] for one, result in results.items() if isinstance(result, dict)}
        return ChildRun("double", None, {"n": number, "of": f"{of}"})

    needs = {0: frozenset({2}), 1: frozenset({0, 2})}
    stand = await _ended(world, _plan("double", "double", "double", needs=needs, after=after))
    assert [end.data.get("of") for end in stand.ends] == ["{2: 4}", "{0: 0, 2: 4}", None]
    plan = _plan("double", "break", "double", needs={2: frozenset({1})}, after=after, enough=3)
    assert [end.number for end in (await _ended(world, plan)).ends] == [1]
    kept = replace(plan, keep_going=True)
    assert sorted(end.number for end in (await _ended(world, kept)).ends) == [0, 1]


async def test_the_named_child_runs_suffice_and_may_not_fail(world: World) -> None:
    plan = _plan("double", "break", "double", enough=1, named=frozenset({2}))
    ended = (await _ended(world, plan)).ends
    assert 2 in [end.number for end in ended if end.error is None]
    ended = (await _ended(world, replace(plan, named=frozenset({1})))).ends
    assert [end.number for end in ended] == [1]


async def test_a_child_run_that_cannot_start_fails_the_step_or_itself(world: World) -> None:
    async def check(effects: Effects) -> None:
        assert await broken(effects.children(_plan("none"))) == ("UnknownWorkflow", False)

    await world.perform(check)
    refused = ChildRun(
        "double", None, {}, RunError(None, "InvalidInput", "data must give an object")
    )
    stand = await _ended(world, ChildPlan(0, 1, lambda _: refused, keep_going=True))
    assert [end.error and end.error.type for end in stand.ends] == ["InvalidInput"]


async def test_limits_may_be_set_repeatedly(world: World) -> None:
    async def check(effects: Effects) -> None:
        for tokens, cost in ((1_000, None), (1_000, None), (None, 0.5)):
            await effects.limit(tokens, cost)
        await effects.raise_budget("dynamic-workflow-1", 2.5)

    await world.perform(check)


async def test_a_signal_is_sent_once_per_visit(world: World) -> None:
    async def check(effects: Effects) -> None:
        signal = OutgoingSignal("told", "k", {"n": 1}, 3_600_000)
        await effects.send_signal(signal)
        await effects.send_signal(signal)
        assert effects.recalled("sent") == {"name": "told", "key": "k"}

    await world.perform(check)


async def test_a_visit_has_an_address_and_a_key_of_its_own(world: World) -> None:
    async def check(effects: Effects) -> None:
        assert effects.callback_url() == effects.callback_url()
        assert "/callback/" in effects.callback_url()
        assert effects.callback_key("probe").endswith(":probe:1")

    await world.perform(check)


async def test_a_thread_keeps_its_messages(world: World) -> None:
    async def check(effects: Effects) -> None:
        name = f"thread-{id(effects)}"
        assert await effects.thread(name, "finder") == 0
        for _ in range(2):
            await effects.add_exchange(name, Exchange(1, "Who?", "Ada."))
        assert await effects.thread(name, "finder") == 1
        assert await effects.exchanges(name, 1) == [Exchange(1, "Who?", "Ada.")]
        assert list(await effects.exchanges(name, 0)) == []

    await world.perform(check)


async def test_a_file_is_stored_once_for_each_call(world: World) -> None:
    async def check(effects: Effects) -> None:
        first = await effects.save_file("a.png", "image/png", b"pixels", "one")
        assert await effects.save_file("a.png", "image/png", b"pixels", "one") == first
        assert await effects.save_file("b.png", "image/png", b"others", "two") != first
        kept = await effects.file(first)
        assert (kept.name, kept.media_type, kept.content) == ("a.png", "image/png", b"pixels")

    await world.perform(check)


async def test_an_unknown_visit_has_no_records(world: World) -> None:
    async def check(effects: Effects) -> None:
        with pytest.raises(StepBroke, match="run-1") as failure:
            await effects.visit_records("run-1", "work", 1)
        assert failure.value.error.type == "InvalidRequest"

    await world.perform(check)


@pytest.mark.parametrize("effects", [LiveEffects, FakeEffects])
async def test_both_implement_the_protocol_of_effects(effects: type) -> None:
    for name, wanted in _methods().items():
        assert inspect.signature(getattr(effects, name)) == inspect.signature(wanted), name


async def test_every_effect_is_covered_by_these_tests() -> None:
    used = set(re.findall(r"\beffects\.(\w+)\(", inspect.getsource(sys.modules[__name__])))
    assert set(_methods()) - used == set()


def _methods() -> dict[str, Any]:
    return {
        name: item
        for name, item in vars(Effects).items()
        if inspect.isfunction(item) and name[0] != "_"
    }
