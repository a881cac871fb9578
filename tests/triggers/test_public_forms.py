"""Public forms: closed by default, one run for each submission, no server errors."""

import random
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.harness.server import Server, settled
from tests.triggers.conftest import nothing_to_do

FIELDS = {
    "name": {"type": "string", "minLength": 2, "description": "as it is on the door"},
    "count": {"type": "integer", "maximum": 5, "default": 1},
    "agrees": {"type": "boolean"},
    "kind": {"type": "string", "enum": ["a", "b"], "required": False},
    "tags": {"type": "array", "items": {"type": "string"}, "required": False},
    "paper": {"type": "file", "required": False},
    "source": {"type": "string"},
}
RIGHT = {"data.name": "Ada", "data.agrees": "true"}


@pytest.fixture(scope="module")
def owner(shared: Server) -> Iterator[httpx.Client]:
    with shared.client() as client:
        asks = nothing_to_do("asks", payload=FIELDS, description="Tell us who you are.")
        client.post("/api/workflows", json=asks).raise_for_status()
        yield client


@pytest.fixture
def anybody() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=30) as client:
        yield client


def put(client: httpx.Client, name: str, **body: Any) -> str:
    given = {"on": "form", "workflowId": "asks", "data": {"source": "site"}, "enabled": True}
    answer = client.put(f"/api/triggers/{name}", json={**given, "perSecond": 20, **body})
    assert answer.status_code in (200, 201), answer.text
    return str(answer.json()["url"])


def firings(client: httpx.Client, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"/api/triggers/{name}/firings").json()["firings"]
    return found


def test_a_submitted_form_starts_one_run(owner: httpx.Client, anybody: httpx.Client) -> None:
    url = put(owner, "form", button="Off it goes", thanks="We will be in touch.")
    page = anybody.get(url)
    assert page.status_code == 200
    for shown in (
        "Tell us who you are.",
        "as it is on the door",
        "Off it goes",
        'name="attachment"',
    ):
        assert shown in page.text, shown
    assert "data.source" not in page.text
    assert "needs JavaScript" not in page.text
    once = re.findall(r'name="once" value="([^"]+)"', page.text)[0]
    sent = {
        **RIGHT,
        "once": once,
        "data.source": "elsewhere",
        "data.unknown": "x",
        "data.tags": ["x", "y"],
    }
    for _ in range(2):
        answer = anybody.post(url, data=sent, files={"attachment": ("a.txt", b"text")})
        assert (answer.status_code, "We will be in touch." in answer.text) == (200, True)
    (fired,) = firings(owner, "form")
    data = settled(owner, fired["runId"])["data"]
    assert {key: data[key] for key in ("name", "count", "agrees", "tags", "source")} == {
        "name": "Ada", "count": 1, "agrees": True, "tags": ["x", "y"], "source": "site"
    }  # fmt: skip
    assert owner.get(f"/api/workflow/files/{data['paper']}").content == b"text"
    assert "unknown" not in data


def test_an_emptied_optional_field_means_none_in_every_form(
    owner: httpx.Client, anybody: httpx.Client
) -> None:
    fields = {"city": {"type": "string", "required": False, "default": "Rome"}, "paper": FIELDS["paper"]}  # fmt: skip
    owner.post("/api/workflows", json=nothing_to_do("cities", payload=fields)).raise_for_status()
    url = put(owner, "cities", workflowId="cities", data={})
    assert 'value="Rome"' in anybody.get(url).text
    for sent in ({"data.city": ""}, {}):
        anybody.post(url, data=sent or {"data.none": ""}).raise_for_status()
    start, file = "/api/workflow/start/cities", {"paper": ("a.txt", b"x")}
    runs = [fired["runId"] for fired in reversed(firings(owner, "cities"))]
    bodies: list[dict[str, Any]] = [{"data": {"city": ""}, "files": file}, {"files": file}, {"json": {"data": {"city": None}}}]  # fmt: skip
    runs += [owner.post(start, **body).json()["runId"] for body in bodies]
    found = [settled(owner, run)["data"]["city"] for run in runs]
    assert found == [None, "Rome", None, "Rome", None]


def test_an_invalid_value_is_reported_at_its_field(
    owner: httpx.Client, anybody: httpx.Client
) -> None:
    url = put(owner, "strict")
    for wrong, reported in (({"data.name": "A"}, "at least 2 characters"), ({"data.count": "9"}, "at most"),
                        ({"data.agrees": ""}, "required"), ({"data.kind": "c"}, ""),
                        ({"data.name": ["Ada", "Eve"]}, "there twice"),
                        ({"data.name": "<b>"}, "")):  # fmt: skip
        answer = anybody.post(
            url, data={**RIGHT, **wrong, "data.kind": wrong.get("data.kind", "a")}
        )
        if wrong == {"data.name": "<b>"}:
            assert answer.status_code == 200
            continue
        assert (answer.status_code, reported in answer.text) == (400, True), (wrong, answer.text)
        assert 'value="Ada"' in answer.text or "data.name" in wrong
    assert len(firings(owner, "strict")) == 1


def test_a_form_is_closed_unless_enabled(owner: httpx.Client, anybody: httpx.Client) -> None:
    made = owner.put("/api/triggers/closed", json={"on": "form", "workflowId": "asks"}).json()
    assert made["enabled"] is False
    url = made["url"]
    assert [anybody.get(url).status_code, anybody.post(url, data=RIGHT).status_code] == [410, 410]
    past = put(owner, "past", until="2020-01-01T00:00:00Z")
    assert anybody.post(past, data=RIGHT).status_code == 410
    assert anybody.get(url[:-1]).status_code == 404
    assert anybody.post(url.replace("/form/", "/in/"), json={}).status_code == 404
    slow = put(owner, "slow", perSecond=0.1)
    assert [anybody.get(slow).status_code for _ in range(2)] == [200, 429]
    assert firings(owner, "past") == []
    moved = owner.post("/api/triggers/slow/rotate").json()["url"]
    assert moved != slow
    assert anybody.get(slow).status_code == 404


def test_no_form_causes_a_server_error(
    owner: httpx.Client, anybody: httpx.Client, shared: Server
) -> None:
    dice = random.Random(3)
    url = put(owner, "fuzzed")
    names = [*(f"data.{name}" for name in FIELDS), "once", "attachment", "data.", "__proto__"]
    values = [
        "",
        "x",
        "1e400",
        "-0",
        "[",
        '{"a":1}',
        "\x00",
        "\ud7ff",
        "9" * 400,
        "on",
        "a" * 5_000,
    ]
    kinds = [
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=B",
        "text/plain",
        "",
    ]
    for number in range(60):
        answer = anybody.post(
            url, data={name: dice.choice(values) for name in dice.sample(names, 4)}
        )
        assert answer.status_code < 500, answer.text
        body = dice.choice([b"%", b"--B--", b"a=%00&b=%ff", dice.randbytes(80), b"--B\r\n\r\n"])
        sent = anybody.post(url, content=body, headers={"content-type": dice.choice(kinds)})
        assert sent.status_code < 500, sent.text
        if number == 30:
            owner.post("/api/triggers/fuzzed/pause")
            owner.post("/api/triggers/fuzzed/resume")
    assert anybody.post(url, content=b"a" * 300_000).status_code in (413, 429)
    assert "Traceback" not in shared.log.read_text()
