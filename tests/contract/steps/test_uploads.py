"""Uploads: hostile forms never cause a 500 and never change stored files."""

import contextlib
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.harness.server import Server, settled
from tests.harness.workflows import call, create, start, status, straight

FLOW = {
    "name": "Uploads",
    "initialStep": "end",
    "steps": [{"id": "end", "type": "end-flow"}],
    "payload": {
        "count": {"type": "integer", "required": False},
        "flag": {"type": "boolean", "required": False},
        "lines": {"type": "array", "required": False},
    },
}
FILE = b'Content-Disposition: form-data; name="attachment"; filename="%s"\r\n\r\n%s\r\n'


def form(*parts: bytes, end: bytes = b"--x--\r\n") -> bytes:
    return b"".join(b"--x\r\n" + part for part in parts) + end


def text(name: bytes, value: bytes) -> bytes:
    return b'Content-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name, value)


@pytest.fixture(scope="module")
def address(shared: Server) -> str:
    with shared.client() as client:
        made = client.post("/api/workflows", json=FLOW).json()
    return f"/api/workflow/start/{made['id']}"


GOOD = FILE % (b"a.txt", b"hello")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (form(GOOD), 200),
        (form(GOOD, text(b"count", b"7"), text(b"flag", b"false"), text(b"lines", b"[1]")), 200),
        (form(GOOD, text(b"count", b"seven")), 400),
        (form(GOOD, text(b"count", b"1.5")), 400),
        (form(GOOD, text(b"flag", b"maybe")), 400),
        (form(GOOD, text(b"lines", b"{")), 400),
        (form(GOOD, text(b"a", b"1"), text(b"a", b"2")), 400),
        (form(GOOD, GOOD), 400),
        (form(text(b"a", b"1")), 400),
        (form(GOOD, end=b""), 400),
        (form(GOOD, end=b"--x"), 400),
        (b"", 400),
        (b"garbage", 400),
        (form(*[text(b"f%d" % n, b"") for n in range(1_001)], GOOD), 400),
        (b"--x\r\nno colon here\r\n\r\nz\r\n--x--\r\n", 400),
    ],
)
def test_a_malformed_form_gets_this_status(
    shared: Server, address: str, body: bytes, status: int
) -> None:
    with shared.client() as client:
        headers = {"content-type": "multipart/form-data; boundary=x"}
        answer = client.post(address, content=body, headers=headers)
    assert answer.status_code == status, answer.text


def test_fields_have_their_declared_types(shared: Server, address: str) -> None:
    body = form(GOOD, text(b"count", b"7"), text(b"flag", b"false"), text(b"free", b"007"))
    with shared.client() as client:
        headers = {"content-type": "multipart/form-data; boundary=x"}
        data = client.post(address, content=body, headers=headers).json()["data"]
    assert (data["count"], data["flag"], data["free"]) == (7, False, "007")


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        (b"../../etc/passwd", "passwd"),
        (b"C:\\\\temp\\\\x.txt", "x.txt"),
        (b"a\x01b.txt", "ab.txt"),
        (b"..", "attachment"),
        (b"x" * 500, "x" * 200),
    ],
)
def test_a_name_is_never_a_path(shared: Server, address: str, name: bytes, kept: str) -> None:
    with shared.client() as client:
        headers = {"content-type": "multipart/form-data; boundary=x"}
        answer = client.post(address, content=form(FILE % (name, b"z")), headers=headers)
    assert answer.json()["data"]["attachment"]["fileName"] == kept


@pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary="])
def test_a_form_without_a_boundary_is_refused(shared: Server, address: str, kind: str) -> None:
    with shared.client() as client:
        answer = client.post(address, content=form(GOOD), headers={"content-type": kind})
    assert answer.status_code == 400


