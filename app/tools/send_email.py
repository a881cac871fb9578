"""The tool send-email: sends a message through the mail server of the settings."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

from pydantic import Field

from app.clock import Clock
from app.concurrency.in_thread import SharedThreads
from app.settings.server import Settings
from engine import JsonObject
from steps.effects.effects import ToolContext
from steps.tools.tools import tool

_MOST_ATTACHMENTS = 50
_THREADS = 8

_Addresses = str | list[str]


def send_email_tool(settings: Settings, clock: Clock) -> Callable[..., Awaitable[JsonObject]]:
    """Return the tool, which sends through the mail server of the settings.

    Raises:
        SettingsError: The settings of the mail server cannot work.
    """
    if settings.smtp_host is not None:
        from app.tools.mail_settings import check_mail

        check_mail(settings)
    threads = SharedThreads(_THREADS, "smtp")

    @tool(id="send-email")
    async def send_email(  # noqa: PLR0913 - one parameter per part of a message
        context: ToolContext,
        to: Annotated[_Addresses, Field(description="one or more addresses")],
        subject: Annotated[str, Field(max_length=500)],
        text: Annotated[str | None, Field(description="the message as plain text")] = None,
        html: Annotated[str | None, Field(description="the message as HTML")] = None,
        cc: _Addresses | None = None,
        bcc: _Addresses | None = None,
        reply_to: Annotated[_Addresses | None, Field(alias="replyTo")] = None,
        sender: Annotated[
            str | None,
            Field(alias="from", description="the sender; by default the setting smtp_from"),
        ] = None,
        attachments: Annotated[
            Sequence[str], Field(description="ids of uploaded files", max_length=_MOST_ATTACHMENTS)
        ] = (),
    ) -> JsonObject:
        """Send an e-mail with text, HTML or both, and with uploaded files as attachments.

        Addresses are written `ada@example.com` or `Ada <ada@example.com>`, at most 100 in total.
        The result has `messageId`, `accepted` (addresses) and `refused` (the mail server's reply
        for each refused address). A repeat after a crash carries the same Message-ID.
        """
        from app.tools.outgoing_mail import Given, send

        given = Given(sender, to, cc, bcc, reply_to, subject, text, html, attachments)
        return await send(settings, clock, threads, context, given)

    return send_email
