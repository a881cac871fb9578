"""Random requests to the real server: no 500, no hang, every answer as described.

`STEPWELL_FUZZ_CASES` sets the number of requests; `make fuzz` sends 60,000.
"""

import json
import os
import random
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import requests
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from app.web.api.openapi import openapi
from app.web.endpoint import Endpoint
from app.web.endpoints import ENDPOINTS
from app.web.errors import TABLE
from tests.harness.server import Server

CASES = int(os.environ.get("STEPWELL_FUZZ_CASES", "250"))
SEED = int(os.environ.get("STEPWELL_SEED", random.randrange(2**32)))
LONGEST_S = 30.0
"""How long an answer is waited for: nothing that is sent may hold the server up."""
CALLERS = [("owner", "acme"), ("operator", "acme"), ("viewer", "acme"), ("owner", "b")]
DECLARED = {status for _, status, _ in TABLE} | {200, 201, 202, 307}
WITH_BODY = [e for e in ENDPOINTS if e.method in ("POST", "PUT")]


def share(part: float) -> settings:
    return settings(
        max_examples=max(20, int(CASES * part)), deadline=None, database=None,
        suppress_health_check=list(HealthCheck), print_blob=True,
    )  # fmt: skip


@pytest.fixture(scope="module")
def clients(shared: Server) -> Iterator[list[httpx.Client]]:
    print(f"STEPWELL_SEED={SEED}")
    made = [shared.client(role, tenant) for role, tenant in CALLERS]
    flow = {
        "id": "known", "name": "Known", "initialStep": "ask",
        "steps": [{"id": "ask", "type": "collect-inputs", "output": {"a": {"type": "string"}, "paper": {"type": "file"}, "seal": {"type": "file", "required": False}}},
                  {"id": "end", "type": "end-flow"}],
        "edges": [{"from": "ask", "to": "end"}],
    }  # fmt: skip
    for client in (made[0], made[-1]):
        client.post("/api/workflows", json=flow)
        client.post("/api/agents", json={"id": "known", "name": "Known", "instructions": "x"})
    yield made
    for client in made:
        client.close()


MET: Counter[int] = Counter()
"""Count of answers by status, to check that not every request was refused early."""


def judge(status: int, text: str, content_type: str, what: object) -> None:
    MET[status] += 1
    assert status in DECLARED - {500}, (status, text, what)
    if status >= 400:
        assert content_type == "application/json", (status, text, what)
        document = json.loads(text)
        assert set(document) >= {"error", "message", "requestId"}, (text, what)
        assert all(
            isinstance(document[name], str) and document[name]
            for name in document
            if name != "details"
        )
        for item in document.get("details", []):
            assert set(item) == {"path", "message"}, (text, what)