def test_the_one_declared_file_is_the_attachment(shared: Server) -> None:
    flow = {"id": "contracts", "name": "Contracts", "initialStep": "end", "steps": [{"id": "end", "type": "end-flow"}],
            "payload": {"contract": {"type": "file"}, "annex": {"type": "file", "required": False}}}  # fmt: skip
    with shared.client() as client:
        client.post("/api/workflows", json=flow).raise_for_status()
        file = {"attachment": ("c.txt", b"signed")}
        answer = client.post("/api/workflow/start/contracts", files=file)
        assert answer.status_code == 400, "two fields take files, so the upload is ambiguous"
        known = client.post("/api/workflow/files", files=file).json()["fileId"]
        annex = {"annex": known}
        run = client.post("/api/workflow/start/contracts", files=file, data=annex).json()
        assert run["data"]["contract"] == run["data"]["fileId"] != ""
        one = {**flow, "id": "one", "payload": {"contract": {"type": "file"}}}
        client.post("/api/workflows", json=one).raise_for_status()
        run = client.post("/api/workflow/start/one", files=file).json()
        content = client.get(f"/api/workflow/files/{run['data']['contract']}").content
        assert content == b"signed"
        lax = {**flow, "id": "lax", "payload": {"n": {"type": "number"}, "contract": {"type": "file", "required": False}}}  # fmt: skip
        client.post("/api/workflows", json=lax).raise_for_status()
        none = b'Content-Disposition: form-data; name="contract"; filename=""\r\n\r\n\r\n'
        body = form(text(b"n", b"1"), none)
        head = {"content-type": "multipart/form-data; boundary=x"}
        run = client.post("/api/workflow/start/lax", content=body, headers=head).json()
        assert run["data"] == {"n": 1}, "no file was chosen, and none is needed"
        for left in (body, form(GOOD.replace(b"attachment", b"other"), text(b"contract", b""))):
            needed = client.post("/api/workflow/start/one", content=left, headers=head)
            assert needed.status_code == 400
            assert "data.contract" in [one["path"] for one in needed.json()["details"]]


def test_an_id_in_a_file_field_names_a_file_of_the_tenant(shared: Server) -> None:
    fields = {"one": {"type": "file"}, "more": {"type": "array", "items": {"type": "file"}, "required": False},
              "by": {"type": "object", "additionalProperties": {"type": "file"}, "required": False}}  # fmt: skip
    flow = {"id": "named-files", "name": "Named files", "payload": fields, "initialStep": "ask", "steps": [{"id": "ask", "type": "collect-inputs", "output": {"paper": {"type": "file"}}}, {"id": "end", "type": "end-flow"}], "edges": [{"from": "ask", "to": "end"}]}  # fmt: skip
    start = "/api/workflow/start/named-files"
    with shared.client() as client, shared.client("editor", "other") as stranger:
        client.post("/api/workflows", json=flow).raise_for_status()
        file = {"attachment": ("c.txt", b"signed")}
        known = client.post("/api/workflow/files", files=file).json()["fileId"]
        theirs = stranger.post("/api/workflow/files", files=file).json()["fileId"]
        wrong = {"one": theirs, "more": [known, "x"], "by": {"a": known, "b": ""}}
        refused = client.post(start, json={"data": wrong})
        reported = [{"path": path, "message": "is not the id of a file"} for path in ("data.one", "data.more[1]", "data.by.b")]  # fmt: skip
        assert (refused.status_code, refused.json()["details"]) == (400, reported)
        refused = client.post(start, files={"one": (None, "x"), **file})
        assert [one["path"] for one in refused.json()["details"]] == ["data.one"]
        right = {"one": known, "more": [known] * 2, "by": {"a": known}}
        run = client.post(start, json={"data": right}).json()
        answer = {"type": "collect_inputs", "data": {"paper": theirs}}
        resume = f"/api/workflow/resume/{run['runId']}"
        refused = client.post(resume, json=answer)
        assert [one["path"] for one in refused.json()["details"]] == ["data.paper"]
        answer["data"] = {"paper": known}
        assert client.post(resume, json=answer).is_success


