"""The tools that come with the server."""

from collections.abc import Callable, Sequence
from typing import Any

from app.clock import Clock
from app.settings.server import Settings
from app.tools.extract_document import extract_document_tool
from app.tools.extraction_process import ExtractionProcess
from app.tools.knowledge import knowledge_search, knowledge_tool
from app.tools.make_file import make_file, zip_files
from app.tools.send_email import send_email_tool
from app.tools.store import store
from app.tools.transform import transform


def built_in_tools(settings: Settings, clock: Clock) -> Sequence[Callable[..., Any]]:
    """Return the tool functions, each marked with `@tool`. Raises `SettingsError`."""
    extract = extract_document_tool(ExtractionProcess())
    return (
        transform,
        send_email_tool(settings, clock),
        extract,
        knowledge_tool(extract),
        knowledge_search,
        make_file,
        zip_files,
        store,
    )
