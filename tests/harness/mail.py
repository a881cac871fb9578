"""A real mail server with its own certificate, which refuses the recipients that a test names."""

import datetime as dt
import ssl
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import IPv4Address
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.harness.server import free_port


def certificate(folder: Path) -> Path:
    """Write a certificate for 127.0.0.1 and its key into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = folder / "mail.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


@dataclass
class MailServer:
    """Accepts mail by `starttls`, `tls` or `none`.

    Attributes:
        answers: The answer for a recipient, such as `550 no such user`.
        user: The user name and password without which mail is refused.
    """

    folder: Path
    security: str = "none"
    user: tuple[str, str] | None = None
    answers: dict[str, str] = field(default_factory=dict)
    data_answer: str = "250 kept"
    received: list[Envelope] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ca_file = certificate(self.folder)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.ca_file)
        self.port = free_port()
        given: dict[str, Any] = {"hostname": "127.0.0.1", "port": self.port}
        if self.security == "tls":
            given |= {"ssl_context": context}
        if self.security == "starttls":
            given |= {"tls_context": context, "require_starttls": True}
        if self.user:
            given |= {
                "authenticator": self._authenticate,
                "auth_required": True,
                "auth_require_tls": self.security == "starttls",
            }
        self.controller = Controller(self, **given)

    def _authenticate(self, _: object, __: object, ___: object, ____: object, given: Any) -> Any:
        is_right = (given.login.decode(), given.password.decode()) == self.user
        return AuthResult(success=is_right, handled=False)

    async def handle_RCPT(self, _: Any, __: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 known"

    async def handle_DATA(self, _: Any, __: Any, envelope: Envelope) -> str:  # noqa: N802
        self.received.append(envelope)
        return self.data_answer

    @property
    def messages(self) -> list[EmailMessage]:
        """Every received message, parsed."""
        read = [message_from_bytes(item.content, policy=policy.default) for item in self.received]  # type: ignore[arg-type] # bytes, as the server keeps them
        return [item for item in read if isinstance(item, EmailMessage)]

    def settings(self, **more: Any) -> dict[str, Any]:
        """Return the settings with which Stepwell sends mail to this server."""
        return {
            "smtp_host": "127.0.0.1",
            "smtp_port": self.port,
            "smtp_security": self.security,
            "smtp_from": "Stepwell <stepwell@example.com>",
            "smtp_ca_file": self.ca_file,
            "smtp_timeout": 5,
            **more,
        }

    def __enter__(self) -> Self:
        self.controller.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.controller.stop()