def ask(client: httpx.Client, method: str, path: str, **sent: Any) -> int:
    with client.stream(method, path, timeout=LONGEST_S, **sent) as answer:
        kind = answer.headers.get("content-type", "")
        text = "" if kind.startswith("text/event-stream") else answer.read().decode()
    judge(answer.status_code, text, kind, (method, path, sent))
    return answer.status_code


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=20)
    | st.integers(-(10**40), 10**40) | st.sampled_from(["{{ data.x }}", "{{ 1/0 }}", "\0", "../x", "known", 2**53, -(2**63)]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def damaged(value: Any, at: int, junk: bytes) -> bytes:
    text = json.dumps({"data": value}).encode()
    return text[:at] + junk + text[at:]


raw_bodies = st.one_of(
    st.binary(max_size=200),
    json_values.map(lambda value: json.dumps(value).encode()),
    json_values.map(lambda value: json.dumps({"data": value}).encode()),
    json_values.map(lambda value: json.dumps(value).encode("utf-16")),
    st.builds(damaged, json_values, st.integers(0, 400), st.binary(max_size=3)),
    st.sampled_from([
        b'{"data": {"a": NaN}}', b'{"data": {"a": -Infinity}}', b'{"data": {"a": 1e999}}', b'{"data": {"a": 1' + b"0" * 5_000 + b"}}",
        b'{"data": {"a": 1, "a": 2}}', b'{"data": {}, "data": {}}', b'{"data": {"a": "\\ud800"}}', b'{"data": {"\\udfff": 1}}',
        b'{"data": {"a": "\\u0000"}}', b'{"a":' * 50_000, b"[" * 100_000 + b"]" * 100_000, b'{"data": {"a": ' + b"[" * 70 + b"]" * 70 + b"}}",
        b'{"data": [' + b"0," * 99_999 + b"0]}", b"\xef\xbb\xbf{}", b"{}{}", b"{}\0", b"", b" ", b"null", b"0", b'""', b"[]",
        b'{"data": {"' + b"k" * 100_000 + b'": 1}}', b'{"data": {"a": -0.0, "b": 1e-400, "c": 1E+2}}', b'{"__proto__": {}}',
    ]),
)  # fmt: skip
content_types = st.sampled_from(
    ["application/json"] * 6
    + ["application/json; charset=utf-16", "APPLICATION/JSON", "text/plain", "application/x-www-form-urlencoded",
       "multipart/form-data", "multipart/form-data; boundary=x", "multipart/form-data; boundary=" + "x" * 500, "", "/", ";",
       "application/json;;;", "application/merge-patch+json", "image/svg+xml"]
)  # fmt: skip
parameters = st.one_of(
    st.just("known"), st.text(min_size=1, max_size=30), st.sampled_from(["..", ".", "%", "a/b", "\0", "A" * 5_000, "dynamic-workflow-1"])
)  # fmt: skip


def address(endpoint: Endpoint, parameter: str) -> str:
    return re.sub(r"{\w+}", quote(parameter.encode("utf-8", "replace"), safe=""), endpoint.path)


def test_raw_bodies(clients: list[httpx.Client]) -> None:
    @seed(SEED)
    @share(0.4)
    @given(
        st.sampled_from(WITH_BODY),
        st.sampled_from(clients),
        parameters,
        content_types,
        raw_bodies,
        st.booleans(),
    )
    def attack(
        endpoint: Endpoint,
        client: httpx.Client,
        parameter: str,
        kind: str,
        body: bytes,
        packed: bool,
    ) -> None:
        headers = {
            "content-type": kind,
            **({"content-encoding": "gzip"} if packed and len(body) % 7 == 0 else {}),
        }
        ask(client, endpoint.method, address(endpoint, parameter), content=body, headers=headers)

    attack()


def test_queries(clients: list[httpx.Client]) -> None:
    names = sorted({name for e in ENDPOINTS for name in e.query.model_fields} | {"x", "__class__"})
    values = st.one_of(st.text(max_size=20), st.integers(-(10**30), 10**30).map(str), st.sampled_from(
        ["'", '" OR 1=1 --', "%", "_", "\\", "\0", "x" * 10_000, "true", "NaN", "1e9", "-1", "0", "9" * 18, "2026-01-01T00:00:00Z",
         "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "latest", "published", "1.0.0", "99999999999999999999.0.0"]
    ))  # fmt: skip

    @seed(SEED)
    @share(0.15)
    @given(st.sampled_from([e for e in ENDPOINTS if e.method == "GET"]), st.sampled_from(clients), parameters,
           st.lists(st.tuples(st.sampled_from(names), values), max_size=4))  # fmt: skip
    def attack(
        endpoint: Endpoint, client: httpx.Client, parameter: str, query: list[tuple[str, str]]
    ) -> None:
        ask(client, "GET", address(endpoint, parameter), params=query)

    attack()


def test_definitions(clients: list[httpx.Client]) -> None:
    """Random graphs of random steps are refused with a message, or stored, run and ended."""
    ids = st.sampled_from(["a", "b", "c", "", "A b", "\0", "x" * 300])
    fields = st.dictionaries(st.sampled_from(["x", "y", ""]), st.fixed_dictionaries(
        {"type": st.sampled_from(["string", "number", "array", "file", "nothing"]) | json_values},
        optional={"default": json_values, "enum": json_values, "required": json_values, "format": json_values,
                  "items": json_values, "minimum": json_values, "value": json_values, "pattern": json_values}), max_size=2)  # fmt: skip
    step = st.fixed_dictionaries(
        {"id": ids, "type": st.sampled_from(["collect-inputs", "end-flow", "wait", "request-user-action", "call-workflow", "call-tool", "nothing"])},
        optional={"output": fields | json_values, "duration": json_values, "until": json_values, "result": json_values, "retry": json_values,
                  "timeout": json_values, "workflowId": ids, "items": json_values, "toolId": ids, "inputs": json_values, "actions": json_values,
                  "deadline": json_values, "name": json_values, "onInterrupted": json_values, "data": json_values},
    )  # fmt: skip
    edge = st.fixed_dictionaries(
        {"from": ids, "to": ids},
        optional={"condition": json_values | st.just("data.x"), "on": json_values},
    )
    document = st.fixed_dictionaries(
        {"name": st.text(max_size=10) | st.just("Fuzz"), "initialStep": ids, "steps": st.lists(step, max_size=4)},
        optional={"edges": st.lists(edge, max_size=5) | json_values, "payload": fields | json_values, "id": ids | json_values,
                  "maxStepExecutions": json_values | st.just(20), "description": json_values, "status": json_values, "tool": json_values},
    )  # fmt: skip
    simple = st.builds(
        lambda output, result: {"name": "Fuzz", "initialStep": "a", "maxStepExecutions": 10,
                                "steps": [{"id": "a", "type": "collect-inputs", "output": output}, {"id": "b", "type": "end-flow", "result": result}],
                                "edges": [{"from": "a", "to": "b"}]},
        fields, st.dictionaries(st.text(max_size=3), json_values, max_size=3),
    )  # fmt: skip
    stored = []

    @seed(SEED)
    @share(0.2)
    @given(document | simple, json_values, st.sampled_from([clients[0], clients[-1]]))
    def attack(definition: Any, data: Any, client: httpx.Client) -> None:
        body = json.dumps(definition).encode()
        headers = {"content-type": "application/json"}
        if ask(client, "POST", "/api/workflows", content=body, headers=headers) != 201:
            return
        made = client.get("/api/workflows", params={"limit": 1}).json()[0]["id"]
        stored.append(made)
        wanted = json.dumps({"data": {"x": data}}).encode()
        headers["prefer"] = "wait=2"
        ask(client, "POST", f"/api/workflow/start/{quote(made)}", content=wanted, headers=headers)

    attack()
    assert stored, "nothing was ever stored: the definitions were too strange"


def test_forms(clients: list[httpx.Client]) -> None:
    names = st.one_of(st.binary(max_size=12), st.sampled_from(
        [b"../../etc/passwd", b"..\\..\\x", b"a\0.txt", b"a\r\nX: y", b"\xff\xfe", b"x" * 5_000, b'"', b"%00", b"", b"con", b"a/b"]))  # fmt: skip
    disposition = st.builds(
        lambda name, file, extra: b'Content-Disposition: form-data; name="' + name + b'"' + (b'; filename="' + file + b'"' if file is not None else b"") + extra,
        st.sampled_from([b"attachment", b"a", b"paper", b"seal"] * 2 + [b"x", b"", b"data", b"fileId", b"type", b"__class__"]) | st.binary(max_size=8), names | st.none(),
        st.sampled_from([b"", b"; filename*=UTF-8''%2e%2e%2fx", b"; x", b"\r\nContent-Type: text/html", b"\r\nContent-Transfer-Encoding: base64",
                         b"\r\nContent-Type: multipart/mixed; boundary=y", b"\r\nContent-Length: -1"]),
    )  # fmt: skip
    part = st.tuples(
        disposition,
        st.sampled_from([b"\r\n\r\n", b"\r\n\r\n", b"\n\n", b"\r\n", b""]),
        st.binary(max_size=60),
    ).map(b"".join)
    whole = st.tuples(
        st.lists(part, max_size=5),
        st.sampled_from([b"--x--\r\n"] * 3 + [b"--x--", b"--x\r\n", b"", b"--x--junk"]),
    ).map(lambda made: b"".join(b"--x\r\n" + item + b"\r\n" for item in made[0]) + made[1])
    many = st.integers(1_000, 5_000).map(
        lambda count: (
            b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n" * count + b"--x--\r\n"
        )
    )

    @seed(SEED)
    @share(0.15)
    @given(st.sampled_from(clients[:2]), whole | whole | whole | many, st.booleans())
    def attack(client: httpx.Client, body: bytes, resumes: bool) -> None:
        headers = {"content-type": "multipart/form-data; boundary=x"}
        path = f"resume/{waiting[-1]}" if resumes else "start/known"
        status = ask(client, "POST", f"/api/workflow/{path}", content=body, headers=headers)
        taken.add((path.partition("/")[0], status))
        if resumes and status == 200:
            waiting.append(new_run())

    def new_run() -> str:
        answer = clients[0].post("/api/workflow/start/known", json={"data": {"a": "x"}})
        return str(answer.json()["runId"])

    waiting = [new_run()]
    taken: set[tuple[str, int]] = set()
    attack()
    print(sorted(taken))


def operations() -> dict[str, Any]:
    """Return what Schemathesis makes of the description, by method and path."""
    import schemathesis

    schema = schemathesis.openapi.from_dict(openapi(ENDPOINTS))
    return {made.ok().label: made.ok() for made in schema.get_all_operations()}  # type: ignore[union-attr] # an Err ends this here


def test_requests_generated_from_the_openapi_description(
    shared: Server, clients: list[httpx.Client]
) -> None:
    """Send requests by Schemathesis: valid ones, and ones that are invalid in one place."""
    from schemathesis.generation import GenerationMode

    known = operations()
    assert len(known) == len(ENDPOINTS)
    # Endless streams: `test_streams_begin_or_are_refused` reads only the head of their answers.
    ending = sorted(label for label in known if "/api/workflow/events" not in label)
    assert len(known) - len(ending) == 2
    cases = st.tuples(st.sampled_from(ending), st.sampled_from(list(GenerationMode))).flatmap(
        lambda chosen: known[chosen[0]].as_strategy(generation_mode=chosen[1])
    )
    session = requests.Session()

    @seed(SEED)
    @share(0.1)
    @given(cases, st.sampled_from(CALLERS))
    def attack(case: Any, caller: tuple[str, str]) -> None:
        case.headers = {}
        own = {"x-api-key": shared.key(*caller), "x-tenant-id": caller[1], "prefer": "wait=2"}
        answer = case.call(base_url=shared.address, headers=own, session=session, timeout=LONGEST_S)
        kind = answer.headers.get("content-type", [""])[0]
        judge(answer.status_code, answer.text, kind, case)

    attack()
    session.close()


def test_streams_begin_or_are_refused(clients: list[httpx.Client]) -> None:
    names = ["from", "type", "status", "workflowId", "parentRunId", "lastEventId", "x"]
    words = st.sampled_from(
        ["start", "", "0", "-1", "9" * 30, "run.started", "a,b", "dynamic-workflow-1"]
    )

    @seed(SEED)
    @share(0.05)
    @given(
        st.sampled_from(clients),
        st.sampled_from(["", "/dynamic-workflow-1", "/x", "/%00"]),
        st.dictionaries(st.sampled_from(names), words | st.text(max_size=20), max_size=3),
        words,
    )
    def attack(client: httpx.Client, path: str, query: dict[str, str], last: str) -> None:
        headers = {"last-event-id": last}
        address = f"/api/workflow/events{path}"
        with client.stream(
            "GET", address, params=query, headers=headers, timeout=LONGEST_S
        ) as answer:
            assert answer.status_code < 500 or answer.status_code == 503

    attack()


def test_the_server_is_healthy_afterwards(shared: Server, clients: list[httpx.Client]) -> None:
    assert httpx.get(f"{shared.address}/readyz", timeout=60).status_code == 200
    assert clients[0].get("/api/workflow/runs").status_code == 200
    print(sorted(MET.items()))
    assert {200, 201, 400, 403, 404} <= set(MET)
    log = shared.log.read_text()
    assert "Traceback" not in log, log[-3_000:]
    assert "request failed" not in log
    assert "step crashed" not in log
