"""Builds a mail message so that none of its parts can inject a header."""

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesHeaderParser
from email.policy import SMTP, compat32
from email.utils import format_datetime

from app.tools.addresses import invalid_email
from engine.value import value
from steps.effects.stored_file import StoredFile

_POLICY = SMTP.clone(cte_type="7bit")  # not every server accepts more than ASCII
_NOT_IN_NAMES = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\"\\]|=\?")
MOST_BYTES = 25 * 1024 * 1024


@value(frozen=True, slots=True)
class Letter:
    """A message to send; `bcc` is written into no header."""

    sender: Address
    to: Sequence[Address]
    cc: Sequence[Address]
    bcc: Sequence[Address]
    reply_to: Sequence[Address]
    subject: str
    text: str | None
    html: str | None
    attachments: Sequence[StoredFile]

    @property
    def recipients(self) -> list[str]:
        """Every address that the message goes to, once."""
        everybody = (*self.to, *self.cc, *self.bcc)
        return list(dict.fromkeys(address.addr_spec for address in everybody))


def message_id(idempotency_key: str, sender: Address) -> str:
    """Return the Message-ID of a call; it is the same at every attempt, so a repeat is visible."""
    digest = hashlib.sha256(idempotency_key.encode()).hexdigest()
    return f"<{digest[:40]}@{sender.domain}>"


def written(letter: Letter, identity: str, now_ms: int) -> bytes:
    """Return the message as bytes for SMTP. Raises `StepBroke`."""
    message = EmailMessage(policy=_POLICY)
    try:
        message["From"] = letter.sender
        for name, found in (("To", letter.to), ("Cc", letter.cc), ("Reply-To", letter.reply_to)):
            if found:
                message[name] = tuple(found)
        message["Subject"] = letter.subject
        message["Message-ID"] = identity
        message["Date"] = format_datetime(datetime.fromtimestamp(now_ms / 1000, UTC))
        if letter.text is not None:
            message.set_content(letter.text)
            if letter.html is not None:
                message.add_alternative(letter.html, subtype="html")
        elif letter.html is not None:
            message.set_content(letter.html, subtype="html")
        for file in letter.attachments:
            kind, _, subtype = file.media_type.partition("/")
            message.add_attachment(
                file.content,
                maintype=kind,
                subtype=subtype,
                filename=_NOT_IN_NAMES.sub("_", file.name),
            )
        content = message.as_bytes()
    except ValueError as odd:
        raise invalid_email(f"the message cannot be written: {odd}") from odd
    if BytesHeaderParser(policy=compat32).parsebytes(content).keys() != message.keys():
        raise invalid_email("a part of the message would become a header")
    return content
