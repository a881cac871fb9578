"""Sign-out ends the session on the server, wrong sign-ins are limited, targets may be absolute."""

import socket
from pathlib import Path

import httpx

from tests.conftest import PLUGIN
from tests.harness.server import Server


def cookie(server: Server) -> dict[str, str]:
    form = {"tenant": "acme", "credential": server.key()}
    answer = httpx.post(f"{server.address}/sign-in", data=form)
    assert answer.status_code == 303
    return dict(answer.cookies)


def signed_in(server: Server) -> httpx.Client:
    return httpx.Client(base_url=server.address, cookies=cookie(server))


def csrf(client: httpx.Client) -> dict[str, str]:
    page = client.get("/inbox").text
    return {"x-csrf-token": page.split('name="csrf" content="')[1].split('"')[0]}


def test_a_session_is_invalid_after_sign_out_and_wrong_sign_ins_are_limited(tmp_path: Path) -> None:
    with (
        Server(tmp_path / "data", PLUGIN) as server,
        signed_in(server) as one,
        signed_in(server) as other,
    ):
        kept = dict(one.cookies)
        assert one.post("/sign-out", headers=csrf(one)).status_code == 200
        assert httpx.get(f"{server.address}/api/workflow/runs", cookies=kept).status_code == 401
        assert other.get("/api/workflow/runs").status_code == 200
        server.kill()
        server.start()
        assert httpx.get(f"{server.address}/api/workflow/runs", cookies=kept).status_code == 401
        assert other.get("/api/workflow/runs").status_code == 200

        wrong = {"tenant": "acme", "credential": "sk_wrong"}
        codes = [httpx.post(f"{server.address}/sign-in", data=wrong) for _ in range(25)]
        assert [answer.status_code for answer in codes[:20]] == [401] * 20
        assert codes[-1].status_code == 429
        assert int(codes[-1].headers["retry-after"]) >= 1


def test_a_request_target_may_have_scheme_and_host(shared: Server) -> None:
    with socket.create_connection(("127.0.0.1", shared.port), 10) as wire:
        wire.sendall(
            b"GET http://stepwell.example/healthz HTTP/1.1\r\nHost: stepwell.example\r\nConnection: close\r\n\r\n"
        )
        assert wire.recv(1_000).split()[1] == b"200"
