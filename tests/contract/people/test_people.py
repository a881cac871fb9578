"""People: invitation, sign-in, sessions ended by an admin, and the audit log of changes."""

import json
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.harness.processes import command
from tests.harness.server import Server

PASSWORD = "several words are best"


def accepted(address: str, password: str = PASSWORD) -> httpx.Response:
    return httpx.post(address, data={"password": password, "again": password})


@contextmanager
def signed_in(server: Server, name: str, password: str = PASSWORD) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.address) as client:
        form = {"tenant": "acme", "name": name, "password": password}
        assert client.post("/sign-in", data=form).status_code == 303
        found = re.search(r'name="csrf" content="([^"]+)"', client.get("/inbox").text)
        assert found is not None
        client.headers["x-csrf-token"] = found[1]
        yield client


def test_a_person_is_invited_and_their_sessions_end_with_the_account(shared: Server) -> None:
    with shared.client() as owner, shared.client("admin") as admin:
        body: dict[str, Any] = {
            "name": "Grace",
            "role": "admin",
            "groups": ["ops", "finance", "ops"],
        }
        assert admin.post("/api/people", json={**body, "role": "owner"}).status_code == 403
        made = admin.post("/api/people", json=body).json()
        assert (made["groups"], made["signsIn"]) == (["finance", "ops"], "invited")
        assert owner.post("/api/people", json={**body, "name": "grace"}).status_code == 409
        assert owner.post("/api/people", json={**body, "name": "a\u202eb"}).status_code == 400
        assert "Welcome, Grace" in httpx.get(made["invitation"]).text
        assert accepted(made["invitation"], "grace" * 2).status_code == 400
        assert accepted(made["invitation"]).status_code == 303
        assert accepted(made["invitation"]).status_code == 404
        assert made["invitation"].rpartition("/")[2] not in shared.log.read_text()

        with signed_in(shared, "GRACE") as grace:
            assert grace.get("/api/keys").status_code == 200
            assert grace.post("/api/keys", json={"role": "owner"}).status_code == 403
            assert owner.put("/api/variables/LONG", json={"value": "x" * 500}).status_code == 200
            for page in ("people", "sessions", "audit", "variables"):
                assert grace.get(f"/settings/{page}").status_code == 200
            listed = grace.get("/api/sessions").json()
            (mine,) = [item for item in listed if item["isThisOne"]]
            assert (mine["who"], mine["openedBy"]) == ("person:Grace", "password")
            with shared.client("owner", "other") as other:
                assert other.delete(f"/api/sessions/{mine['id']}").status_code == 404
                assert other.get("/api/people").json() == []
            assert owner.delete(f"/api/sessions/{mine['id']}").status_code == 200
            assert grace.get("/api/keys").status_code == 401

        with signed_in(shared, "grace") as grace:
            address = f"/api/people/{made['id']}"
            assert owner.put(address, json={"role": "viewer"}).json()["role"] == "viewer"
            assert grace.get("/api/keys").status_code == 403
            link = command("person", "invite", "Grace", "--data", shared.data, "--tenant", "acme")[
                "path"
            ]
            again = owner.post(f"{address}/invitation").json()["invitation"]
            assert httpx.get(f"{shared.address}{link}").status_code == 404
            assert accepted(again, "another password").status_code == 303
            assert grace.get("/api/workflows").status_code == 401
        with signed_in(shared, "grace", "another password") as grace:
            shown = owner.get("/api/people").json()[0]
            changed = owner.put(address, json={**shown, "disabled": True}).json()
            assert changed["disabledAt"]
            assert grace.get("/api/workflows").status_code == 401
        form = {"tenant": "acme", "name": "grace", "password": "another password"}
        assert httpx.post(f"{shared.address}/sign-in", data=form).status_code == 401


def test_changes_are_recorded_in_the_audit_log(shared: Server) -> None:
    with shared.client("owner", "log") as owner:
        flow = {"name": "Kept", "initialStep": "e", "steps": [{"id": "e", "type": "end-flow"}]}
        assert owner.post("/api/workflows", json={"name": "none"}).status_code == 400
        owner.post("/api/workflows", json=flow)
        owner.put("/api/workflows/kept", json={"description": "x"})
        owner.post("/api/workflows/kept/publish", json={})
        owner.post("/api/workflow/start/kept", json={})
        owner.put("/api/secrets/TOKEN", json={"value": "s3cr3t-value"})
        assert owner.delete("/api/secrets/NONE").status_code == 404
        whole = owner.get("/api/audit").json()
        reported = [(item["action"], item["target"], item["result"]) for item in whole["entries"]][
            ::-1
        ]
        assert reported == [
            ("key.create", "", None),
            ("createWorkflow", "/api/workflows", "kept"),
            ("updateWorkflow", "/api/workflows/kept", "1.0.1"),
            ("publishWorkflow", "/api/workflows/kept/publish", "1.0.1"),
            ("putSecret", "/api/secrets/TOKEN", None),
        ]
        pages, cursor = [], None
        while True:
            query = {"limit": 2, **({"cursor": cursor} if cursor else {})}
            page = owner.get("/api/audit", params=query).json()
            pages += page["entries"]
            if (cursor := page["nextCursor"]) is None:
                break
        assert pages == whole["entries"]
        by_target = owner.get("/api/audit", params={"target": "/api/workflows/"}).json()["entries"]
        assert len(by_target) == 2
        at = {"since": pages[1]["at"], "until": pages[0]["at"], "who": pages[0]["who"]}
        assert pages[0] not in owner.get("/api/audit", params=at).json()["entries"]
        exported = owner.get("/api/audit/export")
        lines = [json.loads(line) for line in exported.text.splitlines()]
        assert [{k: v for k, v in line.items() if k != "hash"} for line in lines] == pages
        assert "s3cr3t" not in exported.text
    with shared.client("editor", "log") as editor:
        assert editor.get("/api/audit").status_code == 403


def test_somebody_promoted_during_a_change_is_out_of_an_admins_reach(shared: Server) -> None:
    with shared.client() as owner:
        made = owner.post("/api/people", json={"name": "Linus", "role": "viewer"}).json()
        path, body = f"/api/people/{made['id']}", b'{"disabled": true}'
        head = (
            f"PUT {path} HTTP/1.1\r\nhost: x\r\nx-api-key: {shared.key('admin')}\r\n"
            f"x-tenant-id: acme\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
            "expect: 100-continue\r\nconnection: close\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", shared.port), 10) as wire:
            wire.sendall(head.encode())
            assert wire.recv(1_000).startswith(b"HTTP/1.1 100 ")  # it waits for the body
            assert owner.put(path, json={"role": "owner"}).status_code == 200
            wire.sendall(body)
            assert wire.recv(1_000).startswith(b"HTTP/1.1 403 ")
        (shown,) = [one for one in owner.get("/api/people").json() if one["id"] == made["id"]]
        assert (shown["role"], shown["disabledAt"]) == ("owner", None)
        owner.put(path, json={"disabled": True})
