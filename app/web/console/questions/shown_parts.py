"""What a question's card shows: tables, lists of keys, texts and files."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.web.console.markdown import markdown
from app.web.console.rendering import size, words
from engine.value import value

PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
PDF = "application/pdf"
_COLUMNS = 12
_LONGEST_CELL = 300


@value(frozen=True, slots=True)
class ShownPart:
    """One thing that a question shows.

    Attributes:
        kind: `text`, `html`, `table`, `object`, `picture`, `document` or `file`.
        number: Its number among the things shown, for the address of a file.
        text: The text, unchanged.
        html: The HTML that was made here.
        columns: The heads of a table, or the keys of an object.
        rows: The cells of a table, or the one row of an object.
        name: The name of a file, with its size.
        note: The note that it was cut.
    """

    kind: str
    number: int
    title: str = ""
    text: str = ""
    html: str = ""
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    name: str = ""
    note: str = ""


def shown_parts(pause: Mapping[str, Any]) -> list[ShownPart]:
    """Return the parts that the question of a pause shows."""
    listed = pause.get("show")
    parts = listed if isinstance(listed, list) else []
    return [_part(number, one) for number, one in enumerate(parts) if isinstance(one, dict)]


def _part(number: int, one: Mapping[str, Any]) -> ShownPart:
    title, kind, shown = str(one.get("title") or ""), str(one.get("kind")), one.get("value")
    note = "This is not all: the rest was left out." if one.get("cut") else ""
    if "fileId" in one:
        return _file(number, title, one)
    if kind == "table" and isinstance(shown, list):
        columns, rows = table_of(shown)
        heads = [words(name) for name in columns]
        return ShownPart("table", number, title, columns=heads, rows=rows, note=note)
    if kind == "object" and isinstance(shown, dict):
        names = [words(str(name)) for name in shown]
        cells = [cell(item) for item in shown.values()]
        return ShownPart("object", number, title, columns=names, rows=[cells], note=note)
    if kind == "object" and isinstance(shown, list):
        rows = [[cell(item)] for item in shown]
        return ShownPart("table", number, title, columns=["Value"], rows=rows, note=note)
    if kind == "markdown":
        return ShownPart("html", number, title, html=markdown(str(shown)), note=note)
    if kind == "email":
        return ShownPart("document", number, title or "E-mail", note=note)
    return ShownPart("text", number, title, text=cell(shown, longest=None), note=note)


def _file(number: int, title: str, one: Mapping[str, Any]) -> ShownPart:
    kind = str(one.get("mimeType")).partition(";")[0].strip().lower()
    shown = "picture" if kind in PICTURES else "document"
    name = str(one.get("fileName"))
    label = f"{name}, {size(int(one.get('size') or 0))}"
    return ShownPart(shown, number, title or name, name=label)


def table_of(rows: Sequence[Any]) -> tuple[list[str], list[list[str]]]:
    """Return the keys of some objects, and for each object its values as text."""
    columns = list(dict.fromkeys(key for row in rows if isinstance(row, dict) for key in row))
    columns = columns[:_COLUMNS]
    return columns, [[cell(row.get(key)) for key in columns] for row in rows]


def cell(value: Any, longest: int | None = _LONGEST_CELL) -> str:
    """Return a value as people read it; a nested value as its parts, without braces."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, dict):
        text = ", ".join(f"{words(str(key))}: {cell(item)}" for key, item in value.items())
    elif isinstance(value, list):
        text = ", ".join(cell(item) for item in value)
    else:
        text = str(value)
    return text if longest is None or len(text) <= longest else f"{text[: longest - 1]}…"
