"""The tools make-file and zip: they create files in a run, which steps pass on by id."""

import io
import json
import zipfile
from collections.abc import Container
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from app.concurrency.offload import offload
from steps.contract.step_type import StepBroke
from steps.effects.effects import ToolContext
from steps.language.filters.lists import to_csv
from steps.language.operations import kind_of
from steps.tools.tools import tool

MOST_BYTES = 50_000_000
"""The most bytes that a file may have, or all files of an archive together."""

_MOST_FILES = 1_000
_TYPES = {
    "text": "text/plain; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
}

FileName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^/\\\x00-\x1f\x7f]+$")]
"""A file name without a path."""


@tool(id="make-file")
async def make_file(  # noqa: PLR0913 - one parameter per input of the step
    context: ToolContext,
    name: Annotated[FileName, Field(description="the name of the file, such as `report.csv`")],
    content: Annotated[
        JsonValue,
        Field(description="a text; for `csv` a list of objects or of lists; for `json` any value"),
    ],
    format: Annotated[  # noqa: A002 - the word that definitions use
        Literal["text", "csv", "json"], Field(description="the format of the content")
    ] = "text",
    columns: Annotated[
        list[str] | None, Field(description="the columns of `csv`; by default all keys")
    ] = None,
    separator: Annotated[str, Field(description="the delimiter between the cells of `csv`")] = ",",
    mediaType: Annotated[  # noqa: N803 - the word that definitions use
        str | None,
        Field(
            max_length=200,
            pattern=r"^[\x20-\x7e]+$",
            description="its media type, if not the usual one",
        ),
    ] = None,
) -> dict[str, JsonValue]:
    """Create a file from a text, rows or a value, and store it.

    A repeat after a crash gives the file the same id.
    """
    raw = await offload(lambda: _written(content, format, columns, separator))
    return await _saved(context, name, mediaType or _TYPES[format], raw)


@tool(id="zip")
async def zip_files(
    context: ToolContext,
    name: Annotated[FileName, Field(description="the name of the archive, such as `all.zip`")],
    files: Annotated[
        list[str],
        Field(
            min_length=1, max_length=_MOST_FILES, description="the ids of the files to put into it"
        ),
    ],
) -> dict[str, JsonValue]:
    """Put files into an archive, and store it as a file.

    If several files have one name, the second is renamed to `name (2)`.
    """
    held: dict[str, bytes] = {}
    numbers: dict[str, int] = {}
    size = 0
    for file_id in files:
        stored = await context.file(file_id)
        size += len(stored.content)
        if size > MOST_BYTES:
            message = f"the files have more than the {MOST_BYTES} bytes that an archive may hold"
            raise StepBroke("InvalidToolInput", message, retryable=False)
        held[unused_name(stored.name, held, numbers)] = stored.content
    return await _saved(context, name, "application/zip", await offload(lambda: _zipped(held)))


async def _saved(
    context: ToolContext, name: str, media_type: str, raw: bytes
) -> dict[str, JsonValue]:
    file_id = await context.save(name, media_type, raw)
    return {"fileId": file_id, "fileName": name, "mimeType": media_type, "size": len(raw)}


def _written(content: Any, form: str, columns: list[str] | None, separator: str) -> bytes:
    try:
        if form == "csv":
            if not isinstance(content, list):
                raise ValueError(f"csv needs a list of objects or of lists, not {kind_of(content)}")
            text = to_csv(content, columns, separator)
        elif form == "json":
            text = json.dumps(content, ensure_ascii=False, indent=2)
        elif isinstance(content, str):
            text = content
        else:
            raise ValueError("content must be a text; write other values as csv or json")
        raw = text.encode()
    except ValueError as wrong:
        raise StepBroke("InvalidToolInput", f"content: {wrong}", retryable=False) from wrong
    if len(raw) > MOST_BYTES:
        message = f"the file has more than the {MOST_BYTES} bytes that it may have"
        raise StepBroke("InvalidToolInput", message, retryable=False)
    return raw


def unused_name(name: str, held: Container[str], numbers: dict[str, int]) -> str:
    """Return a name for a file that is not among those `held`.

    `numbers` keeps the last number used for each name, so that many files of one name need no
    counting from the start.
    """
    plain = PurePosixPath(name.replace("\\", "/")).name or "file"
    stem, dot, ending = plain.rpartition(".")
    chosen = plain
    while chosen in held:
        number = numbers[plain] = numbers.get(plain, 1) + 1
        chosen = f"{stem} ({number}){dot}{ending}" if dot and stem else f"{plain} ({number})"
    return chosen


def _zipped(held: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in held.items():
            # One fixed date for all entries, so that the same files give the same archive.
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content,
                             zipfile.ZIP_DEFLATED)  # fmt: skip
    return out.getvalue()
