"""A definition that is created again under the id of a deleted one is not confused with it."""

from pathlib import Path

import pytest

from journal import Journal, NewVersion, OpenRuns, UnknownVersion
from tests.harness.journals import completed, paused, write

NEW = NewVersion("Anew", "", {}, "draft", 1)


async def test_version_numbers_of_a_deleted_definition_are_not_reused(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    await write(journal, "acme", completed(1, workflow="anew"))
    for table in (journal.workflows, journal.agents):
        assert await table.create("acme", NEW, wanted_id="anew", slug="") == "anew"
        assert await table.add_version("acme", "anew", NEW) == "1.0.1"
        await table.archive("acme", "anew", 1)
        await table.delete("acme", "anew")
        await table.create("acme", NEW, wanted_id="anew", slug="")
        assert (await table.get("acme", "anew", "latest")).version == "1.0.2"
        with pytest.raises(UnknownVersion):
            await table.get("acme", "anew", "1.0.1")
        assert await table.add_version("acme", "anew", NEW) == "1.0.3"
        await table.create("other", NEW, wanted_id="anew", slug="")
        assert (await table.get("other", "anew", "latest")).version == "1.0.0"
    await journal.close()


async def test_open_runs_protect_their_workflow_but_not_an_agent_of_the_same_id(
    tmp_path: Path,
) -> None:
    journal = await Journal.open(tmp_path)
    await write(journal, "acme", paused(1))
    for table in (journal.workflows, journal.agents):
        await table.create("acme", NEW, wanted_id="w", slug="")
        await table.archive("acme", "w", 1)
    await journal.agents.delete("acme", "w")
    with pytest.raises(OpenRuns):
        await journal.workflows.delete("acme", "w")
    await journal.close()
