"""Opens the journal and everything sealed in it, before anything uses it."""

from collections.abc import Callable

from app.clock import Clock
from app.secrets.jwt_secrets import seal_all, sealed_bytes
from app.secrets.seal import Keyring, KeyUnusable, id_of
from app.secrets.sealing_key import open_keyring
from app.secrets.vault import Secrets
from app.settings.database import named_database
from app.settings.extras import extra
from app.settings.server import Settings
from app.tools.mcp.sign_ins import seal_all as seal_sign_ins
from app.tools.mcp.sign_ins import sealed_parts
from app.triggers.kept_triggers import seal_all as seal_addresses
from app.webhooks.secrets import seal_all as seal_webhooks
from journal import Journal


async def open_journal(settings: Settings, tenant: Callable[[], str] = lambda: "") -> Journal:
    """Open the journal that the settings name, in the data folder or in PostgreSQL.

    Raises:
        JournalError: It cannot be opened; the message says why.
        ExtraMissing: The PostgreSQL driver is not installed.
    """
    database = None if settings.database is None else named_database(settings)
    with extra("postgres", "database"):
        return await Journal.open(
            settings.data, synchronous=settings.synchronous, tenant=tenant, database=database
        )


async def open_secrets(journal: Journal, settings: Settings, clock: Clock) -> Secrets:
    """Open the secrets of all tenants; seal those again that are unsealed or use an older key.

    Raises:
        KeyUnusable: The key is missing or wrong; the message says what to do.
    """
    sealed = [row.sealed for row in await journal.secrets.all()]
    tokens = [sealed_bytes(row.secret) for row in await journal.jwt_secrets.all()]
    sealed += [item for item in tokens if item is not None]
    sealed += [row.sealed for row in await journal.webhooks.all()]
    sealed += [row.sealed for row in await journal.triggers.sealed() if row.sealed is not None]
    sealed += [part for row in await journal.mcp_sign_ins.all() for part in sealed_parts(row)]
    keyring = open_keyring(settings, {id_of(item) for item in sealed})
    if journal.shared is not None:
        await _must_be_the_one_key(journal, keyring)
    secrets = Secrets(journal.secrets, keyring, clock)
    await secrets.load()
    await seal_all(journal.jwt_secrets, keyring)
    await seal_webhooks(journal.webhooks, keyring)
    await seal_addresses(journal, keyring)
    await seal_sign_ins(journal.mcp_sign_ins, keyring)
    return secrets


async def _must_be_the_one_key(journal: Journal, keyring: Keyring) -> None:
    """Raise `KeyUnusable` where processes that share the journal use another sealing key."""
    if await journal.key_mark.agree(keyring.mark, keyring.older) != keyring.mark:
        raise KeyUnusable(
            "the processes that share this database use another sealing key: give all of them "
            "the same by secrets_key or secrets_key_file (STEPWELL_SECRETS_KEY, "
            "STEPWELL_SECRETS_KEY_FILE); to change it, give each the new one, and the one of "
            "before in secrets_old_keys"
        )
