"""Builds the request of each call; nothing is sent here."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import quote
from uuid import uuid4

from stepwell._documents import JsonObject, PauseSignal
from stepwell._errors import InvalidName
from stepwell._selection import BulkAction, BulkRerun, RunFilter

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """A request.

    Attributes:
        repeatable: Sending it twice does the same as once, so it is sent again if its answer was
            lost.
    """

    method: str
    path: str
    json: object = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = None
    file: tuple[str, bytes] | None = None
    repeatable: bool = True


def start(
    workflow_id: str, data: JsonObject, version: str | None, idempotency_key: str | None
) -> Call:
    """Start a run; with the same key, a repeated request gives the same run."""
    return Call(
        "POST",
        f"/api/workflow/start-async/{part(workflow_id)}",
        json=given(data=dict(data), version=version),
        headers={"idempotency-key": idempotency_key or str(uuid4())},
    )


def start_with_file(
    workflow_id: str,
    data: JsonObject,
    file: Path | tuple[str, bytes],
    version: str | None,
    idempotency_key: str | None,
) -> Call:
    """Start a run with a file, which is read now so that a repeated request sends the same."""
    return Call(
        "POST",
        f"/api/workflow/start-async/{part(workflow_id)}",
        query=given(version=version),
        headers={"idempotency-key": idempotency_key or str(uuid4())},
        form={
            name: item if isinstance(item, str) else json.dumps(item) for name, item in data.items()
        },
        file=(file.name, file.read_bytes()) if isinstance(file, Path) else file,
    )


def upload(file: Path | tuple[str, bytes]) -> Call:
    """Upload a file, which is read now; sent twice it is stored twice."""
    content = (file.name, file.read_bytes()) if isinstance(file, Path) else file
    return Call("POST", "/api/workflow/files", form={}, file=content, repeatable=False)


def status(run_id: str, history_limit: int | None = None, cursor: str | None = None) -> Call:
    """Ask for the status of a run."""
    limit = None if history_limit is None else str(history_limit)
    query = given(historyLimit=limit, historyCursor=cursor)
    return Call("GET", f"/api/workflow/status/{part(run_id)}", query=query)


def transcript(run_id: str, step_id: str | None, visit: int | None) -> Call:
    """Ask for what models, tools and people said in a run."""
    query = given(stepId=step_id, visit=None if visit is None else str(visit))
    return Call("GET", f"/api/workflow/runs/{part(run_id)}/transcript", query=query)


@dataclass(frozen=True, slots=True)
class AnswerDetails:
    """Details of an answer: the id of its pause, its key, a comment, ids of files."""

    pause_id: str | None
    idempotency_key: str | None
    comment: str | None = None
    attachments: Sequence[str] = ()


def resume_inputs(
    run_id: str, signal: PauseSignal | None, data: JsonObject, details: AnswerDetails
) -> Call:
    """Answer a pause that asks for inputs; if its id is known, exactly that pause."""
    body: dict[str, object] = {"type": "collect_inputs", "data": dict(data)}
    if signal is not None:
        body |= given(stepId=signal.step_id, runId=signal.run_id)
    return _resume(run_id, body, details)


def resume_action(
    run_id: str, signal: PauseSignal, value: str, data: JsonObject | None, details: AnswerDetails
) -> Call:
    """Answer exactly this pause, which asks for an action."""
    body: dict[str, object] = given(
        type="request_user_action",
        actionId=signal.action_id,
        actionValue=value,
        data=None if data is None else dict(data),
        stepId=signal.step_id,
        runId=signal.run_id,
    )
    return _resume(run_id, body, details)


def _resume(run_id: str, body: JsonObject, details: AnswerDetails) -> Call:
    """Answer a pause; only with a key does a repeated answer count once."""
    return Call(
        "POST",
        f"/api/workflow/resume/{part(run_id)}",
        json={
            **body,
            **given(
                pauseId=details.pause_id,
                comment=details.comment,
                attachments=list(details.attachments) or None,
            ),
        },
        headers=given(**{"idempotency-key": details.idempotency_key}),
        repeatable=details.idempotency_key is not None,
    )


def control(verb: str, run_id: str, reason: str | None) -> Call:
    """Cancel or terminate a run."""
    body = given(runId=run_id, reason=reason)
    return Call("POST", f"/api/workflow/management/{verb}", json=body)


def runs(which: RunFilter, page_size: int | None, cursor: str | None) -> Call:
    """List a page of runs."""
    size = None if page_size is None else str(page_size)
    top_level = "true" if which.top_level else None
    query = {
        **_filter(which),
        **given(topLevel=top_level, sort=which.sort, limit=size, cursor=cursor),
    }
    return Call("GET", "/api/workflow/runs", query=query)


def bulk(  # noqa: PLR0913 - each by name
    action: BulkAction,
    which: RunFilter,
    run_ids: Sequence[str] | None,
    *,
    reason: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
    dry_run: bool = False,
    rerun: BulkRerun | None = None,
) -> Call:
    """Do something with many runs, or count them; repeating it does no harm."""
    body = given(
        action=action,
        filter={
            **_filter(which),
            **given(
                topLevel=which.top_level or None,
                runIds=None if run_ids is None else list(run_ids),
            ),
        },
        reason=reason,
        limit=limit,
        cursor=cursor,
        dryRun=dry_run or None,
        rerun=rerun and _bulk_rerun(rerun),
    )
    return Call("POST", "/api/workflow/management/bulk", json=body)


def _bulk_rerun(rerun: BulkRerun) -> dict[str, object]:
    return {
        "operation": rerun.operation,
        "from": rerun.from_,
        **given(version=rerun.version),
        "data": dict(rerun.data or {}),
        "keepCalls": rerun.keep_calls,
    }


def events(run_id: str | None, query: Mapping[str, str], last_id: str | None) -> Call:
    """Follow a run, or all runs, from the event after `last_id`."""
    path = "/".join(["/api/workflow/events", *_parts(run_id)])
    return Call("GET", path, query=query, headers=given(**{"last-event-id": last_id}))


def events_query(
    begin: Literal["start", "now"],
    types: str | Sequence[str] | None,
    statuses: str | Sequence[str] | None,
    workflow_ids: str | Sequence[str] | None,
    parent_run_id: str | None,
) -> dict[str, str]:
    """Return the query that selects the events."""
    return given(
        type=_listed(types),
        status=_listed(statuses),
        workflowId=_listed(workflow_ids),
        parentRunId=parent_run_id,
        **{"from": begin},
    )


def workflows(
    method: str,
    workflow_id: str | None = None,
    verb: str | None = None,
    *,
    json: object = None,
    query: Mapping[str, object] | None = None,
) -> Call:
    """Do something with definitions; repeatable only if it changes no version."""
    path = "/".join(["/api/workflows", *_parts(workflow_id), *([verb] if verb else [])])
    repeatable = method == "GET"
    asked = {name: str(item) for name, item in (query or {}).items() if item is not None}
    return Call(method, path, json=json, query=asked, repeatable=repeatable)


def plain(method: str, path: str, body: object, query: Mapping[str, str] | None) -> Call:
    """Call any address of the API; sent again only if it changes nothing."""
    return Call(method, path, json=body, query=dict(query or {}), repeatable=method == "GET")


def agent(agent_id: str, version: str | None) -> Call:
    """Ask for an agent."""
    return Call("GET", f"/api/agents/{part(agent_id)}", query=given(version=version))


def publish_agent(agent_id: str, version: str | None) -> Call:
    """Publish a version of an agent."""
    body = given(version=version)
    return Call("POST", f"/api/agents/{part(agent_id)}/publish", json=body, repeatable=False)


def invoke_agent(
    agent_id: str,
    message: str,
    thread_id: str | None,
    version: str | None,
    data_context: JsonObject | None,
) -> Call:
    """Ask an agent something."""
    body = {
        "message": message,
        **given(threadId=thread_id, version=version),
        **given(dataContext=data_context),
    }
    return Call("POST", f"/api/agents/{part(agent_id)}/invoke", json=body, repeatable=False)


def replay(
    run_id: str, step_id: str | None, visit: int | None, version: str | None, model: str | None
) -> Call:
    """Repeat a visit of a run."""
    body = {
        **given(stepId=step_id, agentVersion=version, model=model),
        **given(visit=visit),
    }
    return Call("POST", f"/api/workflow/replay/{part(run_id)}", json=body, repeatable=False)


def replayed(replay_id: str) -> Call:
    """Ask for the result of a replay."""
    return Call("GET", f"/api/workflow/replay/{part(replay_id)}")


def usage(since: str | None, until: str | None, by: str) -> Call:
    """Ask for what models have cost."""
    return Call("GET", "/api/usage", query=given(since=since, until=until, by=by))


def budgets() -> Call:
    """Ask for the budgets for models."""
    return Call("GET", "/api/budgets")


def set_budget(month: float | None, workflow_id: str | None) -> Call:
    """Set a monthly budget for models."""
    body = {"month": month, **given(workflowId=workflow_id)}
    return Call("PUT", "/api/budgets", json=body)


def triggers(kind: str, method: str, name: str | None = None, verb: str | None = None) -> Call:
    """Ask about triggers, or delete one."""
    path = "/".join([f"/api/{kind}", *_parts(name), *([verb] if verb else [])])
    return Call(method, path)


def put_trigger(kind: str, name: str, document: JsonObject) -> Call:
    """Create or replace a trigger; doing it twice does the same as once."""
    return Call("PUT", f"/api/{kind}/{part(name)}", json=dict(document))


def variables(method: str, name: str | None = None, json: object = None) -> Call:
    """Do something with variables; each call may be repeated."""
    path = "/".join(["/api/variables", *_parts(name)])
    return Call(method, path, json=json, repeatable=method != "DELETE")


def send_signal(  # noqa: PLR0913 - each by name
    name: str,
    key: str,
    data: object,
    *,
    signal_id: str | None,
    keep_for: str | None,
    to_all: bool,
) -> Call:
    """Send a signal; its id makes it count once, and is made here if none is given."""
    body = given(
        name=name,
        key=key,
        data=data,
        id=signal_id or str(uuid4()),
        keepFor=keep_for,
        to="all" if to_all else None,
    )
    return Call("POST", "/api/signals", json=body)


def _filter(which: RunFilter) -> dict[str, str]:
    return given(
        status=which.status,
        workflowId=which.workflow_id,
        parentRunId=which.parent_run_id,
        since=_moment(which.since),
        until=_moment(which.until),
        label=",".join(f"{name}:{value}" for name, value in (which.labels or {}).items()) or None,
        text=which.text,
        stepId=which.step_id,
        errorType=which.error_type,
        startedBy=which.started_by,
        longerThan=which.longer_than,
        shorterThan=which.shorter_than,
        waitingFor=which.waiting_for,
    )


def _moment(at: str | datetime | None) -> str | None:
    return at.isoformat() if isinstance(at, datetime) else at


def _listed(names: str | Sequence[str] | None) -> str | None:
    return names if names is None or isinstance(names, str) else ",".join(names)


def _parts(name: str | None) -> list[str]:
    """Return a name as part of an address, if there is one; an empty one is refused."""
    return [] if name is None else [part(name)]


def part(text: str) -> str:
    """Return a text as part of an address. Raises `InvalidName`."""
    if not text.strip(".") or "/" in text:
        raise InvalidName(f"{text!r} cannot be a name or an id")
    return quote(text, safe="")


def given(**items: T | None) -> dict[str, T]:
    """Return the arguments that are not None, by name."""
    return {name: item for name, item in items.items() if item is not None}