def test_a_file_that_does_not_exist_is_refused_wherever_it_comes_from(shared: Server) -> None:
    paper, said = {"paper": {"type": "file"}}, "is not the id of a file"
    failing = {"id": "t", "type": "call-tool", "toolId": "explode", "output": paper,
               "retry": {"maxAttempts": 2, "initialInterval": "1h"}}  # fmt: skip
    given = {"id": "t", "type": "call-tool", "toolId": "transform", "inputs": {"paper": "{{ data.id }}"},
             "output": paper}  # fmt: skip
    each = call(
        "taking-paper", items="{{ data.ids }}", data={"paper": "{{ item }}"}, onItemError="continue"
    )
    alone = call("taking-paper", wait=False, data={"paper": "{{ data.id }}"})
    asks = {"id": "ask", "type": "collect-inputs", "output": paper}
    with shared.client() as client:
        known = client.post(
            "/api/workflow/files", files={"attachment": ("c.txt", b"signed")}
        ).json()["fileId"]
        create(client, "taking-paper", [], [], payload=paper)
        create(client, "giving-paper", [given], straight("t"))
        create(client, "failing-paper", [failing], straight("t"))
        create(client, "mapping-paper", [each], straight("call"))
        create(client, "sending-paper", [alone], straight("call"))
        create(client, "asking-paper", [asks], straight("ask"))

        def refused(address: str, **body: Any) -> tuple[int, list[str]]:
            answer = client.post(f"/api/workflow/{address}", json=body)
            return answer.status_code, [one["path"] for one in answer.json().get("details", ())]

        assert refused("start/asking-paper", data={"paper": "x"}) == (400, ["data.paper"])
        run = client.post("/api/workflow/start-async/failing-paper", json={}).json()["runId"]
        while "retryAt" not in (status(client, run)["stepExecutionHistory"] or [{}])[-1]:
            time.sleep(0.02)
        assert refused("management/change-data", runId=run, data={"paper": "x"}) == (
            400,
            ["data.paper"],
        )
        skip = {"runId": run, "stepId": "t"}
        assert refused("management/skip", **skip, output={"paper": "x"}) == (400, ["output.paper"])
        assert refused("management/skip", **skip, output={"paper": known}) == (200, [])
        settled(client, run, "completed")
        assert refused(f"rerun/{run}", stepId="t", data={"paper": "x"}) == (400, ["data.paper"])
        error = start(client, "giving-paper", id="x")["error"]
        assert (error["type"], f"output.paper {said}" in error["message"]) == (
            "InvalidOutput",
            True,
        )
        assert start(client, "giving-paper", id=known)["data"]["paper"] == known
        start(client, "mapping-paper", ids=[known, "x"])
        (newest,) = client.get("/api/workflow/runs?workflowId=mapping-paper").json()["runs"]
        output = status(client, newest["runId"])["stepExecutionHistory"][0]["outputData"]
        assert output["outputs"] == [{"paper": known}, None]
        assert [
            (one["index"], f"data.paper {said}" in one["message"]) for one in output["errors"]
        ] == [(1, True)]
        error = start(client, "sending-paper", id="x")["error"]
        assert (error["type"], f"data.paper {said}" in error["message"]) == ("InvalidInput", True)


def test_each_file_is_assigned_to_the_input_of_its_name(shared: Server) -> None:
    flow = {"id": "papers", "name": "Papers", "initialStep": "end", "steps": [{"id": "end", "type": "end-flow"}],
            "payload": {"contract": {"type": "file"}, "passport": {"type": "file"}, "n": {"type": "integer"}}}  # fmt: skip
    start = "/api/workflow/start/papers"
    contract, passport = ("contract", ("c.txt", b"signed")), ("passport", ("p.txt", b"face"))
    other = ("attachment", ("a.txt", b"else"))

    def contents(client: httpx.Client, *files: tuple[str, tuple[str, bytes]]) -> dict[str, bytes]:
        run = client.post(start, files=list(files), data={"n": "3"}).raise_for_status().json()
        names = {
            name: run["data"][name]
            for name in ("contract", "passport", "fileId")
            if name in run["data"]
        }
        return {
            name: client.get(f"/api/workflow/files/{id_}").content for name, id_ in names.items()
        }

    with shared.client() as client:
        client.post("/api/workflows", json=flow).raise_for_status()
        assert contents(client, contract, passport) == {"contract": b"signed", "passport": b"face"}
        whole = {"contract": b"signed", "passport": b"face", "fileId": b"else"}
        assert contents(client, contract, passport, other) == whole
        assert contents(client, contract, other) == {**whole, "passport": b"else"}
        for files, path in (
            ([contract], "data.passport"),
            ([contract, passport, ("x", ("x.txt", b"x"))], "x"),
            ([contract, passport, ("n", ("x.txt", b"x"))], "n"),
            ([contract, passport, contract], "contract"),
            ([contract, ("passport", ("p.txt", b""))], "passport"),
        ):
            refused = client.post(start, files=files, data={"n": "3"} if path != "n" else {})
            assert refused.status_code == 400
            assert path in [item["path"] for item in refused.json()["details"]], refused.text
        half = b"x" * 2_100_000
        large = [("contract", ("c.txt", half)), ("passport", ("p.txt", half))]
        refused = client.post(start, files=large, data={"n": "3"})
        assert refused.status_code == 413
        assert "together" in refused.json()["message"]
        keyed: dict[str, Any] = {"headers": {"idempotency-key": "k"}, "data": {"n": "3"}}
        first = client.post(start, files=[contract, passport], **keyed).json()
        assert client.post(start, files=[contract, passport], **keyed).json() == first
        changed = [contract, ("passport", ("p.txt", b"mask"))]
        assert client.post(start, files=changed, **keyed).status_code == 422


