"""Commands from the command line, whether or not a server has the folder open.

Exactly one process may open the database. If no server runs, that process is the command line. If
one runs, the command line sends the command to the server's socket, which only the owner of the
folder can reach.
"""

import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

from app.auth.callers import Authenticator
from app.auth.keys import new_key
from app.auth.passkeys import Passkeys
from app.auth.people import People, UnfitPerson, plain_name
from app.auth.roles import Role
from app.auth.tokens import BadSecret, new_secret
from app.clock import Clock, SystemClock
from app.definitions.variables import UnfitVariable, put_variable
from app.opening import open_journal, open_secrets
from app.operator.commands import COMMANDS, OperatorContext, Progress, operate
from app.operator.errors import CommandFailed
from app.secrets.jwt_secrets import seal_row
from app.secrets.seal import KeyUnusable
from app.secrets.vault import Secrets, UnfitSecret
from app.settings.server import SettingsError, load
from app.upkeep.backup import BackupFailed
from app.wire.parsing.errors import BadRequest
from engine import iso_time, iso_time_or_none
from journal import (
    DATABASE,
    MARKER,
    ChangeNote,
    Journal,
    JournalError,
    JwtSecretRow,
    KeyRow,
    Locked,
    VariableTable,
    changing,
    holder,
)

_LONGEST_LINE = 1_048_576
_LONGEST_PATH = 100
WHO = "command line"
_PATIENCE_S = 5.0

OpenVault: TypeAlias = Callable[[], Awaitable[Secrets]]
"""Returns the secrets; called only by commands that need them. Raises `KeyUnusable`."""


async def perform(
    journal: Journal, open_vault: OpenVault, clock: Clock, command: str, given: dict[str, Any]
) -> dict[str, Any]:
    """Carry out one command, and note it in the audit log. Raises `CommandFailed`."""
    now_ms, tenant = clock.now_ms(), given["tenant"]
    which = given.get("which") or given.get("name") or ""
    note = ChangeNote(tenant, now_ms, WHO, command, str(which)[:_LONGEST_PATH])
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
            return {**_shown_key(row), "key": key}
        case "key.list":
            keys = await journal.keys.all()
            return {"keys": [_shown_key(row) for row in keys if row.tenant == tenant]}
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
            shown = _shown_secret(secret)
            return shown if given.get("public_key") else {**shown, "secret": secret.secret}
        case "jwt-secret.list":
            secrets = await journal.jwt_secrets.all()
            return {"secrets": [_shown_secret(row) for row in secrets if row.tenant == tenant]}
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
        if given["role"] or row.disabled_at_ms is not None:
            wanted_role = Role(given["role"]) if given["role"] else None
            row = await people.change(row, role=wanted_role, disabled=False)
        path, until_ms = await people.invite(row)
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
    return {"variables": [{"name": row.name, "value": json.loads(row.value)} for row in rows]}


async def _secret(vault: Secrets, command: str, given: dict[str, Any]) -> dict[str, Any]:
    tenant = given["tenant"]
    if command == "secret.set":
        await vault.put(tenant, given["name"], given["value"])
        return {"set": given["name"]}
    if command == "secret.delete":
        await vault.delete(tenant, given["name"])
        return {"deleted": given["name"]}
    return {
        "secrets": [
            {
                "name": item.name,
                "createdAt": iso_time(item.created_at_ms),
                "updatedAt": iso_time(item.updated_at_ms),
            }
            for item in vault.names(tenant)
        ]
    }


async def operated(
    place: OperatorContext, command: str, given: dict[str, Any], tell: Progress
) -> dict[str, Any]:
    """Carry out one of an operator's `COMMANDS`. Raises `CommandFailed`."""
    try:
        return await operate(place, command, given, tell)
    except BadRequest as wrong:
        listed = "; ".join(f"{item.path}: {item.message}" for item in wrong.problems)
        raise CommandFailed(listed or str(wrong)) from wrong
    except (JournalError, BackupFailed, OSError) as refused:
        raise CommandFailed(str(refused)) from refused


def _teller(writer: asyncio.StreamWriter) -> Progress:
    """Return a function that sends progress to the client, from any thread."""
    loop = asyncio.get_running_loop()

    def send_line(words: str) -> None:
        if not writer.is_closing():
            writer.write(json.dumps({"progress": words}).encode() + b"\n")

    def tell(words: str) -> None:
        loop.call_soon_threadsafe(send_line, words)

    return tell


