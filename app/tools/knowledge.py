"""The tools knowledge and knowledge-search: a tenant's texts, and searching their passages."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

from pydantic import Field

from engine import Json, JsonObject
from steps.contract.step_type import StepBroke
from steps.effects.effects import ToolContext
from steps.effects.tool_calls import KnowledgeCall
from steps.tools.tools import tool

_MOST_CHARACTERS = 2_000_000

Collection = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z0-9._-]{1,100}$",
        description="the name of the collection, such as `handbook`",
    ),
]
Extract = Callable[..., Awaitable[JsonObject]]


def knowledge_tool(extract: Extract) -> Callable[..., Awaitable[Json]]:
    """Return the tool that changes collections; it reads documents with `extract-document`."""

    @tool(id="knowledge")
    async def knowledge(  # noqa: PLR0913 - one parameter per input of the step
        context: ToolContext,
        operation: Annotated[Literal["add", "remove", "list"], Field(description="what is done")],
        collection: Collection,
        source: Annotated[
            str,
            Field(
                max_length=500, description="the name of a text, as `knowledge-search` returns it"
            ),
        ] = "",
        fileId: Annotated[  # noqa: N803 - the word that definitions use
            str | None, Field(description="the document to `add`; or give text")
        ] = None,
        text: Annotated[
            str | None, Field(max_length=_MOST_CHARACTERS, description="the text to `add`")
        ] = None,
        model: Annotated[
            str,
            Field(
                max_length=64,
                description="the model that makes vectors of what is added, so that it is found "
                "by meaning too; by default the collection's model, if it has one",
            ),
        ] = "",
    ) -> Json:
        """Store texts and documents in which `knowledge-search` finds passages.

        `add` stores a text, or the text that `extract-document` reads from a file, as `source` (by
        default the file's name). It replaces an earlier text of that name, so a repeat after a
        crash changes nothing. `remove` deletes a source; `list` returns the `sources`. A collection
        belongs to the tenant and may have at most 5,000 passages of 1,200 characters.
        """
        if operation == "list":
            return await context.knowledge(KnowledgeCall("list", collection))
        if operation == "remove":
            return await context.knowledge(KnowledgeCall("remove", collection, source))
        if (fileId is None) == (text is None):
            raise _wrong("give either fileId or text")
        if fileId is not None:
            read = await extract(context, file_id=fileId, max_pages=10_000,
                                 max_characters=_MOST_CHARACTERS)  # fmt: skip
            text = str(read["text"])
            source = source or (await context.file(fileId)).name
        if not source:
            raise _wrong("source is required: it is the name of the text")
        added = KnowledgeCall("add", collection, source, str(text), model=model)
        return await context.knowledge(added)

    return knowledge


@tool(id="knowledge-search")
async def knowledge_search(
    context: ToolContext,
    collection: Collection,
    query: Annotated[
        str, Field(min_length=1, max_length=2_000, description="a question, or words to look for")
    ],
    limit: Annotated[int, Field(ge=1, le=50, description="the most passages to return")] = 5,
) -> Json:
    """Find the passages of a collection that have most of the words of a question.

    `passages` has the best first, each with its `source`, its `number` there, `text` and `score`.
    English word endings and accents are ignored. If the collection has a model that makes vectors,
    the question is sent to that model, and passages are found by meaning too.
    """
    return await context.knowledge(KnowledgeCall("search", collection, "", query, limit))


def _wrong(message: str) -> StepBroke:
    return StepBroke("InvalidToolInput", message, retryable=False)
