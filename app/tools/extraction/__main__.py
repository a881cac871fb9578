"""The process that reads one document: limits first, then bytes in, one JSON object out."""

import json
import os
import resource
import sys
from collections.abc import Callable
from typing import TypeAlias

from app.tools.extraction import kinds
from app.tools.extraction.document import Document, DocumentFailure, Limits

_MEMORY_BYTES = 1024**3

Reader: TypeAlias = Callable[[bytes, Document], None]


def main() -> None:
    """Read the document that standard input brings, as the first argument says."""
    wanted = json.loads(sys.argv[1])
    _limit(wanted["cpuSeconds"])
    shown: dict[str, object]
    try:
        shown = {"document": _read(sys.stdin.buffer.read(), wanted)}
    except DocumentFailure as failure:
        shown = {"failure": {"type": failure.type, "message": str(failure)}}
    except Exception as failed:  # noqa: BLE001 - whatever a library raises, the document did it
        shown = {"failure": _failure(failed)}
    # Documents may hold half characters, which are no text that could be stored.
    sys.stdout.buffer.write(json.dumps(shown, ensure_ascii=False).encode("utf-8", "replace"))


def _failure(failed: Exception) -> dict[str, str]:
    # Where memory ran out inside a library in C, it may say something else.
    peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    if isinstance(failed, MemoryError) or peak_bytes > _MEMORY_BYTES // 2:
        message = "reading it takes more memory than a document may take"
        return {"type": "DocumentTooLarge", "message": message}
    message = f"the document is damaged: {type(failed).__name__}: {failed}"[:500]
    return {"type": "DocumentUnreadable", "message": message}


def _limit(cpu_s: int) -> None:
    os.nice(5)
    for kind, most in (
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_AS, _MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))


def _read(content: bytes, wanted: dict[str, str | int]) -> dict[str, object]:
    limits = Limits(int(wanted["maxPages"]), int(wanted["maxCharacters"]))
    kind = kinds.kind_of(content, str(wanted["mediaType"]), str(wanted["name"]))
    document = Document(kind, limits)
    _reader(kind)(content, document)
    return document.as_json()


def _reader(kind: str) -> Reader:
    """Import the one format that is needed: the process is started for every document."""
    match kind:
        case kinds.PDF:
            from app.tools.extraction.pdf import read  # noqa: PLC0415
        case kinds.WORD:
            from app.tools.extraction.word import read  # noqa: PLC0415
        case kinds.SPREADSHEET:
            from app.tools.extraction.spreadsheet import read  # noqa: PLC0415
        case kinds.HTML:
            from app.tools.extraction.web_page import read  # noqa: PLC0415
        case kinds.CSV:
            from app.tools.extraction.csv_table import read  # noqa: PLC0415
        case _:
            from app.tools.extraction.plain_text import read  # noqa: PLC0415
    return read


if __name__ == "__main__":
    main()
