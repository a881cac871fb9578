"""Passkeys in a browser with a virtual authenticator: first owner, sign-in, adding, removing."""

import json
import re
from pathlib import Path

import httpx
from selenium.webdriver import Chrome
from selenium.webdriver.common.virtual_authenticator import VirtualAuthenticatorOptions

from tests.console.browser import Person
from tests.console.conftest import PLUGIN
from tests.harness.server import Server


def with_a_device(chrome: Chrome) -> None:
    options = VirtualAuthenticatorOptions()
    options.has_resident_key = True
    options.has_user_verification = True
    options.is_user_verified = True
    chrome.add_virtual_authenticator(options)


def test_an_owner_signs_in_with_passkeys_only(tmp_path: Path, chrome: Chrome) -> None:
    with Server(tmp_path / "data", PLUGIN) as server:
        code = re.search(r"with the code (\S+)", server.log.read_text())
        assert code
        with_a_device(chrome)
        try:
            ada = Person(chrome, server.address.replace("127.0.0.1", "localhost"))
            ada.opens("/first-owner")
            ada.fills("Code", code[1])
            ada.fills("Your name", "Ada")
            ada.presses("Create the owner account with a passkey")
            ada.waits(lambda: "/workflows" in chrome.current_url)

            chrome.delete_all_cookies()
            ada.opens("/sign-in?next=/settings/passkeys")
            ada.presses("Sign in with a passkey")
            ada.sees("Passkey")
            assert "/settings/passkeys" in chrome.current_url
            cookies = {item["name"]: item["value"] for item in chrome.get_cookies()}
            with httpx.Client(base_url=server.address, cookies=cookies) as client:
                (mine,) = client.get("/api/passkeys").json()
                assert mine["usedAt"]
                (person,) = client.get("/api/people").json()
                assert (person["name"], person["signsIn"]) == ("Ada", "passkey")
                ada.presses("Remove")
                ada.confirms()
                ada.waits(lambda: client.get("/api/passkeys").json() == [])
            chrome.delete_all_cookies()
            ada.opens("/sign-in")
            assert "Sign in with a passkey" not in ada.text
            assert ada.errors() == []
        finally:
            chrome.remove_virtual_authenticator()


def test_an_invalid_passkey_is_refused(tmp_path: Path) -> None:
    with Server(tmp_path / "data", PLUGIN) as server:
        named = server.address.replace("127.0.0.1", "localhost")
        with httpx.Client(base_url=named) as client:
            asked = client.post("/passkeys/challenge", data={"for": "sign-in"}).json()
            assert asked["options"]["rpId"] == "localhost"
            assert asked["options"]["userVerification"] == "required"
            new = client.post("/passkeys/challenge", data={"for": "new", "name": "Eve"}).json()
            assert new["options"]["authenticatorSelection"]["residentKey"] == "required"
            one = {"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": {}}
            for passkey, challenge in (
                ("{}", asked["challenge"]), (json.dumps(one), new["challenge"]), ("[" * 5_000, "x"),
                ("null", ""), (json.dumps(one), asked["challenge"]), ("x" * 9_000, asked["challenge"]),
            ):  # fmt: skip
                form = {"passkey": passkey, "challenge": challenge}
                answer = client.post("/sign-in", data=form)
                assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)
            code = re.search(r"with the code (\S+)", server.log.read_text())
            assert code
            form = {"code": code[1], "name": "Eve", "passkey": json.dumps(one)}
            for challenge in (new["challenge"], asked["challenge"], "", "AAAA"):
                answer = client.post("/first-owner", data={**form, "challenge": challenge})
                assert (answer.status_code, "set-cookie" in answer.headers) == (400, False)
            away = {"sec-fetch-site": "cross-site"}
            assert client.post("/passkeys/challenge", headers=away).status_code == 400
        refused = httpx.post(f"{server.address}/passkeys/challenge", data={"for": "new"})
        assert (refused.status_code, "localhost" in refused.json()["message"]) == (400, True)
        with server.client("viewer") as viewer:
            body = {"passkey": json.dumps(one), "challenge": new["challenge"]}
            assert viewer.post("/api/passkeys", json=body).status_code == 400
            assert viewer.get("/api/passkeys").json() == []
            assert viewer.delete("/api/passkeys/AAAA").status_code == 404
