"""Signing secrets of webhooks at rest: sealed like other secrets."""

from app.secrets.seal import Keyring
from journal import WebhookRow, WebhookTable

_KIND = "webhook-secret"


def seal_secret(keyring: Keyring, tenant: str, webhook_id: str, secret: str) -> bytes:
    """Give the secret sealed, bound to its webhook."""
    return keyring.seal(_KIND, tenant, webhook_id, secret)


def open_secret(keyring: Keyring, row: WebhookRow) -> str:
    """Give a webhook's secret. Raises `KeyUnusable`."""
    return keyring.open(_KIND, row.tenant, row.id, row.sealed)


async def seal_all(table: WebhookTable, keyring: Keyring) -> None:
    """Seal what is sealed with an older key. Raises `KeyUnusable`."""
    anew = {
        row.id: seal_secret(keyring, row.tenant, row.id, open_secret(keyring, row))
        for row in await table.all()
        if not keyring.is_current(row.sealed)
    }
    if anew:
        await table.seal(anew)
