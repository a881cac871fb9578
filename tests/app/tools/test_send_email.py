"""Mail is sent as requested, over real connections, and otherwise not at all."""

import asyncio
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.clock import SystemClock
from app.concurrency.tenant import work_for
from app.settings.server import Settings, SettingsError
from app.tools.send_email import send_email_tool
from steps.contract.step_type import StepBroke
from steps.effects.effects import ToolContext
from steps.effects.stored_file import StoredFile
from steps.testing import FakeEffects
from steps.tools.tools import Tools
from tests.harness.mail import MailServer

LETTER = {"to": "ada@example.com", "subject": "Hello", "text": "Good morning"}


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[MailServer]:
    with MailServer(tmp_path) as running:
        yield running


async def send(
    settings: dict[str, Any], arguments: dict[str, Any], context: ToolContext | None = None
) -> Any:
    tools = Tools([send_email_tool(Settings(**settings), SystemClock())])
    return await tools.call(
        "send-email", arguments, context or FakeEffects(files=[]).tool_context()
    )


def keyed(key: str) -> ToolContext:
    return replace(FakeEffects().tool_context(), idempotency_key=key)


async def broke(settings: dict[str, Any], arguments: dict[str, Any]) -> tuple[str, bool, str]:
    with pytest.raises(StepBroke) as raised:
        await send(settings, arguments)
    error = raised.value.error
    return error.type, error.retryable, error.message


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
async def test_mail_arrives_by_every_transport(tmp_path: Path, security: str) -> None:
    with MailServer(tmp_path, security) as mail:
        result = await send(mail.settings(), LETTER)
        message = mail.messages[0]
    assert result["accepted"] == ["ada@example.com"]
    assert result["refused"] == {}
    assert result["messageId"] == message["Message-ID"]
    assert message["From"] == "Stepwell <stepwell@example.com>"
    assert (message["Subject"], message["To"]) == ("Hello", "ada@example.com")
    assert message["Date"].datetime.tzinfo is not None
    assert message.get_content().strip() == "Good morning"


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_an_untrusted_certificate_is_refused(tmp_path: Path, security: str) -> None:
    with MailServer(tmp_path, security) as mail:
        outcome = await broke(mail.settings(smtp_ca_file=None), LETTER)
    assert (outcome[0], "certificate" in outcome[2].lower()) == ("ConnectionFailed", True)
    assert mail.received == []


async def test_no_mail_is_sent_unencrypted_where_starttls_is_required(mail: MailServer) -> None:
    outcome = await broke(mail.settings(smtp_security="starttls"), LETTER)
    assert (outcome[0], "STARTTLS" in outcome[2]) == ("ConnectionFailed", True)
    assert mail.received == []


async def test_a_user_signs_in_by_password_or_password_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("opensesame\n")
    with MailServer(tmp_path, "starttls", user=("robot", "opensesame")) as mail:
        await send(mail.settings(smtp_username="robot", smtp_password="opensesame"), LETTER)
        by_file = {"smtp_username": "robot", "smtp_password_file": tmp_path / "password"}
        await send(mail.settings(**by_file), LETTER)
        wrong = mail.settings(smtp_username="robot", smtp_password="hunter2-canary")
        kind, retryable, message = await broke(wrong, LETTER)
        odd = mail.settings(smtp_username="robot", smtp_password="pässword")
        assert (await broke(odd, LETTER))[:2] == ("EmailAuth", False)
    assert len(mail.received) == 2
    assert "canary" not in message
    assert (kind, retryable) == ("EmailAuth", False)


async def test_a_repeat_carries_the_same_message_id(mail: MailServer) -> None:
    first = await send(mail.settings(), LETTER, keyed("run-1:mail:1"))
    again = await send(mail.settings(), LETTER, keyed("run-1:mail:1"))
    other = await send(mail.settings(), LETTER, keyed("run-1:mail:2"))
    assert first["messageId"] == again["messageId"] != other["messageId"]


