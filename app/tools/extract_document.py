"""extract-document: the text of an uploaded document."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from pydantic import Field

from app.files.media_types import media_type_of
from app.tools.extraction_process import ExtractionProcess
from engine import JsonObject
from steps.contract.step_type import StepBroke
from steps.effects.effects import ToolContext
from steps.tools.tools import tool

_MOST_BYTES = 50 * 1024 * 1024


def extract_document_tool(process: ExtractionProcess) -> Callable[..., Awaitable[JsonObject]]:
    """Return the tool, which reads documents in `process`."""

    @tool(id="extract-document")
    async def extract_document(
        context: ToolContext,
        file_id: Annotated[str, Field(alias="fileId", description="the id of an uploaded file")],
        max_pages: Annotated[int, Field(alias="maxPages", ge=1, le=10_000)] = 200,
        max_characters: Annotated[int, Field(alias="maxCharacters", ge=1, le=2_000_000)] = 200_000,
    ) -> JsonObject:
        """Extract the text of an uploaded document.

        Supported types: PDF, DOCX, XLSX, PPTX (also their macro and template variants), XLS, ODT,
        ODS, ODP, EPUB, RTF, HTML, EML, MSG, winmail.dat, CSV, and plain text. Other types are
        refused by name.

        The result has `text`, `mediaType`, `metadata` (title, author and other properties of the
        file), `truncated` (whether there was more), and `leftOut` (what is missing from the text,
        such as unreadable pages, images, attachments). PDF and PPTX also have `pages`, tables have
        `sheets` with `name` and `rows`, and texts have `encoding` (from a byte order mark, from a
        declaration in the text, `utf-8`, else the most likely by the letters). Images are not read:
        a scanned page has no text.
        """
        async with process.turn(context.tenant):
            file = await context.file(file_id)
            if len(file.content) > _MOST_BYTES:
                message = f"the document has {len(file.content)} bytes; {_MOST_BYTES} can be read"
                raise StepBroke("DocumentTooLarge", message, retryable=False)
            wanted: dict[str, str | int] = {
                "name": file.name,
                "mediaType": media_type_of(file.name, file.content),
                "maxPages": max_pages,
                "maxCharacters": max_characters,
            }
            return await process.read(file.content, wanted)

    return extract_document
