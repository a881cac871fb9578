"""The process that reads one document: limits first, then bytes in, one JSON object out."""

import json
import os
import resource
import sys
from pathlib import Path

from app.settings.extras import ExtraMissing
from app.tools.extraction.document import DocumentFailure, Limits
from app.tools.extraction.readers import read_document


def main(request: str) -> None:
    """Read the document that standard input brings, as `given`, a JSON object, says."""
    wanted = json.loads(request)
    _limit(wanted["cpuSeconds"], wanted["memoryBytes"])
    shown: dict[str, object]
    try:
        shown = {"document": _read(sys.stdin.buffer.read(), wanted)}
    except DocumentFailure as failure:
        shown = {"failure": {"type": failure.type, "message": str(failure)}}
    except ImportError as missing:
        absent = ExtraMissing("reading this kind of document", "documents", missing.name)
        shown = {"failure": {"type": "UnsupportedDocument", "message": str(absent)}}
    except BaseException as failed:  # noqa: BLE001 - a panic of a library in Rust is no Exception
        shown = {"failure": _failure(failed, wanted["memoryBytes"])}
    # Documents may hold half characters, which are no text that could be stored.
    sys.stdout.buffer.write(json.dumps(shown, ensure_ascii=False).encode("utf-8", "replace"))


def _failure(failed: BaseException, memory_bytes: int) -> dict[str, str]:
    # Where memory ran out inside a library in C, it may say something else.
    if isinstance(failed, MemoryError) or _peak_bytes() > memory_bytes // 2:
        message = "reading it takes more memory than a document may take"
        return {"type": "DocumentTooLarge", "message": message}
    message = f"the document is damaged: {type(failed).__name__}: {failed}"[:500]
    return {"type": "DocumentUnreadable", "message": message}


def _peak_bytes() -> int:
    """Return the most memory that this process has had, in bytes.

    Not `ru_maxrss`: that begins with what the server had when it started this process.
    """
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def _limit(cpu_s: int, memory_bytes: int) -> None:
    os.nice(5)
    for kind, most in (
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))


def _read(content: bytes, wanted: dict[str, str | int]) -> dict[str, object]:
    limits = Limits(int(wanted["maxPages"]), int(wanted["maxCharacters"]))
    name, media_type = str(wanted["name"]), str(wanted["mediaType"])
    return read_document(content, media_type, name, limits).as_json()


if __name__ == "__main__":
    main(sys.argv[1])
