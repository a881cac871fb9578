"""Sends one message over SMTP: connect, secure the connection, log in, hand over."""

import contextlib
import smtplib
import socket
import ssl
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from app.outbound.domain_names import domain_of
from app.outbound.trust import add_to
from app.settings.server import Settings
from steps.contract.step_type import StepBroke

Refusals: TypeAlias = dict[str, tuple[int, bytes]]

_PERMANENT = 500


class Delivery:
    """Delivery of one message. `send` blocks; `abandon` ends it from another thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session: smtplib.SMTP | None = None
        self._is_abandoned = False

    def send(self, message: bytes, sender: str, recipients: Sequence[str]) -> Mapping[str, str]:
        """Send the message, and return the refused recipients, each with the reason.

        Raises:
            StepBroke: `ConnectionFailed`, `EmailAuth` or `EmailRefused`. Nobody received the
                message; only if the connection failed at the very end, that is uncertain.
        """
        try:
            self._session = session = self._connect()
            try:
                self._log_in(session)
                refused = session.sendmail(sender, recipients, message)
            finally:
                _leave(session)
        except smtplib.SMTPRecipientsRefused as nobody:
            raise _nobody(nobody.recipients) from nobody
        except smtplib.SMTPResponseException as answered:
            raise _refused(answered.smtp_code, answered.smtp_error) from answered
        except smtplib.SMTPNotSupportedError as missing:
            reason = f"the mail server does not support what was requested: {missing}"
            raise StepBroke("EmailRefused", reason, retryable=False) from missing
        except (smtplib.SMTPException, OSError, UnicodeError) as failed:
            host = self._settings.smtp_host
            raise StepBroke("ConnectionFailed", f"the mail server {host}: {failed}") from failed
        return {address: _reason(*answer) for address, answer in refused.items()}

    def abandon(self) -> None:
        """Close the connection, so that the thread in `send` ends at once."""
        self._is_abandoned = True
        _cut(self._session)

    def _connect(self) -> smtplib.SMTP:
        host, port = _host(self._settings), self._settings.smtp_port
        seconds = self._settings.smtp_timeout
        security = self._settings.smtp_security
        if security == "tls":
            return smtplib.SMTP_SSL(host, port, timeout=seconds, context=self._trust())
        session = smtplib.SMTP(host, port, timeout=seconds)
        if security == "starttls":
            try:
                session.starttls(context=self._trust())
            except smtplib.SMTPNotSupportedError as plain:
                session.close()
                message = (
                    f"the mail server {host}:{port} offers no STARTTLS; set smtp_security to "
                    "tls, or to none to send without encryption"
                )
                raise StepBroke("ConnectionFailed", message) from plain
            except BaseException:
                session.close()
                raise
        return session

    def _trust(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        add_to(context, self._settings.ca_file)
        if self._settings.smtp_ca_file:
            try:
                context.load_verify_locations(self._settings.smtp_ca_file)
            except OSError as odd:
                message = f"smtp_ca_file {self._settings.smtp_ca_file} cannot be read: {odd}"
                raise StepBroke("EmailNotConfigured", message, retryable=False) from odd
        return context

    def _log_in(self, session: smtplib.SMTP) -> None:
        if self._is_abandoned:
            raise StepBroke("ConnectionFailed", "the step was stopped before mail was sent")
        username = self._settings.smtp_username
        if username is None:
            return
        try:
            session.login(username, _password(self._settings))
        except smtplib.SMTPAuthenticationError as wrong:
            reason = _reason(wrong.smtp_code, wrong.smtp_error)
            message = f"the mail server did not let {username} in: {reason}"
            is_passing = wrong.smtp_code < _PERMANENT
            raise StepBroke("EmailAuth", message, retryable=is_passing) from wrong
        except UnicodeError:
            message = "smtp_username and smtp_password may contain ASCII characters only"
            # Raised without its cause, which would reveal a part of the password.
            raise StepBroke("EmailAuth", message, retryable=False) from None
        except smtplib.SMTPNotSupportedError as plain:
            message = f"the mail server does not accept a user name: {plain}"
            raise StepBroke("EmailAuth", message, retryable=False) from plain


def _host(settings: Settings) -> str:
    try:
        return domain_of(settings.smtp_host or "")
    except ValueError as odd:
        message = f"smtp_host {settings.smtp_host} is not a valid name: {odd}"
        raise StepBroke("EmailNotConfigured", message, retryable=False) from odd


def _password(settings: Settings) -> str:
    if settings.smtp_password_file is None:
        return settings.smtp_password.get_secret_value() if settings.smtp_password else ""
    try:
        return settings.smtp_password_file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeError) as unreadable:
        message = f"smtp_password_file {settings.smtp_password_file} cannot be read"
        raise StepBroke("EmailNotConfigured", message, retryable=False) from unreadable


def _leave(session: smtplib.SMTP) -> None:
    """Send QUIT. The message is already accepted or refused, so errors here do not matter."""
    with contextlib.suppress(smtplib.SMTPException, OSError):
        session.quit()
    session.close()


def _cut(session: smtplib.SMTP | None) -> None:
    connection = session.sock if session else None
    if connection is not None:
        with contextlib.suppress(OSError):
            # Not the TLS socket's own shutdown: it discards state that the other thread still uses.
            socket.socket.shutdown(connection, socket.SHUT_RDWR)


def _nobody(refusals: Refusals) -> StepBroke:
    listed = "; ".join(f"{address}: {_reason(*answer)}" for address, answer in refusals.items())
    is_passing = any(code < _PERMANENT for code, _ in refusals.values())
    message = f"the mail server refused every recipient: {listed}"[:2_000]
    return StepBroke("EmailRefused", message, retryable=is_passing)


def _refused(code: int, said: bytes | str) -> StepBroke:
    message = f"the mail server refused: {_reason(code, said)}"
    if code <= 0:
        return StepBroke("ConnectionFailed", message)
    return StepBroke("EmailRefused", message, retryable=code < _PERMANENT)


def _reason(code: int, said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return f"{code} {' '.join(text.split())}"[:500]
