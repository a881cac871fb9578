"""A data folder from outside: whether it is one, and commands to the server that has it open."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

from app.operator.errors import CommandFailed
from journal import DATABASE, MARKER, JournalError, Locked, holder

Progress: TypeAlias = Callable[[str], None]
"""Called with a sentence about the progress of a long command; works from any thread."""

COMMAND_LINE = "command line"
"""Who acts, in histories and in the audit log."""

_PATIENCE_S = 5.0


def is_data_folder(folder: Path) -> bool:
    """Return whether a folder holds a journal, or names the database that does."""
    return (folder / DATABASE).exists() or (folder / MARKER).exists()


def must_exist(folder: Path) -> None:
    """Raise `CommandFailed` unless the folder is a Stepwell data folder."""
    if not is_data_folder(folder):
        raise CommandFailed(f"{folder} is not a Stepwell data folder")


async def carried_out(
    data: Path,
    command: str,
    given: dict[str, Any],
    tell: Progress,
    here: Callable[[], Awaitable[dict[str, Any]]],
) -> dict[str, Any]:
    """Return the answer of `here`, or of the server that has the folder open.

    Raises `CommandFailed`.
    """
    until_s = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return await here()
        except Locked as locked:
            answer = await send(data, command, given, tell)
            if answer is not None:
                return answer
            if time.monotonic() > until_s:
                raise CommandFailed(f"{locked}, or try again: it does not answer") from locked
            await asyncio.sleep(0.1)
        except JournalError as refused:
            raise CommandFailed(str(refused)) from refused


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
