"""knowledge and knowledge-search: texts of a tenant, and the passages of them that answer."""

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
    """Return the tool that changes collections, reading documents by `extract-document`."""

    @tool(id="knowledge")
    async def knowledge(  # noqa: PLR0913 - what a step may say, by name
        context: ToolContext,
        operation: Annotated[Literal["add", "remove", "list"], Field(description="what is done")],
        collection: Collection,
        source: Annotated[
            str,
            Field(max_length=500, description="the name of a text, as `knowledge-search` tells it"),
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
                description="the model that makes vectors of what is added, so that it is found by "
                "its meaning, too; that of the collection without it, if it has one",
            ),
        ] = "",
    ) -> Json:
        """Keep texts and documents in which `knowledge-search` finds passages.

        `add` keeps a text, or what `extract-document` reads of a file, under `source` (the file's
        name without it) in place of what was there under that name, so that it is the same where
        a crash has it made again; `remove` forgets one; `list` tells `sources`. A collection
        belongs to the tenant and may have 5,000 passages of 1,200 characters at most.
        """
        if operation == "list":
            return await context.knowledge(KnowledgeCall("list", collection))
        if operation == "remove":
            return await context.knowledge(KnowledgeCall("remove", collection, source))
        if (fileId is None) == (text is None):
            raise _wrong("give fileId or text, one of them")
        if fileId is not None:
            read = await extract(context, file_id=fileId, max_pages=10_000,
                                 max_characters=_MOST_CHARACTERS)  # fmt: skip
            text = str(read["text"])
            source = source or (await context.file(fileId)).name
        if not source:
            raise _wrong("source is required: what the text is called")
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
    limit: Annotated[int, Field(ge=1, le=50, description="how many passages at most")] = 5,
) -> Json:
    """Find the passages of a collection that have most of the words of a question.

    `passages` are the best first, each with its `source`, its `number` there, `text` and `score`.
    Endings of English words and accents do not count. Where the collection has a model that makes
    vectors, it is asked for that of the question, and passages are found by their meaning, too.
    """
    return await context.knowledge(KnowledgeCall("search", collection, "", query, limit))


def _wrong(message: str) -> StepBroke:
    return StepBroke("InvalidToolInput", message, retryable=False)
