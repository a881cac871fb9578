"""A tool call's access to the knowledge of a tenant; what it spends on models is recorded."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Protocol

from app.llm.embeddings import Embedded
from app.tools.knowledge_store import Embed, KnowledgeStore
from engine import Json
from steps.effects.chat import Usage
from steps.effects.tool_calls import KnowledgeCall


class _Records(Protocol):
    """The records of a visit."""

    def recalled(self, name: str) -> Json:
        """Return a record, None if there is none."""
        ...

    async def record(self, name: str, work: Callable[[], Awaitable[Json]]) -> Json:
        """Return a record; if there is none, do the work and record its result."""
        ...


class KnowledgeCalls:
    """The knowledge calls of one tool call; those for which a model makes vectors are recorded.

    The usage of the step therefore includes them, and none is repeated after a crash.
    """

    def __init__(
        self, knowledge: KnowledgeStore, embed: Embed, tenant: str, records: _Records, call: str
    ) -> None:
        """Open the knowledge of a tenant; the names of the records begin with `call`."""
        self._knowledge = knowledge
        self._embed = embed
        self._tenant = tenant
        self._records = records
        self._call = call
        self._count = 0

    async def call(self, call: KnowledgeCall) -> Json:
        """Return the result of a call. Raises `StepBroke`."""
        self._count += 1
        name = f"{self._call}knowledge-{self._count}-{_digest(call)}"
        if isinstance(kept := self._records.recalled(name), dict):
            return kept["result"]
        made: list[Embedded] = []

        async def embed(model: str, texts: Sequence[str]) -> Embedded:
            made.append(await self._embed(model, texts))
            return made[-1]

        result = await self._knowledge.call(self._tenant, call, embed)
        if not made:
            return result

        async def work() -> Json:
            return {
                "operation": "embeddings",
                "model": made[0].embedder,
                "usage": sum((one.usage for one in made), Usage()).to_json(),
                "latencyMs": sum(one.latency_ms for one in made),
                "result": result,
            }

        await self._records.record(name, work)
        return result


def _digest(call: KnowledgeCall) -> str:
    """Return a few letters that differ between calls."""
    return hashlib.sha256(json.dumps(asdict(call)).encode()).hexdigest()[:8]
