"""Definitions in files: which files of a folder hold one, what it says, and how it is written.

A file is compared and sent without the keys that the server adds to a definition, and without keys
that have their default value. A key that is missing in the file is removed in the next version.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from app.definitions.definition_text import DefinitionText, TextRefused, read_definition
from engine import Json, JsonObject
from engine.value import value
from steps.agents.agent import AgentDocument
from steps.document.kind import Kind, kind_of
from steps.document.shape import WorkflowDocument

ENDINGS = (".json", ".yaml", ".yml")
MOST_FILES = 2_000
LARGEST_BYTES = 4 * 1024 * 1024
_BY_SERVER = frozenset(
    ("id", "status", "version", "createdAt", "updatedAt", "publishedAt", "warnings")
)
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9 _./()-]*[A-Za-z0-9)]|[A-Za-z]")
_WORDS = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n", "inf", "nan"))
_WIDTH = 100


class FileUnusable(Exception):
    """A file holds no definition, or one that has no usable id.

    Attributes:
        what: What is wrong.
        line: Where the fault is, counted from 1; 0 if it concerns no single line.
    """

    def __init__(self, path: Path, what: str, line: int = 0) -> None:
        self.what = what
        self.line = line
        super().__init__(f"{path}:{line}: {what}" if line else f"{path}: {what}")


@value(frozen=True, slots=True)
class FileDefinition:
    """What a file holds.

    Attributes:
        kind: The kind of the definition.
        id: Its `id`, or the name of the file if it has none.
        document: The definition, without what the server adds.
        text: The text of the file, to find line numbers in.
    """

    path: Path
    kind: Kind
    id: str
    document: JsonObject
    text: DefinitionText


def files_of(places: Iterable[Path]) -> list[Path]:
    """Return the given files, and files in the given folders that may hold definitions, in order.

    Raises `FileUnusable` where there is nothing at a path, or too much.
    """
    found: list[Path] = []
    for place in places:
        if place.is_dir():
            found += sorted(_inside(place))
        elif place.exists():
            found.append(place)
        else:
            raise FileUnusable(place, "there is nothing here")
        if len(found) > MOST_FILES:
            raise FileUnusable(place, f"holds more than {MOST_FILES:,} files")
    return found


def _inside(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix in ENDINGS and not hidden and path.is_file():
            yield path


def read_file(path: Path) -> FileDefinition | None:
    """Return the definition of a file; None for other JSON or YAML. Raises `FileUnusable`."""
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise FileUnusable(path, f"has more than {LARGEST_BYTES:,} bytes")
        text = read_definition(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as unreadable:
        raise FileUnusable(path, f"cannot be read: {unreadable}") from unreadable
    except TextRefused as refused:
        raise FileUnusable(path, str(refused), refused.line) from refused
    document = text.document
    kind = kind_of(document)
    if kind is None or not isinstance(document, dict):
        return None
    named = document.get("id", path.stem)
    if not isinstance(named, str) or not _ID.fullmatch(named):
        message = "its id has letters, digits, dots and dashes; give it one, or the file"
        raise FileUnusable(path, message)
    return FileDefinition(path, kind, named, normal(kind, document), text)


def normal(kind: Kind, document: JsonObject) -> JsonObject:
    """Return a definition without what the server adds, and without keys at their default."""
    defaults = defaults_of(kind)
    return {
        key: item
        for key, item in document.items()
        if key not in _BY_SERVER and (key not in defaults or defaults[key] != item)
    }


def changes(kind: Kind, newest: JsonObject, wanted: JsonObject) -> JsonObject:
    """Return the changes that turn the version `newest` into `wanted`, and no more."""
    defaults = defaults_of(kind)
    gone = {key: defaults.get(key) for key in normal(kind, newest) if key not in wanted}
    return {**gone, **wanted}


def defaults_of(kind: Kind) -> dict[str, Any]:
    """Return the keys that a definition may leave out, each with its default value."""
    model = WorkflowDocument if kind == "workflow" else AgentDocument
    return {
        name: {} if name == "limits" else field.get_default(call_default_factory=True)
        for name, field in model.model_fields.items()
        if not field.is_required() and name not in _BY_SERVER
    }


def as_json(document: Json) -> str:
    """Return a definition as JSON for people."""
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"


def as_yaml(document: Json) -> str:
    """Return a definition as YAML 1.2 that reads back as the same value."""
    import yaml

    class Dumper(yaml.SafeDumper):  # type: ignore[misc] # it comes without types
        def ignore_aliases(self, data: Any) -> bool:
            return True

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
            return super().increase_indent(flow, False)

    def text(dumper: Any, value: str) -> Any:
        style: str | None = '"'
        if "\n" in value and _is_block(value):
            style = "|"
        elif _PLAIN.fullmatch(value) and value.casefold() not in _WORDS:
            style = None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    written: str = yaml.dump(
        document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH
    )
    return written


def _is_block(value: str) -> bool:
    """Return whether a text of several lines can be written as a literal block."""
    lines = value.split("\n")
    return all(line.isprintable() and line == line.rstrip() for line in lines) and bool(
        lines[0].strip() and not lines[0][:1].isspace()
    )