async def test_text_html_attachments_and_all_recipients_are_sent(mail: MailServer) -> None:
    report = StoredFile("f1", "Bericht für Ada.pdf", "application/pdf", b"%PDF-1.7 \x00\xff")
    notes = StoredFile("f2", "notes.txt", "text/plain", "grüße\n".encode())
    letter = {
        "to": ["Ada Lovelace <ada@example.com>", "bob@bücher.example"],
        "cc": '"Smith, Carl" <carl@example.com>', "bcc": ["dora@example.com"],
        "replyTo": "office@example.com", "from": "Büro <office@example.com>",
        "subject": "Grüße ✓", "text": "Hällo", "html": "<p>Hällo</p>", "attachments": ["f1", "f2"],
    }  # fmt: skip
    result = await send(mail.settings(), letter, FakeEffects(files=[report, notes]).tool_context())
    message = mail.messages[0]
    everybody = [
        "ada@example.com",
        "bob@xn--bcher-kva.example",
        "carl@example.com",
        "dora@example.com",
    ]
    assert result["accepted"] == mail.received[0].rcpt_tos == everybody
    assert mail.received[0].mail_from == "office@example.com"
    assert b"dora" not in (mail.received[0].content or b"")
    assert (mail.received[0].content or b"\xff").isascii()
    assert message["Subject"] == "Grüße ✓"
    assert message["From"].addresses[0].display_name == "Büro"
    assert message["Cc"].addresses[0].display_name == "Smith, Carl"
    assert message["Reply-To"] == "office@example.com"
    body, rich = message.get_body(("plain",)), message.get_body(("html",))
    assert body is not None
    assert rich is not None
    assert (body.get_content().strip(), rich.get_content().strip()) == ("Hällo", "<p>Hällo</p>")
    files = list(message.iter_attachments())
    assert [item.get_filename() for item in files] == ["Bericht für Ada.pdf", "notes.txt"]
    assert files[0].get_payload(decode=True) == report.content
    assert files[1].get_payload(decode=True) == notes.content


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("subject", "Hi\r\nBcc: eve@example.com"),
        ("subject", "Hi\nX: y"),
        ("subject", "=?utf-8?q?a=0ABcc:_eve=40example.com?="),
        ("to", "=?utf-8?q?a=0ABcc:_eve=40example.com?= <ada@example.com>"),
        ("subject", "Hi\u2028Bcc: eve@example.com"),
        ("to", "ada@example.com\r\nBcc: eve@example.com"),
        ("to", "Ada\n <ada@example.com>"),
        ("to", "ada@example.com>\nRCPT TO:<eve@example.com"),
        ("to", ["ada@example.com, eve@example.com"]),
        ("to", "ada@example.com;eve@example.com"),
        ("to", "<ada@example.com> <eve@example.com>"),
        ("to", ""),
        ("to", []),
        ("to", "ada"),
        ("to", "@example.com"),
        ("to", "ada@"),
        ("to", "ada@exa mple.com"),
        ("to", "ada@example.com SIZE=1"),
        ("to", "ada@[127.0.0.1]"),
        ("to", "ädä@example.com"),
        ("to", "a" * 65 + "@example.com"),
        ("to", "ada@" + "a" * 64 + ".com"),
        ("to", "ada@" + "a." * 130 + "com"),
        ("cc", "eve\x00@example.com"),
        ("replyTo", "nobody"),
        ("from", "x@example.com\nX: y"),
        ("from", ""),
        ("to", [f"user{n}@example.com" for n in range(101)]),
    ],
)  # fmt: skip
async def test_an_invalid_message_is_refused_before_anything_is_sent(
    mail: MailServer, key: str, value: Any
) -> None:
    kind, retryable, _ = await broke(mail.settings(), {**LETTER, key: value})
    assert (kind, retryable, mail.received) == ("InvalidEmail", False, [])


@pytest.mark.parametrize(
    "wrong", [{"headers": {}}, {"sender": "a@b.c"}, {"to": 1}, {"attachments": "f1"}, {"text": 1}]
)
async def test_unknown_and_mistyped_inputs_are_refused(
    mail: MailServer, wrong: dict[str, Any]
) -> None:
    assert (await broke(mail.settings(), {**LETTER, **wrong}))[0] == "InvalidToolInput"


async def test_a_message_needs_a_text_and_a_file_must_exist(mail: MailServer) -> None:
    assert (await broke(mail.settings(), {"to": "a@b.example", "subject": ""}))[0] == "InvalidEmail"
    wanted = {**LETTER, "attachments": ["nowhere"]}
    assert (await broke(mail.settings(), wanted))[0] == "FileNotFound"


async def test_a_message_is_at_most_25_megabytes(mail: MailServer) -> None:
    big = StoredFile("big", "big.bin", "application/octet-stream", b"x" * 13 * 1024 * 1024)
    with pytest.raises(StepBroke, match="26214400"):
        await send(
            mail.settings(),
            {**LETTER, "attachments": ["big", "big"]},
            FakeEffects(files=[big]).tool_context(),
        )
    assert mail.received == []


async def test_any_text_arrives_unchanged(mail: MailServer) -> None:
    text = ".\n.\n\nFrom me\n" + "x" * 5_000 + "\n\U0001f600\n.\r\nQUIT\r\n"
    await send(mail.settings(), {**LETTER, "text": text})
    assert mail.messages[0].get_content().replace("\r\n", "\n") == text.replace("\r\n", "\n")


async def test_refused_recipients_are_reported_and_the_others_served(mail: MailServer) -> None:
    mail.answers = {"bob@example.com": "550 no such user"}
    result = await send(mail.settings(), {**LETTER, "to": ["ada@example.com", "bob@example.com"]})
    assert result["accepted"] == ["ada@example.com"] == mail.received[0].rcpt_tos
    assert result["refused"] == {"bob@example.com": "550 no such user"}


