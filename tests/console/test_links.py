"""Links: whoever has one can answer one pause, once, until it expires."""

import re
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.harness.server import Server, settled

LOOP: dict[str, Any] = {
    "id": "loop", "name": "Loop", "initialStep": "ask",
    "steps": [
        {"id": "ask", "type": "request-user-action", "message": "Again?",
         "actions": [{"value": "again"}, {"value": "stop"}],
         "output": {"answer": {"type": "string", "value": "{{ result.actionValue }}"}}},
        {"id": "end", "type": "end-flow", "result": {"by": "{{ steps.ask.output.answeredBy }}"}},
    ],
    "edges": [{"from": "ask", "to": "ask", "condition": "data.answer == 'again'"}, {"from": "ask", "to": "end"}],
}  # fmt: skip
FORM: dict[str, Any] = {
    "id": "form", "name": "Form", "initialStep": "ask",
    "steps": [
        {"id": "ask", "type": "collect-inputs", "output": {"count": {"type": "integer", "minimum": 1},
         "sure": {"type": "boolean"}, "note": {"type": "string", "required": False},
         "at": {"type": "string", "format": "date-time", "required": False}}},
        {"id": "end", "type": "end-flow", "result": {"count": "{{ data.count }}", "sure": "{{ data.sure }}"}},
    ],
    "edges": [{"from": "ask", "to": "end"}],
}  # fmt: skip


@pytest.fixture(scope="module")
def client(console: Server) -> Iterator[httpx.Client]:
    with console.client("owner", "links") as made:
        for document in (LOOP, FORM):
            made.post("/api/workflows", json=document).raise_for_status()
        yield made


def start(client: httpx.Client, workflow: str) -> str:
    return str(client.post(f"/api/workflow/start/{workflow}", json={"data": {}}).json()["runId"])


def link(client: httpx.Client, run: str, **body: Any) -> str:
    answer = client.post(f"/api/workflow/links/{run}", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["url"])


def test_of_concurrent_answers_exactly_one_counts(client: httpx.Client) -> None:
    run = start(client, "loop")
    url = link(client, run)
    statuses: list[int] = []
    gate = threading.Barrier(12)

    def press() -> None:
        gate.wait()
        statuses.append(httpx.post(url, data={"actionValue": "again"}).status_code)

    threads = [threading.Thread(target=press) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, *[409] * 11]
    document = settled(client, run, "paused")
    assert [entry["stepId"] for entry in document["stepExecutionHistory"]] == ["ask", "ask"]


def test_a_link_does_not_answer_a_later_pause_of_the_same_step(client: httpx.Client) -> None:
    run = start(client, "loop")
    url = link(client, run)
    answer = {"type": "request_user_action", "actionId": "ask", "actionValue": "again"}
    client.post(f"/api/workflow/resume/{run}", json=answer).raise_for_status()
    settled(client, run, "paused")
    assert httpx.get(url).status_code == 410
    assert httpx.post(url, data={"actionValue": "stop"}).status_code == 409
    assert settled(client, run, "paused")["currentStepId"] == "ask"


def test_the_dialog_that_makes_a_link_says_and_sends_for_which_question(
    console: Server, client: httpx.Client
) -> None:
    run = start(client, "loop")
    asked = client.get(f"/api/workflow/status/{run}").json()["pauseSignal"]
    with httpx.Client(base_url=console.address) as page:
        signs_in = {"tenant": "links", "credential": console.key("owner", "links")}
        page.post("/sign-in", data=signs_in, headers={"sec-fetch-site": "same-origin"})
        text = page.get(f"/runs/{run}").text
    dialog = text[text.index('id="share"') :].partition("</dialog>")[0]
    assert f'name="pauseId" value="{asked["pauseId"]}"' in dialog
    assert "Again?" in dialog


def test_an_invalid_form_is_shown_again_with_its_values(client: httpx.Client) -> None:
    run = start(client, "form")
    url = link(client, run, name="Bob")
    for given in (
        {"data.count": "0", "data.sure": "true"},
        {"data.count": "x"},
        {"data.sure": "true"},
        {},
    ):
        answer = httpx.post(url, data=given)
        assert answer.status_code == 400
        assert 'class="wrong"' in answer.text or "notice bad" in answer.text
    assert (
        httpx.post(
            url, data={"data.count": "3", "data.sure": "true", "data.other": "1"}
        ).status_code
        == 200
    )
    assert settled(client, run)["result"] == {"count": 3, "sure": True}


