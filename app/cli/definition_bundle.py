"""`stepwell workflow export` and `import`: from server to server; only the names of secrets."""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from app.cli.definition_push import push_one, read_all
from app.cli.remote import client_of, printable
from app.cli.whole_file import write_text
from app.definitions.definition_files import (
    FileDefinition,
    as_json,
    as_yaml,
    normal,
)
from app.definitions.definition_text import DefinitionText, TextRefused, read_definition
from app.operator.errors import CommandFailed
from engine import Json, JsonObject
from engine.counted import counted
from steps.document.kind import Kind, kind_of
from stepwell.client import ApiError, Client

FORM = 1
MANIFEST = "stepwell-export.json"
_NAMED = {"secrets": re.compile(r"\bsecrets\.(\w+)"), "variables": re.compile(r"\bvars\.(\w+)")}
_FORBIDDEN = 403


def export_to(args: argparse.Namespace) -> int:
    """Write the published versions, or the newest if none is published, and the names they need."""
    with client_of(args) as client:
        items = list(_exported(client, args.ids, latest=args.latest))
    manifest: dict[str, Any] = {
        "stepwell": FORM,
        "needs": needs_of(document for _, document, _ in items),
        "published": {
            f"{kind}s": [str(document["id"]) for one, document, is_published in items
                         if one == kind and is_published]
            for kind in ("workflow", "agent")
        },
    }  # fmt: skip
    place: Path = args.to
    if place.suffix in (".json", ".yaml", ".yml"):
        for kind in ("workflow", "agent"):
            manifest[f"{kind}s"] = [document for one, document, _ in items if one == kind]
        text = as_json(manifest) if place.suffix == ".json" else as_yaml(manifest)
        write_text(place, text)
    else:
        (place / MANIFEST).unlink(missing_ok=True)  # so that half an export is none
        for kind, document, _ in items:
            write_text(place / f"{kind}s" / f"{document['id']}.json", as_json(document))
        write_text(place / MANIFEST, as_json(manifest))
    counts = {"place": str(place), "definitions": len(items), "needs": manifest["needs"]}
    written = counted(len(items), "definition")
    print(json.dumps(counts) if args.json else f"{written} written to {place}")
    if not args.json:
        _tell_needs(manifest["needs"])
    return 0


def _exported(
    client: Client, ids: list[str], *, latest: bool
) -> Iterator[tuple[Kind, JsonObject, bool]]:
    kinds: tuple[Kind, ...] = ("workflow",) if ids else ("agent", "workflow")
    for kind in kinds:
        address = f"/api/{kind}s"
        listed = ids or [str(item["id"]) for item in _list(client.request("GET", address))]
        for one in sorted(listed):
            found = _asked(client, f"{address}/{one}", "latest" if latest else "published")
            is_published = found is not None and found.get("status") == "published"
            if found is None:
                found = _asked(client, f"{address}/{one}", "latest")
            if found is None:
                raise CommandFailed(f"there is no {kind} {one}")
            yield kind, {"id": one, **normal(kind, found)}, is_published


def needs_of(documents: Iterable[Json]) -> dict[str, list[str]]:
    """Return the names that definitions need on their server: secrets, variables and so on."""
    found: dict[str, set[str]] = {"secrets": set(), "variables": set(), "models": set()}
    for document in documents:
        for key, value in _texts(document):
            for kind, pattern in _NAMED.items():
                found[kind].update(pattern.findall(value))
            if key == "model" and "{{" not in value:
                found["models"].add(value)
    return {kind: sorted(names) for kind, names in found.items()}


