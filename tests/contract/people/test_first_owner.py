"""The first owner is created once, with the code shown in the terminal, and can sign in."""

import json
import re
import sqlite3
from pathlib import Path

import httpx
import pytest

from tests.conftest import PLUGIN
from tests.harness.processes import run
from tests.harness.server import Server

PASSWORD = "correct horse battery staple"


def made(server: Server, code: str, **other: str) -> httpx.Response:
    form = {"code": code, "name": "Ada L.", "password": PASSWORD, "again": PASSWORD, **other}
    return httpx.post(f"{server.address}/first-owner", data={**form, "sample": "greeting"})


def signed_in(server: Server, name: str, password: str) -> httpx.Response:
    form = {"tenant": "default", "name": name, "password": password}
    return httpx.post(f"{server.address}/sign-in", data=form)


def verified(data: Path) -> list[str]:
    found = json.loads(run("verify", "--data", data, "--json").stdout)
    return [fault["what"] for fault in found["found"]]


@pytest.mark.data_folder
def test_the_code_of_the_terminal_creates_one_owner_who_signs_in(tmp_path: Path) -> None:
    with Server(tmp_path / "data", PLUGIN) as server:
        shown = re.search(r"at (\S+) with the code (\S+)", server.log.read_text())
        assert shown is not None
        address, code = shown.groups()
        assert address == f"{server.address}/first-owner"
        asked = httpx.get(f"{server.address}/sign-in")
        assert (asked.status_code, asked.headers["location"]) == (303, "/first-owner")
        assert "Create the owner account" in httpx.get(address).text

        assert made(server, "AAAAA-AAAAA").status_code == 401
        assert "not the same" in made(server, code, again="another one").text
        assert "10 characters or more" in made(server, code, password="short", again="short").text
        away = {"sec-fetch-site": "cross-site"}
        assert httpx.post(address, data={"code": code}, headers=away).status_code == 403
        assert signed_in(server, "Ada L.", PASSWORD).status_code == 401

        answer = made(server, code.lower().replace("-", " "))
        assert (answer.status_code, answer.headers["location"]) == (303, "/workflows")
        cookies = dict(answer.cookies)
        flows = httpx.get(f"{server.address}/api/workflows", cookies=cookies).json()
        assert [(flow["id"], flow["status"]) for flow in flows] == [("greeting", "published")]
        again = made(server, code, name="Eve")
        assert (again.status_code, again.headers["location"]) == (303, "/sign-in?owner")
        reported = httpx.get(f"{server.address}/first-owner", follow_redirects=True).text
        assert "Somebody can sign in as the owner already" in reported

        assert signed_in(server, "ada  l.", PASSWORD).status_code == 303
        for name, password in (
            ("Ada L.", "wrong"),
            ("Eve", PASSWORD),
            ("", ""),
            ("\x00", "x" * 9_000),
        ):
            answer = signed_in(server, name, password)
            assert f'name="name" value="{name}"' in answer.text, "what was typed stays"
            assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)
        elsewhere = {"tenant": "acme", "name": "Ada L.", "password": PASSWORD}
        assert httpx.post(f"{server.address}/sign-in", data=elsewhere).status_code == 401
        guesses = (signed_in(server, "Ada L.", "guess").status_code for _ in range(40))
        assert 429 in guesses
        assert not re.search(r"sk_|correct horse", server.log.read_text())
        server.terminate()
        server.log.unlink()
        server.start()
        assert "with the code" not in server.log.read_text()
        assert httpx.get(f"{server.address}/api/workflows", cookies=cookies).status_code == 200
        server.terminate()

    assert verified(server.data) == []
    with sqlite3.connect(server.data / "journal.sqlite3") as database:
        entries = database.execute("SELECT who, action FROM audit ORDER BY position").fetchall()
        assert entries[:2] == [("person:Ada L.", "createPerson"), ("person:Ada L.", "signIn")]
        database.execute("UPDATE audit SET who = 'person:Eve' WHERE position = 2")
    assert verified(server.data) == ["entry 2 of the audit log was changed"]
    with sqlite3.connect(server.data / "journal.sqlite3") as database:
        database.execute("UPDATE audit SET who = 'person:Ada L.' WHERE position = 2")
        database.execute("DELETE FROM audit WHERE position = (SELECT max(position) FROM audit)")
    assert re.match(
        r"the audit log ends at entry \d+, and \d+ were written", verified(server.data)[0]
    )