def test_a_scanner_reads_the_header_and_decides_nothing(client: httpx.Client) -> None:
    run = start(client, "form")
    url = link(client, run)
    looked, read = httpx.head(url), httpx.get(url)
    assert (looked.status_code, looked.content) == (read.status_code, b"") == (200, b"")
    assert looked.headers["content-type"] == read.headers["content-type"]
    assert 'placeholder="2026-01-31T12:00:00Z"' in read.text, "how to write a moment"
    assert settled(client, run)["status"] == "paused"


def test_a_comment_that_is_too_long_is_refused_rather_than_cut(client: httpx.Client) -> None:
    run = start(client, "form")
    url = link(client, run)
    given = {"data.count": "3", "data.sure": "true", "comment": "x" * 10_001}
    refused = httpx.post(url, data=given)
    assert (refused.status_code, "10,000 characters at most" in refused.text) == (400, True)
    assert httpx.post(url, data={**given, "comment": "x" * 10_000}).status_code == 200


PHOTO: dict[str, Any] = {
    "id": "photo", "name": "Photo", "initialStep": "ask",
    "steps": [
        {"id": "ask", "type": "collect-inputs", "message": "Show the damage", "output": {
            "photo": {"type": "file"}, "count": {"type": "integer", "minimum": 1}}},
        {"id": "end", "type": "end-flow", "result": {"photo": "{{ data.photo }}", "count": "{{ data.count }}"}},
    ],
    "edges": [{"from": "ask", "to": "end"}],
}  # fmt: skip


def test_a_requested_file_is_uploaded_by_link_and_by_api(client: httpx.Client) -> None:
    client.post("/api/workflows", json=PHOTO).raise_for_status()
    file = {"attachment": ("dent.png", b"\x89PNG dent")}
    run = start(client, "photo")
    url = link(client, run)
    assert 'enctype="multipart/form-data"' in httpx.get(url).text
    no_file = {"attachment": ("", b"")}
    for data, files in (({"data.count": "0"}, file), ({"data.count": "2"}, no_file)):
        assert httpx.post(url, data=data, files=files).status_code == 400
    assert httpx.post(url, data={"data.count": "2"}, files=file).status_code == 200
    result = settled(client, run)["result"]
    assert client.get(f"/api/workflow/files/{result['photo']}").content == b"\x89PNG dent"
    assert result["count"] == 2

    run = start(client, "photo")
    address = f"/api/workflow/resume/{run}"
    refused = client.post(address, data={"count": "many"}, files=file)
    assert [item["path"] for item in refused.json()["details"]] == ["data.count"]
    assert client.post(address, data={"count": "1", "stepId": "x"}, files=file).status_code == 409
    assert client.post(address, data={"count": "1"}, files=file).status_code == 200
    assert settled(client, run)["result"]["count"] == 1
    assert client.post(address, data={"count": "1"}, files=file).status_code == 409
    other = start(client, "loop")
    reported = client.post(f"/api/workflow/resume/{other}", data={"x": "1"}, files=file)
    assert (reported.status_code, reported.json()["details"][0]["path"]) == (400, "attachment")


def test_several_requested_files_are_uploaded_by_link_and_by_api(
    client: httpx.Client,
) -> None:
    fields = {"front": {"type": "file"}, "back": {"type": "file", "required": False}}
    flow = {**PHOTO, "id": "sides", "steps": [
        {"id": "ask", "type": "collect-inputs", "message": "Show both sides", "output": fields},
        {"id": "end", "type": "end-flow", "result": {name: "{{ data." + name + " | default('') }}" for name in fields}}]}  # fmt: skip
    client.post("/api/workflows", json=flow).raise_for_status()
    front, back = ("f.png", b"\x89PNG front"), ("b.png", b"\x89PNG back")

    def seen(run: str) -> dict[str, bytes]:
        result = settled(client, run)["result"]
        return {
            name: client.get(f"/api/workflow/files/{id_}").content
            for name, id_ in result.items()
            if id_
        }

    run = start(client, "sides")
    url = link(client, run)
    missing = httpx.post(url, files={"data.back": back, "data.front": ("", b"")})
    assert (missing.status_code, "is required" in missing.text) == (400, True)
    assert httpx.post(url, files={"data.front": front, "data.back": back}).status_code == 200
    assert seen(run) == {"front": front[1], "back": back[1]}

    run = start(client, "sides")
    address = f"/api/workflow/resume/{run}"
    for files in ({"attachment": front}, {"front": front, "other": back}):
        refused = client.post(address, files=files)
        assert refused.status_code == 400
        assert refused.json()["details"][0]["path"] in ("attachment", "other")
    assert client.post(address, files={"front": front, "attachment": back}).status_code == 200
    assert seen(run) == {"front": front[1], "back": back[1]}


