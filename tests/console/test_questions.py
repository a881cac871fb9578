"""Content shown with a pause, in the inbox and behind a link, is displayed but never executed."""

import re
from collections.abc import Callable
from functools import partial
from html import unescape
from typing import Any

import httpx
import pytest

from app.web.console.markdown import markdown
from app.web.console.questions.previews import preview_of
from tests.harness.counted_work import calls_of
from tests.harness.growing_cost import cost_ratio
from tests.harness.server import Server

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
MAIL = b"From: Ada <ada@example.com>\r\nSubject: Invoice 17\r\nContent-Type: text/html\r\n\r\n<p>Please <b>pay</b></p><script>alert(1)</script>"
HOSTILE = '# Hi\n\n<img src=x onerror=alert(1)> **bold** [ok](https://a.example/?q=1&r="2) [no](javascript:alert(1)) `<b>`\n\n- one\n- two'
FLOW: dict[str, Any] = {
    "id": "shows", "name": "Shows", "initialStep": "ask", "title": "Bill of {{ data.table[0].item }}", "payload": {},
    "steps": [
        {"id": "ask", "type": "request-user-action", "message": "Pay?", "show": [
            {"title": "Lines", "value": "{{ data.table }}"}, "{{ data.picture }}", {"value": "{{ data.mail }}", "as": "email"},
            {"value": "{{ data.text }}", "as": "markdown"}, "{{ {'supplier': 'ACME', 'isNew': true} }}", "{{ data.nothing | default(none) }}"]},
        {"id": "end", "type": "end-flow"},
    ],
    "edges": [{"from": "ask", "to": "end"}],
}  # fmt: skip


def upload(client: httpx.Client, name: str, content: bytes, kind: str) -> Any:
    sent = client.post("/api/workflow/files", files={"attachment": (name, content, kind)})
    return sent.json()


def test_content_of_a_question_is_shown_and_harmless(console: Server) -> None:
    with console.client("owner", "shown") as client:
        assert client.post("/api/workflows", json=FLOW).status_code == 201
        data = {
            "picture": upload(client, "receipt.png", PNG, "image/png"),
            "mail": upload(client, "mail.eml", MAIL, "message/rfc822")["fileId"],
            "table": [{"item": "Taxi", "eur": 70}, {"item": "<b>Hotel</b>", "eur": {"net": 90}}],
            "text": HOSTILE,
        }
        run = client.post("/api/workflow/start/shows", json={"data": data}).json()
        assert run["status"] == "paused", run
        shown = run["pauseSignal"]["show"]
        assert [one["kind"] for one in shown] == ["table", "file", "email", "markdown", "object"]
        assert shown[1]["sha256"]
        pause_id = run["pauseSignal"]["pauseId"]
        with httpx.Client(base_url=console.address) as browser:
            form = {"tenant": "shown", "credential": console.key("viewer", "shown")}
            assert browser.post("/sign-in", data=form).status_code == 303
            page = browser.get("/inbox").text
            for reported in ("<td>Taxi</td>", "&lt;b&gt;Hotel", "<td>Net: 90</td>", "<dd>ACME</dd>", "<dd>Yes</dd>"):  # fmt: skip
                assert reported in page, reported
            assert "onerror=alert(1)>" not in page
            address = f"/inbox/shown/{pause_id}"
            picture = browser.get(f"{address}/1")
            assert (picture.content, picture.headers["content-type"]) == (PNG, "image/png")
            mail = browser.get(f"{address}/2")
            assert "Invoice 17" in mail.text
            assert "Please pay" in mail.text
            assert "alert" not in mail.text
            assert "script-src" not in mail.headers["content-security-policy"]
            assert browser.get(f"{address}/9").status_code == 404
        with httpx.Client(base_url=console.address) as other:
            form = {"tenant": "elsewhere", "credential": console.key("owner", "elsewhere")}
            other.post("/sign-in", data=form)
            assert other.get(f"{address}/1").status_code == 404, "of another tenant"
        link = client.post(f"/api/workflow/links/{run['runId']}", json={"name": "Ada"}).json()[
            "url"
        ]
        path = "/answer/" + link.rpartition("/")[2]
        asked = unescape(httpx.get(console.address + path).text)
        (seen,) = re.findall(r'name="seen" value="([0-9a-f]{64})"', asked)
        assert f'src="{path}/shown/1"' in asked
        assert "Bill of Taxi" in asked
        assert httpx.get(f"{console.address}{path}/shown/1").content == PNG
        stale = httpx.post(
            console.address + path, data={"actionValue": "approved", "seen": "0" * 64}
        )
        assert stale.status_code == 409
        done = httpx.post(console.address + path, data={"actionValue": "approved", "seen": seen})
        assert "Your answer is stored" in done.text
        assert httpx.get(f"{console.address}{path}/shown/1").status_code == 404, "with the question"


def test_markdown_is_escaped_before_it_is_rendered() -> None:
    made = str(markdown(HOSTILE))
    assert "<img" not in made
    assert 'href="javascript' not in made
    assert "<strong>bold</strong>" in made
    assert "<code>&lt;b&gt;</code>" in made
    assert "<ul><li>one</li><li>two</li></ul>" in made
    assert str(markdown("[a](https://x.example/y) > z\n\x000\x00")).count("<a ") == 1
    assert str(markdown("# a #b ##")) == "<p><strong>a #b</strong></p>"
    assert cost_ratio(lambda size: markdown(f"# a{' ' * size}b\n# {'#' * size}b"), 4_000) < 32


HEAVY: dict[str, Callable[[int], bytes]] = {
    "nested": lambda count: b"".join(
        b"Content-Type: multipart/mixed; boundary=%d\n\n--%d\n" % (n, n) for n in range(count)
    ),
    "comments": lambda count: b"To: " + b"(" * count,
    "addresses": lambda count: b"To: " + b"a@b.example, " * count,
    "parameters": lambda count: b"Content-Type: text/plain" + b"; a=b" * count,
    "parts": lambda count: b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * count,
}


@pytest.mark.parametrize("kind", HEAVY)
def test_a_costly_mail_is_shown_at_proportional_cost(kind: str) -> None:
    short, long = (HEAVY[kind](count) + b"\n\nPlease pay" for count in (800, 3_200))
    shown = partial(preview_of, "email", "", "")
    assert calls_of(partial(shown, long)) <= 5.5 * calls_of(partial(shown, short)) + 1_000
    reported = shown(long)
    assert "Please pay" in (reported["mail"] or reported)["text"]
