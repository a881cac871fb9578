"""What the tools `knowledge` and `knowledge-search` do for a tenant."""

from collections import OrderedDict
from collections.abc import Callable

from app.clock import Clock
from app.concurrency.offload import offload
from app.tools.passages import PassageIndex, passages_of
from engine import Json, JsonObject, iso_time
from journal import KnowledgeFull, KnowledgeTable
from steps.contract import StepBroke
from steps.tool_calls import KnowledgeCall

_MOST_KEPT = 50_000_000
"""Characters of passages whose index is kept in memory, those used last."""


class KnowledgeStore:
    """The collections of all tenants, without the secrets that steps put there."""

    def __init__(
        self, table: KnowledgeTable, clock: Clock, mask: Callable[[str, Json], Json]
    ) -> None:
        self._table = table
        self._clock = clock
        self._mask = mask
        self._indexes: OrderedDict[tuple[str, str], tuple[int, PassageIndex]] = OrderedDict()

    async def call(self, tenant: str, call: KnowledgeCall) -> Json:
        """Return what a call gives. Raises `StepBroke`: `KnowledgeFull`."""
        match call.operation:
            case "add":
                return await self._add(tenant, call)
            case "remove":
                gone = await self._table.remove(tenant, call.collection, call.source)
                return {"removed": gone}
            case "list":
                return {"sources": await self._sources(tenant, call.collection)}
            case _:
                return {"passages": await self._search(tenant, call)}

    async def _add(self, tenant: str, call: KnowledgeCall) -> Json:
        text = str(self._mask(tenant, call.text))
        passages = await offload(lambda: passages_of(text))
        now_ms = self._clock.now_ms()
        try:
            was_there = await self._table.put(
                tenant, call.collection, call.source, passages, now_ms
            )
        except KnowledgeFull as full:
            raise StepBroke("KnowledgeFull", str(full), retryable=False) from full
        return {"source": call.source, "passages": len(passages), "replaced": was_there}

    async def _sources(self, tenant: str, collection: str) -> list[Json]:
        return [
            {
                "source": row.name,
                "passages": row.passages,
                "characters": row.characters,
                "updatedAt": iso_time(row.updated_at_ms),
            }
            for row in await self._table.sources(tenant, collection)
        ]

    async def _search(self, tenant: str, call: KnowledgeCall) -> list[Json]:
        index = await self._index(tenant, call.collection)
        if index is None:
            return []
        found = await offload(lambda: index.search(call.text, call.limit))
        passages: list[JsonObject] = [
            {
                "source": one.passage.source,
                "number": one.passage.number,
                "text": one.passage.text,
                "score": round(one.score, 4),
            }
            for one in found
        ]
        return [*passages]

    async def _index(self, tenant: str, collection: str) -> PassageIndex | None:
        """Return the index of a collection as it is now, None where there is nothing."""
        key = (tenant, collection)
        revision = await self._table.revision(tenant, collection)
        if not revision:
            return None
        kept = self._indexes.pop(key, None)
        if kept is None or kept[0] != revision:
            passages = await self._table.passages(tenant, collection)
            kept = (revision, await offload(lambda: PassageIndex(passages)))
        self._indexes[key] = kept
        while sum(one.size for _, one in self._indexes.values()) > _MOST_KEPT:
            self._indexes.popitem(last=False)
        return kept[1]