def test_a_link_expires(console: Server, client: httpx.Client) -> None:
    import time

    url = link(client, start(client, "loop"), expiresIn="1s")
    assert httpx.get(url).status_code == 200
    time.sleep(1.1)
    assert httpx.get(url).status_code == 404
    assert httpx.post(url, data={"actionValue": "stop"}).status_code == 404


def test_a_link_survives_a_restart_of_the_server_and_ends_with_a_cancel(tmp_path: Any) -> None:
    from tests.console.conftest import PLUGIN

    with Server(tmp_path / "data", PLUGIN) as server, server.client() as mine:
        mine.post("/api/workflows", json=LOOP).raise_for_status()
        run = start(mine, "loop")
        url = link(mine, run)
        server.kill()
        server.start()
        assert httpx.get(url).status_code == 200
        mine.post("/api/workflow/management/cancel", json={"runId": run}).raise_for_status()
        assert httpx.get(url).status_code == 410
        assert httpx.post(url, data={"actionValue": "stop"}).status_code == 409


def test_an_altered_link_is_not_found(client: httpx.Client) -> None:
    url = link(client, start(client, "loop"))
    token = urlsplit(url).path.rpartition("/")[2]
    base = url.removesuffix(token)
    for changed in (
        token[:-2],
        token[:30] + ("A" if token[30] != "A" else "B") + token[31:],
        "x",
        "%00",
        "ä",
        token * 2,
    ):
        assert httpx.get(base + changed).status_code == 404
        assert httpx.post(base + changed, data={"actionValue": "stop"}).status_code == 404


def test_links_need_a_role_and_an_open_pause(console: Server, client: httpx.Client) -> None:
    run = start(client, "loop")
    with (
        console.client("viewer", "links") as viewer,
        console.client("owner", "strangers") as stranger,
    ):
        assert viewer.post(f"/api/workflow/links/{run}", json={}).status_code == 403
        assert stranger.post(f"/api/workflow/links/{run}", json={}).status_code == 404
    client.post("/api/workflow/management/terminate", json={"runId": run})
    assert client.post(f"/api/workflow/links/{run}", json={}).status_code == 409


def test_a_link_to_a_parent_answers_the_pause_of_its_child(client: httpx.Client) -> None:
    parent = {"id": "parent", "name": "Parent", "initialStep": "call", "steps": [
        {"id": "call", "type": "call-workflow", "workflowId": "loop"}, {"id": "end", "type": "end-flow"}],
        "edges": [{"from": "call", "to": "end"}]}  # fmt: skip
    client.post("/api/workflows", json=parent).raise_for_status()
    run = start(client, "parent")
    settled(client, run, "paused")
    url = link(client, run)
    assert httpx.post(url, data={"actionValue": "stop"}).status_code == 200
    assert settled(client, run, "completed")["status"] == "completed"


LINES: dict[str, Any] = {
    "id": "lines", "name": "Lines", "payload": {}, "initialStep": "ask",
    "steps": [
        {"id": "ask", "type": "collect-inputs", "output": {
            "lines": {"type": "array", "minItems": 1, "items": {"type": "object", "properties": {
                "item": {"type": "string"}, "eur": {"type": "number", "maximum": "{{ data.most }}"},
                "paid": {"type": "boolean", "required": False}}}},
            "to": {"type": "object", "properties": {"name": {"type": "string"}, "tags": {"type": "array", "items": {"type": "string"}}}},
            "more": {"type": "object", "required": False, "properties": {"note": {"type": "string"}}}}},
        {"id": "end", "type": "end-flow", "result": "{{ steps.ask.output }}"},
    ],
    "edges": [{"from": "ask", "to": "end"}],
}  # fmt: skip


