"""Sends definitions from files to a server."""

import json
import sys
from pathlib import Path
from typing import Any

from app.cli.remote import printable
from app.definitions.definition_files import (
    FileDefinition,
    FileUnusable,
    changes,
    files_of,
    normal,
    read_file,
)
from app.definitions.json_lines import line_of
from app.operator.errors import CommandFailed
from engine import JsonObject
from steps.document.kind import Kind
from stepwell.client import ApiError, Client

_INVALID = 400
_NOT_FOUND = 404


def push_one(
    client: Client, item: FileDefinition, *, publish: bool, dry_run: bool = False
) -> dict[str, Any]:
    """Store a definition, unless the server has the same already; if `dry_run`, only check it.

    Raises `ApiError` if the server refuses it, or would.
    """
    address = f"/api/{item.kind}s"
    newest = newest_of(client, item.kind, item.id)
    outcome: dict[str, Any] = {"kind": item.kind, "id": item.id, "done": "unchanged", "version": ""}
    if newest is None:
        outcome["done"] = "created"
        if not dry_run:
            newest = _object(client.request("POST", address, {**item.document, "id": item.id}))
    elif normal(item.kind, newest) != item.document:
        outcome["done"] = "updated"
        if not dry_run:
            body = changes(item.kind, newest, item.document)
            newest = _object(client.request("PUT", f"{address}/{item.id}", body))
    if newest is not None:
        outcome["version"] = newest["version"]
    if publish and (newest is None or newest["status"] != "published"):
        outcome["done"] += ", published"
        if not dry_run and newest is not None:
            body = {"version": newest["version"]}
            client.request("POST", f"{address}/{item.id}/publish", body)
    if dry_run and outcome["done"] != "unchanged":
        _check(client, item)
        outcome["done"] = f"would be {outcome['done']}"
    return outcome


def _check(client: Client, item: FileDefinition) -> None:
    """Let the server check a definition. Raises `ApiError` with its problems."""
    text = json.dumps(item.document)
    found = _object(client.request("POST", "/api/workflow/check", {"text": text}))
    problems: Any = found.get("problems")
    if problems:
        message = "; ".join(f"{item['path']}: {item['message']}" for item in problems)
        raise ApiError(
            _INVALID, {"error": "Invalid input", "message": message, "details": problems}
        )


def read_all(places: list[Path]) -> tuple[list[FileDefinition], bool]:
    """Return what files and folders hold, and whether all of it can be used.

    Raises `CommandFailed` if two files hold the same definition, or no file holds any.
    """
    found: dict[tuple[Kind, str], FileDefinition] = {}
    is_well = True
    try:
        files = files_of(places)
    except FileUnusable as unusable:
        raise CommandFailed(str(unusable)) from unusable
    for path in files:
        try:
            item = read_file(path)
        except FileUnusable as unusable:
            print(f"stepwell: {unusable}", file=sys.stderr)
            is_well = False
            continue
        if item is None:
            if path in places:
                print(f"stepwell: {path}: holds no definition", file=sys.stderr)
                is_well = False
            continue
        other = found.setdefault((item.kind, item.id), item)
        if other is not item:
            raise CommandFailed(f"{other.path} and {path} are both {item.kind} {item.id}")
    if not found and is_well:
        raise CommandFailed(f"no file in {', '.join(map(str, places))} holds a definition")
    return list(found.values()), is_well


def newest_of(client: Client, kind: Kind, name: str) -> "JsonObject | None":
    """Return the server's newest version, None if it has none. Raises `ApiError`."""
    try:
        return _object(client.request("GET", f"/api/{kind}s/{name}", None, {"version": "latest"}))
    except ApiError as refused:
        if refused.status == _NOT_FOUND:
            return None
        raise


def _object(found: Any) -> JsonObject:
    if not isinstance(found, dict):
        raise CommandFailed("the server's answer is not a definition")
    return found


def complain(item: FileDefinition, refused: ApiError) -> None:
    """Print each problem with the line of the file where it is."""
    lines = item.text.lines() if refused.details else {}
    for problem in refused.details:
        path, message = problem.get("path", ""), problem.get("message", "")
        place = f"{item.path}:{line_of(lines, path)}"
        print(printable(f"{place}: {path}: {message}"), file=sys.stderr)
    if not refused.details:
        print(printable(f"{item.path}: {refused}"), file=sys.stderr)