class Control:
    """The server's side: a socket that accepts one command per connection."""

    def __init__(
        self, place: OperatorContext, authenticator: Authenticator, secrets: Secrets, clock: Clock
    ) -> None:
        self._place = place
        self._journal = place.journal
        self._authenticator = authenticator
        self._secrets = secrets
        self._clock = clock
        self._server: asyncio.Server | None = None
        self._folder: Path | None = None
        self._path = Path()

    async def open(self, data: Path) -> None:
        """Listen, and write the socket's path to the lock file."""
        self._path = Path(os.path.abspath(data)) / "control.sock"  # noqa: PTH100, ASYNC240 - no I/O
        if len(os.fsencode(self._path)) > _LONGEST_PATH:
            self._folder = Path(tempfile.mkdtemp(prefix="stepwell-"))
            self._path = self._folder / "control.sock"
        self._path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(
                self._serve, self._path, limit=_LONGEST_LINE
            )
        finally:
            os.umask(before)
        self._journal.lock.announce(self._path)

    async def close(self) -> None:
        """Stop listening."""
        if self._server:
            self._server.close()
        self._path.unlink(missing_ok=True)
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                asked = json.loads(await reader.readline())
            if asked["command"] in COMMANDS:
                answer = await operated(
                    self._place, asked["command"], asked["given"], _teller(writer)
                )
                await asyncio.sleep(0)  # progress is sent before the answer
            else:
                answer = await perform(
                    self._journal, self._vault, self._clock, asked["command"], asked["given"]
                )
                await self._authenticator.load()
        except CommandFailed as refused:
            answer = {"failed": str(refused)}
        except Exception as broken:  # noqa: BLE001 - anybody who can reach the socket gets an answer
            answer = {"failed": f"the command cannot be read ({type(broken).__name__})"}
        writer.write(json.dumps(answer).encode() + b"\n")
        writer.close()

    async def _vault(self) -> Secrets:
        return self._secrets


def must_exist(folder: Path) -> None:
    """Raise `CommandFailed` unless the folder is a Stepwell data folder."""
    if not _exists(folder):
        raise CommandFailed(f"{folder} is not a Stepwell data folder")


def _exists(folder: Path) -> bool:
    return (folder / DATABASE).exists() or (folder / MARKER).exists()


async def ask(data: Path, command: str, given: dict[str, Any]) -> dict[str, Any]:
    """Send a command from the command line, and return the answer. Raises `CommandFailed`."""
    if not command.endswith((".create", ".set", ".invite")):
        must_exist(data)  # a command that only reads makes no folder
    elif not _exists(data):
        # Often a forgotten --data, and then the server that was meant knows nothing of it.
        print(f"New data folder: {data.resolve()}", file=sys.stderr)  # noqa: T201, ASYNC240
    clock = SystemClock()
    until = time.monotonic() + _PATIENCE_S
    while True:
        try:
            journal = await open_journal(load({"data": data}).settings)
        except Locked as locked:
            answer = await send(data, command, given, lambda _: None)
            if answer is not None:
                return answer
            if time.monotonic() > until:
                raise CommandFailed(f"{locked}, or try again: it does not answer") from locked
            await asyncio.sleep(0.1)
            continue
        except JournalError as refused:
            raise CommandFailed(str(refused)) from refused

        async def vault(journal: Journal = journal) -> Secrets:
            return await open_secrets(journal, load({"data": data}).settings, clock)

        try:
            return await perform(journal, vault, clock, command, given)
        finally:
            await journal.close()


async def send(
    data: Path, command: str, given: dict[str, Any], tell: Progress
) -> dict[str, Any] | None:
    """Ask the server that has the folder open; None if it does not accept commands yet.

    Raises `CommandFailed`, also if the server stopped before it answered.
    """
    path = holder(data).get("control")
    if not isinstance(path, str):
        return None
    began = False
    try:
        reader, writer = await asyncio.open_unix_connection(path, limit=16 * 2**20)
        writer.write(json.dumps({"command": command, "given": given}).encode() + b"\n")
        while True:
            answer: dict[str, Any] = json.loads(await reader.readline())
            if "progress" not in answer:
                break
            began = True
            tell(str(answer["progress"]))
        writer.close()
    except (OSError, ValueError) as gone:
        if began:
            raise CommandFailed("the server went away before it was done; ask again") from gone
        return None
    if isinstance(why := answer.get("failed"), str):
        raise CommandFailed(why)
    return answer


def _shown_key(row: KeyRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "prefix": row.prefix,
        "tenant": row.tenant,
        "role": row.role,
        "name": row.name,
        "createdAt": iso_time(row.created_at_ms),
        "expiresAt": iso_time_or_none(row.expires_at_ms),
        "lastUsedAt": iso_time_or_none(row.last_used_at_ms),
        "disabled": row.disabled_at_ms is not None,
    }


def _shown_secret(row: JwtSecretRow) -> dict[str, Any]:
    return {
        "kid": row.kid,
        "tenant": row.tenant,
        "role": row.role,
        "name": row.name,
        "algorithm": row.algorithm,
        "createdAt": iso_time(row.created_at_ms),
        "disabled": row.disabled_at_ms is not None,
    }