def test_a_value_that_cannot_be_stored_is_refused_in_every_format(shared: Server) -> None:
    asks = {"id": "f", "type": "collect-inputs",
            "output": {"tags": {"type": "array"}, "doc": {"type": "file", "required": False}}}  # fmt: skip
    flow = {"name": "Tags", "initialStep": "f", "steps": [asks, {"id": "end", "type": "end-flow"}],
            "edges": [{"from": "f", "to": "end"}],
            "payload": {"early": {"type": "array", "required": False}}}  # fmt: skip
    file = {"doc": ("a.txt", b"x")}
    with shared.client() as client:
        workflow = client.post("/api/workflows", json=flow).raise_for_status().json()["id"]
        start = f"/api/workflow/start/{workflow}"
        run = client.post(start, json={}).json()["runId"]
        link = client.post(f"/api/workflow/links/{run}", json={"name": "Ada"}).json()["url"]
        page = "/" + link.split("/", 3)[3]
        for odd in ("[1e999]", "[" * 2_000, '["\\ud800"]', '[{"a": 1, "a": 2}]'):
            refused = client.post(start, files={"attachment": ("a.txt", b"x")}, data={"early": odd})
            assert refused.status_code == 400, refused.text
            assert refused.json()["details"][0]["path"] == "data.early"
            answer = {"type": "collect_inputs", "tags": odd}
            refused = client.post(f"/api/workflow/resume/{run}", files=file, data=answer)
            assert (refused.status_code, refused.json()["details"][0]["path"]) == (400, "data.tags")
            shown = client.post(page, data={"data.tags": odd})
            assert shown.status_code == 400
            assert 'role="alert"' in shown.text
            shown = client.post(page, files={"data.doc": ("a.txt", b"x")}, data={"data.tags": odd})
            assert shown.status_code == 400
        urlencoded = {"content-type": "application/x-www-form-urlencoded"}
        for raw in (b"data.tags=\xff", b"&".join([b"a=1"] * 600), b"actionValue=a&actionValue=b"):
            shown = client.post(page, content=raw, headers=urlencoded)
            assert 400 <= shown.status_code < 500
        assert client.get(f"/api/workflow/status/{run}").json()["status"] == "paused"
        latin = {"content-type": "application/x-www-form-urlencoded; charset=iso-8859-1"}
        several = client.post(page, content=b"data.tags=a&data.tags=%FC", headers=latin)
        assert several.status_code == 200
        status = client.get(f"/api/workflow/status/{run}").json()
        assert status["stepExecutionHistory"][0]["outputData"]["tags"] == ["a", "ü"]


@pytest.mark.data_folder
def test_a_repeated_upload_stores_its_file_once(shared: Server, address: str) -> None:
    def stored() -> int:
        with contextlib.closing(sqlite3.connect(shared.data / "journal.sqlite3")) as database:
            count: int = database.execute("SELECT count(*) FROM files").fetchone()[0]
            return count

    with shared.client() as client:
        before, key = stored(), {"idempotency-key": "upload"}
        runs = {
            client.post(address, files={"attachment": ("a.txt", b"x")}, headers=key).json()["runId"]
            for _ in range(3)
        }
        assert (len(runs), stored() - before) == (1, 1)
        other = client.post(address, files={"attachment": ("a.txt", b"y")}, headers=key)
        assert (other.status_code, stored() - before) == (422, 1)
        at_once = {"idempotency-key": "uploads at once"}
        with ThreadPoolExecutor(8) as pool:
            answers = pool.map(
                lambda _: client.post(
                    address, files={"attachment": ("a.txt", b"x" * 99_000)}, headers=at_once
                ),
                range(8),
            )
            runs = {answer.json()["runId"] for answer in answers}
        assert (len(runs), stored() - before) == (1, 2)
