"""Which file reads which kind; each is imported when it is needed."""

from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

from app.tools.extraction import kinds
from app.tools.extraction.charsets import with_mark
from app.tools.extraction.document import Document, Enough, Limits

Reader: TypeAlias = Callable[[bytes, Document], None]


def read_document(content: bytes, media_type: str, name: str, limits: Limits) -> Document:
    """Return what a document holds, up to the limits. Raises `DocumentFailure`."""
    content = with_mark(content)
    kind = kinds.kind_of(content, media_type, name)
    return _filled(content, Document(kind, limits, _inner))


def _inner(content: bytes, media_type: str, name: str, around: Document) -> Document:
    limits = Limits(around.limits.max_pages, around.room)
    kind = kinds.kind_of(content, media_type, name)
    return _filled(content, Document(kind, limits, _inner, depth=around.depth + 1))


def _filled(content: bytes, document: Document) -> Document:
    with suppress(Enough):
        _reader(document.media_type)(content, document)
    return document


def _reader(kind: str) -> Reader:  # noqa: C901, PLR0912 - one case for each kind
    """Import the one format that is needed: the process is started for every document."""
    match kind:
        case kinds.PDF:
            from app.tools.extraction.pdf import read  # noqa: PLC0415
        case kinds.WORD:
            from app.tools.extraction.word import read  # noqa: PLC0415
        case kinds.SPREADSHEET:
            from app.tools.extraction.spreadsheet import read  # noqa: PLC0415
        case kinds.PRESENTATION:
            from app.tools.extraction.presentation import read  # noqa: PLC0415
        case kinds.OLD_SPREADSHEET:
            from app.tools.extraction.old_spreadsheet import read  # noqa: PLC0415
        case kinds.ODF_SHEETS:
            from app.tools.extraction.open_sheets import read  # noqa: PLC0415
        case kinds.ODF_TEXT | kinds.ODF_SLIDES:
            from app.tools.extraction.open_document import read  # noqa: PLC0415
        case kinds.ODF_FLAT:
            from app.tools.extraction.open_document import read_flat as read  # noqa: PLC0415
        case kinds.ODF_FLAT_SHEETS:
            from app.tools.extraction.open_sheets import read_flat as read  # noqa: PLC0415
        case kinds.EPUB:
            from app.tools.extraction.electronic_book import read  # noqa: PLC0415
        case kinds.RTF:
            from app.tools.extraction.rich_text import read  # noqa: PLC0415
        case kinds.MAIL:
            from app.tools.extraction.mail import read  # noqa: PLC0415
        case kinds.OUTLOOK:
            from app.tools.extraction.outlook import read  # noqa: PLC0415
        case kinds.PACKED_MESSAGE:
            from app.tools.extraction.packed_message import read  # noqa: PLC0415
        case kinds.HTML:
            from app.tools.extraction.web_page import read  # noqa: PLC0415
        case kinds.CSV | kinds.TSV:
            from app.tools.extraction.csv_table import read  # noqa: PLC0415
        case _:
            from app.tools.extraction.plain_text import read  # noqa: PLC0415
    return read