@pytest.mark.parametrize(("answer", "retryable"), [("550 never", False), ("450 later", True)])
async def test_only_a_temporary_refusal_is_retried(
    mail: MailServer, answer: str, retryable: bool
) -> None:
    mail.answers = {"ada@example.com": answer}
    kind, again, message = await broke(mail.settings(), LETTER)
    assert (kind, again, answer in message) == ("EmailRefused", retryable, True)
    mail.answers, mail.data_answer = {}, answer
    assert (await broke(mail.settings(), LETTER))[:2] == ("EmailRefused", retryable)


async def test_missing_settings_are_named() -> None:
    kind, retryable, message = await broke({}, LETTER)
    assert (kind, retryable, "smtp_host" in message) == ("EmailNotConfigured", False, True)
    kind, _, message = await broke({"smtp_host": "127.0.0.1"}, LETTER)
    assert (kind, "smtp_from" in message) == ("EmailNotConfigured", True)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"smtp_ca_file": "nowhere.pem"}, "smtp_ca_file .*nowhere.pem cannot be used: .*No such"),
        ({"smtp_ca_file": "empty.pem"}, "smtp_ca_file .*empty.pem .* no certificate"),
        ({"smtp_password_file": "nowhere"}, "smtp_password_file .*nowhere cannot be read"),
        ({"smtp_username": "robot"}, "smtp_username needs a password"),
        ({"smtp_from": "abc"}, "smtp_from: .*abc"),
        ({"smtp_from": "a@b.example, c@d.example"}, "smtp_from"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_the_start(
    tmp_path: Path, wrong: dict[str, str], said: str
) -> None:
    (tmp_path / "empty.pem").touch()
    given = {k: str(tmp_path / v) if k.endswith("_file") else v for k, v in wrong.items()}
    settings = Settings.model_validate({"smtp_host": "mail.example", **given})
    with pytest.raises(SettingsError, match=said):
        send_email_tool(settings, SystemClock())


async def test_a_file_that_went_missing_is_named(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("opensesame")
    with MailServer(tmp_path, "tls") as mail:
        tool = send_email_tool(
            Settings(**mail.settings(smtp_username="robot", smtp_password_file=file)), SystemClock()
        )
        file.unlink()
        with pytest.raises(StepBroke, match=str(file)) as raised:
            await Tools([tool]).call("send-email", {**LETTER}, FakeEffects(files=[]).tool_context())
    assert raised.value.error.type == "EmailNotConfigured"
    assert mail.received == []


async def test_what_the_mail_server_does_not_support_is_named(mail: MailServer) -> None:
    named = mail.settings(smtp_username="robot", smtp_password="opensesame")
    kind, retryable, message = await broke(named, LETTER)
    assert (kind, retryable, "AUTH" in message) == ("EmailAuth", False, True)


async def test_an_unreachable_or_silent_server_is_retried(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        place = {
            "smtp_host": "127.0.0.1",
            "smtp_port": silent.getsockname()[1],
            "smtp_from": "a@b.example",
        }
        assert (await broke(place, LETTER))[:2] == ("ConnectionFailed", True)
        silent.listen()
        assert (await broke({**place, "smtp_timeout": 0.2}, LETTER))[:2] == (
            "ConnectionFailed",
            True,
        )


async def test_a_cancelled_send_closes_its_connection(tmp_path: Path) -> None:
    """The server sends its greeting and then nothing more."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        place = {
            "smtp_host": "127.0.0.1",
            "smtp_port": listener.getsockname()[1],
            "smtp_from": "a@b.example",
        }
        sending = asyncio.create_task(
            send({**place, "smtp_timeout": 600, "smtp_security": "none"}, LETTER)
        )
        connection, _ = await asyncio.to_thread(listener.accept)
        with connection:
            connection.settimeout(30)
            connection.sendall(b"220 hello\r\n")
            assert await asyncio.to_thread(connection.recv, 100)
            await asyncio.sleep(0.1)
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending
            assert await asyncio.to_thread(connection.recv, 100) == b""


async def test_a_tenant_whose_mail_hangs_leaves_a_thread_for_others() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        listener.settimeout(10)
        host, port = listener.getsockname()
        settings = Settings(smtp_host=host, smtp_port=port, smtp_from="a@b.example",
                            smtp_timeout=600, smtp_security="none")  # fmt: skip
        tools = Tools([send_email_tool(settings, SystemClock())])

        async def mailed(tenant: str) -> None:
            work_for(tenant)
            await tools.call("send-email", {**LETTER}, FakeEffects(files=[]).tool_context())

        slow = [asyncio.create_task(mailed("slow")) for _ in range(24)]
        silent = [(await asyncio.to_thread(listener.accept))[0] for _ in range(7)]
        quick = asyncio.create_task(mailed("quick"))
        connection, _ = await asyncio.to_thread(listener.accept)
        with connection:
            connection.sendall(b"554 not today\r\n")
            ended, _ = await asyncio.wait({quick, *slow}, timeout=10, return_when="FIRST_COMPLETED")
        for task in (quick, *slow):
            task.cancel()
        await asyncio.gather(quick, *slow, return_exceptions=True)
        for accepted in silent:
            accepted.close()
    assert ended == {quick}
    with pytest.raises(StepBroke, match="not today"):
        await quick
