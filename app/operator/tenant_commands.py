"""Commands on what a tenant has beside runs: keys, token secrets, people, secrets, variables."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from app.auth.keys import new_key
from app.auth.passkeys import Passkeys
from app.auth.people import People, UnfitPerson, plain_name
from app.auth.roles import Role
from app.auth.tokens import BadSecret, new_secret
from app.clock import Clock, SystemClock
from app.definitions.variables import UnfitVariable, put_variable
from app.opening import open_journal, open_secrets
from app.operator.data_folder import COMMAND_LINE, Progress, carried_out, is_data_folder, must_exist
from app.operator.errors import CommandFailed
from app.secrets.jwt_secrets import seal_row
from app.secrets.seal import KeyUnusable
from app.secrets.vault import Secrets, UnfitSecret
from app.settings.server import SettingsError, load
from app.wire.tenant_documents import (
    jwt_secret_document,
    key_document,
    secret_document,
    variable_document,
)
from engine import iso_time
from journal import ChangeNote, Journal, JournalError, PersonRow, VariableTable, changing

_LONGEST_TARGET = 100

OpenVault: TypeAlias = Callable[[], Awaitable[Secrets]]
"""Returns the secrets; called only by commands that need them. Raises `KeyUnusable`."""


async def ask(data: Path, command: str, given: dict[str, Any], tell: Progress) -> dict[str, Any]:
    """Carry out a command here or at the server, and return the answer. Raises `CommandFailed`."""
    if not command.endswith((".create", ".set", ".invite")):
        must_exist(data)  # a command that only reads makes no folder
    elif not is_data_folder(data):
        # Often a forgotten --data, and then the server that was meant knows nothing of it.
        tell(f"New data folder: {data.absolute()}")  # noqa: ASYNC240 - once, at the beginning
    clock = SystemClock()

    async def here() -> dict[str, Any]:
        journal = await open_journal(load({"data": data}).settings)

        async def vault() -> Secrets:
            return await open_secrets(journal, load({"data": data}).settings, clock)

        try:
            return await perform(journal, vault, clock, command, given)
        finally:
            await journal.close()

    return await carried_out(data, command, given, tell, here)


async def perform(
    journal: Journal, open_vault: OpenVault, clock: Clock, command: str, given: dict[str, Any]
) -> dict[str, Any]:
    """Carry out one command, and note it in the audit log. Raises `CommandFailed`."""
    now_ms, tenant = clock.now_ms(), given["tenant"]
    which = given.get("which") or given.get("name") or ""
    note = ChangeNote(tenant, now_ms, COMMAND_LINE, command, str(which)[:_LONGEST_TARGET])
    try:
        with changing(note):
            return await _performed(journal, open_vault, clock, command, given)
    except (
        JournalError, BadSecret, UnfitPerson, KeyUnusable, SettingsError, UnfitSecret,
        UnfitVariable,
    ) as refused:  # fmt: skip
        raise CommandFailed(str(refused)) from refused


async def _performed(
    journal: Journal, open_vault: OpenVault, clock: Clock, command: str, given: dict[str, Any]
) -> dict[str, Any]:
    now_ms, tenant = clock.now_ms(), given["tenant"]
    match command:
        case "key.create":
            key, row = new_key(
                tenant, given["role"], given["name"], now_ms, given.get("expires_at_ms")
            )
            await journal.keys.create(row)
            return {**key_document(row), "key": key}
        case "key.list":
            keys = await journal.keys.all()
            return {"keys": [key_document(row) for row in keys if row.tenant == tenant]}
        case "key.disable":
            await journal.keys.disable(tenant, given["which"], now_ms)
            return {"disabled": given["which"]}
        case "jwt-secret.create":
            secret = new_secret(
                tenant, given["role"], given["name"], given["algorithm"], now_ms,
                given.get("public_key"),
            )  # fmt: skip
            keyring = (await open_vault()).keyring
            await journal.jwt_secrets.create(seal_row(secret, keyring))
            shown = jwt_secret_document(secret)
            return shown if given.get("public_key") else {**shown, "secret": secret.secret}
        case "jwt-secret.list":
            secrets = await journal.jwt_secrets.all()
            return {
                "secrets": [jwt_secret_document(row) for row in secrets if row.tenant == tenant]
            }
        case "jwt-secret.disable":
            await journal.jwt_secrets.disable(tenant, given["which"], now_ms)
            return {"disabled": given["which"]}
        case "person.invite":
            return await _invited(journal, await open_vault(), clock, given)
        case "secret.set" | "secret.list" | "secret.delete":
            return await _secret(await open_vault(), command, given)
        case "variable.set" | "variable.list" | "variable.delete":
            return await _variable(journal.variables, now_ms, command, given)
        case _:
            raise CommandFailed(f"there is no command {command}")


async def _invited(
    journal: Journal, vault: Secrets, clock: Clock, given: dict[str, Any]
) -> dict[str, Any]:
    """Invite a new or a known person: this also lets in somebody who has lost their password."""
    passkeys = Passkeys(journal.passkeys, vault.keyring, clock)
    people = People(journal.people, passkeys, vault.keyring, clock)
    await people.load()
    tenant, wanted = given["tenant"], plain_name(given["name"]).casefold()
    row = next((one for one in people.of(tenant) if one.name.casefold() == wanted), None)
    if row is None:
        role = Role(given["role"] or Role.OPERATOR)
        row, path, until_ms = await people.add_invited(tenant, given["name"], role)
    else:

        def let_in(kept: PersonRow) -> PersonRow:
            return replace(kept, role=given["role"] or kept.role, disabled_at_ms=None)

        path, until_ms = await people.invite(row, change=let_in)
        row = people.get(tenant, row.id)
    return {"name": row.name, "role": row.role, "path": path, "until": iso_time(until_ms)}


async def _variable(
    table: VariableTable, now_ms: int, command: str, given: dict[str, Any]
) -> dict[str, Any]:
    tenant = given["tenant"]
    if command == "variable.set":
        await put_variable(table, tenant, given["name"], given["value"], now_ms)
        return {"set": given["name"]}
    if command == "variable.delete":
        await table.delete(tenant, given["name"])
        return {"deleted": given["name"]}
    rows = await table.of(tenant)
    return {"variables": [variable_document(row) for row in rows]}


async def _secret(vault: Secrets, command: str, given: dict[str, Any]) -> dict[str, Any]:
    tenant = given["tenant"]
    if command == "secret.set":
        await vault.put(tenant, given["name"], given["value"])
        return {"set": given["name"]}
    if command == "secret.delete":
        await vault.delete(tenant, given["name"])
        return {"deleted": given["name"]}
    return {"secrets": [secret_document(item) for item in vault.names(tenant)]}