def _texts(value: Json, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _texts(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def import_from(args: argparse.Namespace) -> int:
    """Store and publish exported definitions, if the server has the secrets that they name."""
    items, published, needs = _read(args.place)
    with client_of(args) as client:
        missing = _missing(client, needs)
        for kind, names in missing.items():
            for name in names:
                command = f"; stepwell {kind[:-1]} set {name}" if kind != "models" else ""
                message = f"this server has no {kind[:-1]} {name}{command}"
                print(printable(message), file=sys.stderr)
        if missing.get("secrets") and not args.without_secrets:
            raise CommandFailed(
                "nothing was imported; set the missing secrets, or give --without-secrets"
            )
        is_well = True
        done: list[dict[str, Any]] = []
        for item in items:
            try:
                done.append(
                    push_one(
                        client, item, publish=item.id in published.get(f"{item.kind}s", []),
                        dry_run=args.dry_run,
                    )
                )  # fmt: skip
            except ApiError as refused:
                is_well = False
                print(printable(f"{item.kind} {item.id}: {refused}"), file=sys.stderr)
    if args.json:
        print(json.dumps({"imported": done, "missing": missing}))
    else:
        for line in done:
            print(printable("  ".join(str(part) for part in line.values() if part)))
    return 0 if is_well else 1


def _read(place: Path) -> tuple[list[FileDefinition], dict[str, list[str]], dict[str, list[str]]]:
    """Return agents, then workflows; which of them are published; and what they need."""
    is_folder = place.is_dir()
    manifest = _manifest(place / MANIFEST if is_folder else place)
    if is_folder:
        read, is_well = read_all([place])
        if not is_well:
            raise CommandFailed("nothing was imported; correct the files first")
        items = read
    else:
        items = [
            _item(place, kind, document)
            for kind in ("agent", "workflow")
            for document in _list(manifest.get(f"{kind}s", []))
        ]
    needs = needs_of(item.document for item in items)
    published: Any = manifest.get("published", {})
    return sorted(items, key=lambda item: item.kind), published, needs


def _item(place: Path, kind: Any, document: Any) -> FileDefinition:
    if kind_of(document) != kind or not isinstance(document.get("id"), str):
        raise CommandFailed(f"{place}: one of its {kind}s is not a {kind}")
    text = DefinitionText(document, is_yaml=False, lines=dict)
    return FileDefinition(place, kind, document["id"], normal(kind, document), text)


def _manifest(path: Path) -> JsonObject:
    try:
        found = read_definition(path.read_text(encoding="utf-8")).document
    except (OSError, UnicodeDecodeError, TextRefused) as unreadable:
        raise CommandFailed(f"{path} cannot be read: {unreadable}") from unreadable
    if not isinstance(found, dict) or found.get("stepwell") != FORM:
        raise CommandFailed(f"{path} is not a Stepwell export, or is of a newer version")
    return found


def _missing(client: Client, needs: dict[str, list[str]]) -> dict[str, list[str]]:
    """Return the needed names that the server lacks; skip what the key may not see."""
    found: dict[str, list[str]] = {}
    for kind, names in needs.items():
        if not names:
            continue
        try:
            listed = client.request("GET", f"/api/{kind}")
        except ApiError as refused:
            if refused.status != _FORBIDDEN:
                raise
            message = (
                f"this key may not see which {kind} there are: {', '.join(names)} may be missing"
            )
            print(printable(message), file=sys.stderr)
            continue
        there = {str(item.get("name")) for item in _list(listed)}
        if lacking := [name for name in names if name not in there]:
            found[kind] = lacking
    return found


def _asked(client: Client, address: str, version: str) -> "JsonObject | None":
    try:
        found = client.request("GET", address, None, {"version": version})
    except ApiError as refused:
        if refused.status == 404:  # noqa: PLR2004 - there is none
            return None
        raise
    return found if isinstance(found, dict) else None


def _list(found: Any) -> list[Any]:
    if isinstance(found, dict):  # a list under its name
        found = next((item for item in found.values() if isinstance(item, list)), [])
    return found if isinstance(found, list) else []


def _tell_needs(needs: Any) -> None:
    for kind, names in needs.items():
        if names:
            print(printable(f"{kind} that they name, which are not in it: {', '.join(names)}"))
