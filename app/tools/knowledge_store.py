"""Stores and searches a tenant's collections for the tools `knowledge` and `knowledge-search`."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

from app.clock import Clock
from app.concurrency.offload import offload
from app.llm.catalogue import Models
from app.llm.embeddings import Embedded
from app.tools.knowledge_index import KnowledgeIndex
from app.tools.passages import passages_of
from engine import Json, JsonObject, iso_time
from journal import KnowledgeFull, KnowledgeTable, Vectors
from steps.contract.step_type import StepBroke
from steps.effects.tool_calls import KnowledgeCall

Embed: TypeAlias = Callable[[str, Sequence[str]], Awaitable[Embedded]]
"""Returns the vectors of texts, made by a tenant's model, or raises `StepBroke`."""

_MOST_KEPT = 100_000_000
"""How much of recently used indexes is cached: characters of passages and bytes of vectors."""

_AT_ONCE = 32
"""The most texts in one request to a model that makes vectors; some accept only 10,000 tokens."""

_MOST_BEGUN = 50_000_000
"""How many bytes of vectors are cached for sources whose vectors are not complete."""


class KnowledgeStore:
    """The collections of all tenants; secrets are masked before texts are stored."""

    def __init__(
        self,
        table: KnowledgeTable,
        models: Models,
        clock: Clock,
        mask: Callable[[str, Json], Awaitable[Json]],
    ) -> None:
        self._table = table
        self._models = models
        self._clock = clock
        self._mask = mask
        self._begun: OrderedDict[tuple[str, str, str, str], dict[str, bytes]] = OrderedDict()
        self._indexes: OrderedDict[tuple[str, str], tuple[object, KnowledgeIndex]] = OrderedDict()

    async def call(self, tenant: str, call: KnowledgeCall, embed: Embed) -> Json:
        """Return the result of a call. Raises `StepBroke`: `KnowledgeFull`, and as `embed` does."""
        match call.operation:
            case "add":
                return await self._add(tenant, call, embed)
            case "remove":
                gone = await self._table.remove(tenant, call.collection, call.source)
                return {"removed": gone}
            case "list":
                return {"sources": await self._sources(tenant, call.collection)}
            case _:
                return {"passages": await self._search(tenant, call, embed)}

    async def _add(self, tenant: str, call: KnowledgeCall, embed: Embed) -> Json:
        text = str(await self._mask(tenant, call.text))
        passages = await offload(lambda: passages_of(text))
        vectors = await self._vectors(tenant, call, passages, embed)
        now_ms = self._clock.now_ms()
        try:
            was_there = await self._table.put(
                tenant, call.collection, call.source, passages, now_ms, vectors
            )
        except KnowledgeFull as full:
            raise StepBroke("KnowledgeFull", str(full), retryable=False) from full
        return {"source": call.source, "passages": len(passages), "replaced": was_there}

    async def _vectors(
        self, tenant: str, call: KnowledgeCall, passages: Sequence[str], embed: Embed
    ) -> Vectors | None:
        """Return the vectors of passages; the model makes only those that are not stored yet."""
        there = await self._table.collection(tenant, call.collection)
        model = (there.model if there else "") or call.model
        if call.model and call.model != model:
            message = (
                f"model: collection {call.collection} has vectors of model {model}; remove its "
                "sources, or take another collection"
            )
            raise StepBroke("InvalidToolInput", message, retryable=False)
        if not model:
            return None
        embedder = await self._embedder(tenant, model)
        key = (tenant, call.collection, call.source, embedder)
        known = await self._table.vectors_of(*key)
        known |= self._begun.pop(key, {})
        new = [text for text in dict.fromkeys(passages) if text not in known]
        try:
            for at in range(0, len(new), _AT_ONCE):
                some = new[at : at + _AT_ONCE]
                made = await embed(model, some)
                known |= zip(some, made.vectors, strict=True)
        except BaseException:
            self._begun[key] = known  # for the next attempt, such as after a budget was raised
            while sum(map(_size, self._begun.values())) > _MOST_BEGUN:
                self._begun.popitem(last=False)
            raise
        return Vectors(model, embedder, [known[text] for text in passages])

    async def _embedder(self, tenant: str, model: str) -> str:
        """Return the provider's name of a model. Raises `StepBroke` if there is no such model."""
        return (await self._models.named(tenant, model)).settings.model

    async def _sources(self, tenant: str, collection: str) -> list[Json]:
        return [
            {
                "source": row.name,
                "passages": row.passages,
                "characters": row.characters,
                "updatedAt": iso_time(row.updated_at_ms),
                **({"embedder": row.embedder} if row.embedder else {}),
            }
            for row in await self._table.sources(tenant, collection)
        ]

    async def _search(self, tenant: str, call: KnowledgeCall, embed: Embed) -> list[Json]:
        there = await self._table.collection(tenant, call.collection)
        if there is None:
            return []
        embedder = await self._embedder(tenant, there.model) if there.model else ""
        revision = (there.revision, embedder)
        index = await self._index(tenant, call.collection, revision, embedder)
        search: Callable[[], list[JsonObject]] = partial(index.by_words, call.text, call.limit)
        if embedder:
            (vector,) = (await embed(there.model, [call.text])).vectors
            search = partial(index.by_both, call.text, vector, call.limit)
        return [*await offload(search)]

    async def _index(
        self, tenant: str, collection: str, revision: object, embedder: str
    ) -> KnowledgeIndex:
        """Return the index of a collection as it is now."""
        key = (tenant, collection)
        kept = self._indexes.pop(key, None)
        if kept is None or kept[0] != revision:
            passages = await self._table.passages(tenant, collection)
            vectors = {}
            if embedder:
                vectors = await self._table.vectors(tenant, collection, embedder)
            kept = (revision, await offload(lambda: KnowledgeIndex(passages, vectors)))
        self._indexes[key] = kept
        while sum(one.size for _, one in self._indexes.values()) > _MOST_KEPT:
            self._indexes.popitem(last=False)
        return kept[1]


def _size(vectors: Mapping[str, bytes]) -> int:
    return sum(map(len, vectors.values()))
