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
    """Return the tool, reading documents by `process`."""

    @tool(id="extract-document")
    async def extract_document(
        context: ToolContext,
        file_id: Annotated[str, Field(alias="fileId", description="id of an uploaded file")],
        max_pages: Annotated[int, Field(alias="maxPages", ge=1, le=10_000)] = 200,
        max_characters: Annotated[int, Field(alias="maxCharacters", ge=1, le=2_000_000)] = 200_000,
    ) -> JsonObject:
        """Read the text of an uploaded document.

        Kinds: PDF, DOCX, XLSX, PPTX (with macros and as templates too), XLS, ODT, ODS, ODP,
        EPUB, RTF, HTML, EML, MSG, CSV, and what is plain text. Another kind is refused by name.

        The result has `text`, `mediaType`, `metadata` (title, author and what else the file
        says of itself), `truncated` (whether there was more), `leftOut` (what of the document
        is not in the text, such as pages that cannot be read, pictures, attachments), for PDF
        and PPTX `pages`, for tables `sheets` with `name` and `rows`, and for texts `encoding`
        (by their mark, by what they say of themselves, `utf-8`, else `windows-1252`). Pictures
        are not read: a scanned page has no text.
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
