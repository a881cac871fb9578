"""How many indexes of collections are kept in memory."""

from pathlib import Path

import pytest

from app.assembly import open_services
from app.llm.embeddings import Embedded
from app.settings.server import load
from app.tools import knowledge_store
from steps.effects.tool_calls import KnowledgeCall


async def unused(*_: object) -> Embedded:
    raise AssertionError("these collections have no vectors")


async def test_many_small_collections_take_no_more_memory_than_a_large_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(knowledge_store, "_MOST_KEPT", 300_000)
    async with open_services(load({"data": tmp_path}).settings) as services:
        knowledge = services.knowledge
        for number in range(8):
            name = f"c{number}"
            await knowledge.call("acme", KnowledgeCall("add", name, "s", "a few words"), unused)
            found = await knowledge.call("acme", KnowledgeCall("search", name, "", "words"), unused)
            assert isinstance(found, dict)
            assert found["passages"]
        assert 1 <= len(knowledge._indexes) <= 3
