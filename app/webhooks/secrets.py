"""Seals and opens the signing secrets of webhooks.

After a rotation the previous secret is sealed together with the new one and the moment until which
it also signs, as one text: `new former moment`.
"""

from app.secrets.seal import Keyring
from engine.value import value
from journal import WebhookRow, WebhookTable

_KIND = "webhook-secret"


@value(frozen=True, slots=True)
class SigningSecrets:
    """The secrets that sign a webhook's messages.

    Attributes:
        former: The previous secret, None when it no longer signs.
        former_until_ms: Until when the previous secret signs, in Unix milliseconds.
    """

    current: str
    former: str | None = None
    former_until_ms: int = 0

    def at(self, now_ms: int) -> tuple[str, ...]:
        """Return the secrets that sign at a given moment, newest first."""
        if self.former is None or now_ms >= self.former_until_ms:
            return (self.current,)
        return self.current, self.former

    def former_until(self, now_ms: int) -> int | None:
        """Return until when the previous secret signs, or None if it does not."""
        return self.former_until_ms if len(self.at(now_ms)) > 1 else None


def seal_secrets(keyring: Keyring, tenant: str, webhook_id: str, secrets: SigningSecrets) -> bytes:
    """Return the secrets sealed, bound to their webhook."""
    former = () if secrets.former is None else (secrets.former, str(secrets.former_until_ms))
    return keyring.seal(_KIND, tenant, webhook_id, " ".join((secrets.current, *former)))


def open_secrets(keyring: Keyring, row: WebhookRow) -> SigningSecrets:
    """Return a webhook's secrets. Raises `KeyUnusable`."""
    current, *former = keyring.open(_KIND, row.tenant, row.id, row.sealed).split(" ")
    return SigningSecrets(current, former[0], int(former[1])) if former else SigningSecrets(current)


async def seal_all(table: WebhookTable, keyring: Keyring) -> None:
    """Reseal secrets that are sealed with an older key. Raises `KeyUnusable`."""
    resealed = {
        row.id: renewed
        for row in await table.all()
        if (renewed := keyring.renewed(_KIND, row.tenant, row.id, row.sealed))
    }
    if resealed:
        await table.seal(resealed)
