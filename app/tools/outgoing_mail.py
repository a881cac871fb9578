"""Builds a message from a step's input and hands it to the mail server; loaded on first use."""

import asyncio
from collections.abc import Mapping, Sequence
from email.headerregistry import Address

from app.clock import Clock
from app.concurrency.in_thread import SharedThreads
from app.settings.server import Settings
from app.tools.addresses import addresses, invalid_email, one_line
from app.tools.email_message import MOST_BYTES, Letter, message_id, written
from app.tools.smtp import Delivery
from engine import JsonObject
from engine.value import value
from steps.contract.step_type import StepBroke
from steps.effects.effects import ToolContext
from steps.effects.stored_file import StoredFile

_MOST_RECIPIENTS = 100


@value(frozen=True, slots=True)
class Given:
    """The step's input for a message."""

    sender: str | None
    to: str | list[str]
    cc: str | list[str] | None
    bcc: str | list[str] | None
    reply_to: str | list[str] | None
    subject: str
    text: str | None
    html: str | None
    attachments: Sequence[str]


async def send(
    settings: Settings, clock: Clock, threads: SharedThreads, context: ToolContext, given: Given
) -> JsonObject:
    """Send the message, and return which recipients were accepted. Raises `StepBroke`."""
    letter = Letter(
        sender=_sender(settings, given.sender),
        to=addresses(given.to, "to"),
        cc=addresses(given.cc, "cc"),
        bcc=addresses(given.bcc, "bcc"),
        reply_to=addresses(given.reply_to, "replyTo"),
        subject=one_line(given.subject, "subject"),
        text=given.text,
        html=given.html,
        attachments=await _files(context, given.attachments),
    )
    _check(letter)
    identity = message_id(context.idempotency_key, letter.sender)
    now_ms = clock.now_ms()
    delivery = Delivery(settings)

    def work() -> Mapping[str, str]:
        message = written(letter, identity, now_ms)
        return delivery.send(message, letter.sender.addr_spec, letter.recipients)

    try:
        refused = await threads.run(work)
    except asyncio.CancelledError:
        delivery.abandon()
        raise
    accepted = [address for address in letter.recipients if address not in refused]
    return {"messageId": identity, "accepted": list(accepted), "refused": dict(refused)}


async def _files(context: ToolContext, file_ids: Sequence[str]) -> list[StoredFile]:
    """Read the files, but no more bytes than may be sent."""
    files: list[StoredFile] = []
    size = 0
    for file_id in file_ids:
        files.append(await context.file(file_id))
        size += len(files[-1].content)
        if size > MOST_BYTES:
            raise invalid_email(
                f"the attachments have more than the {MOST_BYTES} bytes that may be sent"
            )
    return files


def _sender(settings: Settings, given: str | None) -> Address:
    if settings.smtp_host is None:
        message = (
            "there is no mail server; set smtp_host and, if it needs them, smtp_username, "
            "smtp_password and smtp_from (STEPWELL_SMTP_HOST, ...)"
        )
        raise StepBroke("EmailNotConfigured", message, retryable=False)
    if given is None and settings.smtp_from is None:
        message = "the mail has no sender; give from, or set smtp_from"
        raise StepBroke("EmailNotConfigured", message, retryable=False)
    found = addresses(given if given is not None else settings.smtp_from, "from")
    if len(found) != 1:
        raise invalid_email("from must be one address")
    return found[0]


def _check(letter: Letter) -> None:
    if letter.text is None and letter.html is None:
        raise invalid_email("give text, html or both")
    if not letter.to:
        raise invalid_email("to must have at least one address")
    if len(letter.recipients) > _MOST_RECIPIENTS:
        message = f"there are {len(letter.recipients)} recipients; {_MOST_RECIPIENTS} may be given"
        raise invalid_email(message)
