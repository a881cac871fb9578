"""Only the writer checkpoints: before 3.51.3, SQLite can lose commits if two connections do."""

import asyncio
import random
import threading
from pathlib import Path

from journal import Journal, RunFilter
from tests.harness.appending import TENANT, checkpoint_often, load
from tests.harness.vfs import watched


async def test_only_the_writer_writes_to_the_disk_even_on_close(tmp_path: Path) -> None:
    with watched(tmp_path) as disk:
        journal = await Journal.open(tmp_path)
        own = journal._writer._connection._thread.ident
        assert own is not None
        disk.ops.clear()
        checkpoint_often(journal, 50)
        loading = asyncio.create_task(load(journal, disk, random.Random(1), appends=400))
        reads = 0
        while not loading.done():
            reads += len(await journal.runs.page(TENANT, RunFilter(), 100))
            await asyncio.sleep(0)
        assert await loading == []
        assert reads > 100
        await journal._readers.close()
        ours = [op for op in disk.ops if op.kind != "ack"]
        assert [op.kind for op in ours if op.file == "journal.sqlite3"].count("sync") > 3
        # The writer's connection is used on its own thread, and on this one while that is quick.
        assert {op.thread for op in ours} <= {own, threading.get_ident()}
        ended = len(disk.ops)
        await journal.close()
        last = disk.ops[ended:]
        assert {op.kind for op in last} >= {"write", "sync", "delete"}
        assert {op.thread for op in last} == {own}
