"""send-email: hand a message to the mail server of the settings."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from email.headerregistry import Address
from typing import Annotated

from pydantic import Field

from app.clock import Clock
from app.settings.server import Settings
from app.tools.addresses import addresses, invalid_email, one_line
from app.tools.email_message import MOST_BYTES, Letter, message_id, written
from app.tools.smtp import Delivery
from engine import JsonObject
from steps.contract import StepBroke
from steps.effects import ToolContext
from steps.stored_file import StoredFile
from steps.tools import tool

_MOST_RECIPIENTS = 100
_MOST_ATTACHMENTS = 50
_THREADS = 8

_Addresses = str | list[str]


def send_email_tool(settings: Settings, clock: Clock) -> Callable[..., Awaitable[JsonObject]]:
    """Return the tool, sending by the mail server that the settings name."""
    threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="smtp")

    @tool(id="send-email")
    async def send_email(  # noqa: PLR0913 - what a message has
        context: ToolContext,
        to: Annotated[_Addresses, Field(description="one address or several")],
        subject: Annotated[str, Field(max_length=500)],
        text: Annotated[str | None, Field(description="the message as plain text")] = None,
        html: Annotated[str | None, Field(description="the message as HTML")] = None,
        cc: _Addresses | None = None,
        bcc: _Addresses | None = None,
        reply_to: Annotated[_Addresses | None, Field(alias="replyTo")] = None,
        sender: Annotated[
            str | None, Field(alias="from", description="default: the setting smtp_from")
        ] = None,
        attachments: Annotated[
            Sequence[str], Field(description="ids of uploaded files", max_length=_MOST_ATTACHMENTS)
        ] = (),
    ) -> JsonObject:
        """Send an e-mail with text, HTML or both, and with uploaded files.

        Addresses are `ada@example.com` or `Ada <ada@example.com>`, at most 100 together. The
        result has `messageId`, `accepted` (addresses) and `refused` (address: what the mail
        server said). A repeat after a crash carries the same Message-ID.
        """
        letter = Letter(
            sender=_sender(settings, sender),
            to=addresses(to, "to"),
            cc=addresses(cc, "cc"),
            bcc=addresses(bcc, "bcc"),
            reply_to=addresses(reply_to, "replyTo"),
            subject=one_line(subject, "subject"),
            text=text,
            html=html,
            attachments=await _files(context, attachments),
        )
        _check(letter)
        identity = message_id(context.idempotency_key, letter.sender)
        now_ms = clock.now_ms()
        delivery = Delivery(settings)

        def work() -> Mapping[str, str]:
            message = written(letter, identity, now_ms)
            return delivery.send(message, letter.sender.addr_spec, letter.recipients)

        sending = asyncio.get_running_loop().run_in_executor(threads, work)
        try:
            refused = await sending
        except asyncio.CancelledError:
            delivery.abandon()
            raise
        accepted = [address for address in letter.recipients if address not in refused]
        return {"messageId": identity, "accepted": list(accepted), "refused": dict(refused)}

    return send_email


async def _files(context: ToolContext, file_ids: Sequence[str]) -> list[StoredFile]:
    """Read the files, no more of them than may be sent."""
    files: list[StoredFile] = []
    size = 0
    for file_id in file_ids:
        files.append(await context.file(file_id))
        size += len(files[-1].content)
        if size > MOST_BYTES:
            raise invalid_email(f"the attachments have more than the {MOST_BYTES} bytes that go")
    return files


def _sender(settings: Settings, given: str | None) -> Address:
    if settings.smtp_host is None:
        message = (
            "there is no mail server; set smtp_host, and smtp_username, smtp_password and "
            "smtp_from as it needs them (STEPWELL_SMTP_HOST, ...)"
        )
        raise StepBroke("EmailNotConfigured", message, retryable=False)
    if given is None and settings.smtp_from is None:
        message = "nothing says from whom the mail is; give from, or set smtp_from"
        raise StepBroke("EmailNotConfigured", message, retryable=False)
    found = addresses(given if given is not None else settings.smtp_from, "from")
    if len(found) != 1:
        raise invalid_email("from must be one address")
    return found[0]


def _check(letter: Letter) -> None:
    if letter.text is None and letter.html is None:
        raise invalid_email("give text, html or both")
    if not letter.to:
        raise invalid_email("to must have an address")
    if len(letter.recipients) > _MOST_RECIPIENTS:
        told = f"there are {len(letter.recipients)} recipients; {_MOST_RECIPIENTS} may be given"
        raise invalid_email(told)