def test_rows_are_added_removed_and_answered_without_scripts(client: httpx.Client) -> None:
    client.post("/api/workflows", json=LINES).raise_for_status()
    started = client.post("/api/workflow/start/lines", json={"data": {"most": 50}}).json()
    url = link(client, started["runId"])
    page = httpx.get(url).text
    assert page.count("<textarea") == 1, "of the comment: nothing is entered as JSON"
    needed = re.findall(r'<(?:input|select)[^>]* name="([^"]+)"[^>]* required>', page)
    assert needed == ["data.lines[0].item", "data.lines[0].eur", "data.to.name"], (
        "not what may be left out, nor what an object has that may be"
    )
    assert 'name="data.lines[0].eur"' in page
    assert 'name="data.lines[1].eur"' not in page
    given = {"data.lines": "[]", "data.lines[0]": "{}", "data.lines[0].item": "Taxi", "data.lines[0].eur": "7",
             "data.to": "{}", "data.to.name": "Ada", "data.to.tags": "[]", "data.more.note": ""}  # fmt: skip
    page = httpx.post(url, data={**given, "add": "data.lines"}).text
    assert 'name="data.lines[1].eur"' in page
    assert 'value="Taxi"' in page
    more = {"data.lines[1]": "{}", "data.lines[1].item": "Hotel", "data.lines[1].eur": "90"}
    page = httpx.post(url, data={**given, **more, "remove": "data.lines[0]"}).text
    assert 'name="data.lines[0].item" type="text" value="Hotel"' in page
    assert "Taxi" not in page
    bad = {**given, **more, "data.lines[0].item": "", "data.to.tags[0]": ""}
    refused = httpx.post(url, data=bad)
    assert refused.status_code == 400
    reported = re.findall(
        r'name="([^"]+)"[^>]* aria-describedby="([^"]+)" aria-invalid="true"[^>]*>'
        r'\s*<p class="wrong" role="alert" id="\2">[^<]+',
        refused.text,
    )
    assert [name for name, _ in reported] == [
        "data.lines[0].item",
        "data.lines[1].eur",
        "data.to.tags[0]",
    ]
    for odd in (
        {"add": "data.nothing"},
        {"remove": "x"},
        {"remove": "data.lines[" + "9" * 5_000 + "]"},
        {f"data.lines[{n}]": "{}" for n in range(900)},
        {"data.lines[0][0].x": "1"},
        {"data.lines[999]": "1"},
    ):
        assert httpx.post(url, data={**bad, **odd}).status_code in (200, 400), odd
    right = {**given, **more, "data.lines[1].eur": "50", "data.to.tags[0]": "red"}
    assert httpx.post(url, data=right).status_code == 200
    assert settled(client, started["runId"])["result"] == {
        "lines": [{"item": "Taxi", "eur": 7}, {"item": "Hotel", "eur": 50}],
        "to": {"name": "Ada", "tags": ["red"]},
    }


REFUSE: dict[str, Any] = {
    "id": "refuse", "name": "Refuse", "initialStep": "ask",
    "steps": [
        {"id": "ask", "type": "request-user-action", "message": "Pay?", "actions": [
            {"value": "yes", "label": "Pay"},
            {"value": "no", "label": "Refuse", "fields": {"reason": {"type": "string", "maxLength": 20},
             "lines": {"type": "array", "required": False, "items": {"type": "string"}}}}]},
        {"id": "end", "type": "end-flow", "result": "{{ steps.ask.output }}"},
    ],
    "edges": [{"from": "ask", "to": "end"}],
}  # fmt: skip


def test_an_action_with_fields_accepts_files_without_scripts(
    client: httpx.Client,
) -> None:
    client.post("/api/workflows", json=REFUSE).raise_for_status()
    run = start(client, "refuse")
    url = link(client, run)
    page = httpx.get(url).text
    assert page.count("<form") == 2
    assert 'name="data.reason"' in page.partition("<details")[2]
    assert "<details open" not in page
    given = {"actionValue": "no", "comment": "see <the> bill", "data.reason": "x" * 21}
    refused = httpx.post(url, data=given, files={"attachments": ("a.txt", b"a")})
    assert refused.status_code == 400
    assert re.search(r'value="x{21}"[^>]*>\s*<p class="wrong"', refused.text)
    assert 'class="asks" open' in refused.text
    assert "see &lt;the&gt; bill" in refused.text
    more = httpx.post(url, data={**given, "add": "data.lines"}).text
    assert 'name="data.lines[0]"' in more
    right = {**given, "data.reason": "not ours", "data.lines[0]": "third"}
    files = [("attachments", ("a.txt", b"a")), ("attachments", ("b.txt", b"b"))]
    assert httpx.post(url, data=right, files=files).status_code == 200
    result = settled(client, run, "completed")["result"]
    assert result["data"] == {"reason": "not ours", "lines": ["third"]}
    assert result["comment"] == "see <the> bill"
    read = [client.get(f"/api/workflow/files/{one}").content for one in result["attachments"]]
    assert read == [b"a", b"b"]
