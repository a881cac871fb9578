"""Which request each call is; nothing is sent here."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from stepwell.documents import PauseSignal
from stepwell.errors import NoCredentials

DEFAULT_URL = "http://127.0.0.1:8080"


@dataclass(frozen=True, slots=True)
class Call:
    """A request.

    Attributes:
        repeatable: Sent twice it does the same as once, so it is sent again when the answer
            to it was lost.
    """

    method: str
    path: str
    json: Any = None
    query: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = None
    file: tuple[str, bytes] | None = None
    repeatable: bool = True


@dataclass(frozen=True, slots=True)
class Server:
    """Where the server is, and the headers that say who asks."""

    url: str
    headers: Mapping[str, str] = field(repr=False)


def server(url: str | None, api_key: str | None, tenant: str | None, token: str | None) -> Server:
    """Return the server from what was given, else the environment. Raises `NoCredentials`."""
    known = os.environ
    url = url or known.get("STEPWELL_URL") or DEFAULT_URL
    if token is None and api_key is None:
        token, api_key = known.get("STEPWELL_TOKEN"), known.get("STEPWELL_KEY")
    if api_key:
        tenant = tenant or known.get("STEPWELL_TENANT") or "default"
        return Server(url, {"x-api-key": api_key, "x-tenant-id": tenant})
    if token:
        return Server(url, {"authorization": f"Bearer {token}"})
    raise NoCredentials("give an API key or a token, or set STEPWELL_KEY or STEPWELL_TOKEN")


def start(
    workflow_id: str, data: Mapping[str, Any], version: str | None, idempotency_key: str | None
) -> Call:
    """Start a run; the key makes a repeated request give the same run."""
    return Call(
        "POST",
        f"/api/workflow/start-async/{_part(workflow_id)}",
        json=_given(data=dict(data), version=version),
        headers={"idempotency-key": idempotency_key or str(uuid4())},
    )


def start_with_file(
    workflow_id: str,
    data: Mapping[str, Any],
    file: Path | tuple[str, bytes],
    version: str | None,
    idempotency_key: str | None,
) -> Call:
    """Start a run with a file, which is read now so that a repeated request sends the same."""
    return Call(
        "POST",
        f"/api/workflow/start-async/{_part(workflow_id)}",
        query=_given(version=version),
        headers={"idempotency-key": idempotency_key or str(uuid4())},
        form={
            name: item if isinstance(item, str) else json.dumps(item) for name, item in data.items()
        },
        file=(file.name, file.read_bytes()) if isinstance(file, Path) else file,
    )


def status(run_id: str) -> Call:
    """Ask how a run stands."""
    return Call("GET", f"/api/workflow/status/{_part(run_id)}")


def resume_inputs(run_id: str, data: Mapping[str, Any]) -> Call:
    """Answer a pause that asks for inputs."""
    body = {"type": "collect_inputs", "data": dict(data)}
    return Call("POST", f"/api/workflow/resume/{_part(run_id)}", json=body, repeatable=False)


def resume_action(run_id: str, signal: PauseSignal, value: str, comment: str | None) -> Call:
    """Answer exactly this pause, which asks for an action."""
    body = _given(
        type="request_user_action",
        actionId=signal.action_id,
        actionValue=value,
        comment=comment,
        stepId=signal.step_id,
        runId=signal.run_id,
    )
    return Call("POST", f"/api/workflow/resume/{_part(run_id)}", json=body, repeatable=False)


def control(verb: str, run_id: str, reason: str | None) -> Call:
    """Cancel or terminate a run."""
    body = _given(runId=run_id, reason=reason)
    return Call("POST", f"/api/workflow/management/{verb}", json=body)


def runs(query: Mapping[str, Any], cursor: str | None) -> Call:
    """List a page of runs."""
    return Call("GET", "/api/workflow/runs", query=_given(**query, cursor=cursor))


def events(run_id: str | None, query: Mapping[str, Any], last_id: str | None) -> Call:
    """Follow a run, or all runs, from after `last_id`."""
    path = "/api/workflow/events" + (f"/{_part(run_id)}" if run_id else "")
    return Call("GET", path, query=_given(**query), headers=_given(**{"last-event-id": last_id}))


def workflows(
    method: str,
    workflow_id: str | None = None,
    verb: str | None = None,
    *,
    json: Any = None,
    query: Mapping[str, Any] | None = None,
) -> Call:
    """Do something with definitions; only what changes no version is repeatable."""
    path = "/".join(part for part in ("/api/workflows", _part(workflow_id or ""), verb) if part)
    repeatable = method == "GET"
    return Call(method, path, json=json, query=_given(**(query or {})), repeatable=repeatable)


def _part(text: str) -> str:
    return quote(text, safe="")


def _given(**items: Any) -> dict[str, Any]:
    return {name: item for name, item in items.items() if item is not None}
