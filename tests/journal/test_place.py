"""A database that is deleted, moved or replaced while the server runs is not written to."""

import asyncio
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from journal import DATABASE, Damaged, Database, Journal, KeyRow, Locked, Unavailable
from journal.sqlite.place import Place
from tests.harness.appending import checkpoint_often

LEAVES_A_WAL = """
import asyncio, os, sys
from pathlib import Path
from journal import Journal
from tests.journal.test_place import key

async def main():
    journal = await Journal.open(Path(sys.argv[1]))
    await journal.keys.create(key(2))
    os._exit(0)

asyncio.run(main())
"""


def key(number: int) -> KeyRow:
    return KeyRow(f"k{number}", f"prefix{number}", bytes(32), "acme", "owner", "", 0)


async def test_nothing_is_acknowledged_while_the_database_is_missing(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    journal = await Journal.open(folder)
    database, away = folder / DATABASE, tmp_path / "away"
    await journal.keys.create(key(0))
    for moved in (database, folder):
        moved.rename(away)
        with pytest.raises(Unavailable, match="deleted or moved") as refused:
            await journal.keys.create(key(1))
        assert str(moved) in str(refused.value)
        assert str(moved) in str(journal.health.trouble)
        away.rename(moved)
    await journal.keys.create(key(1))
    assert journal.health.trouble is None
    assert len(await journal.keys.all()) == 2
    await journal.close()


async def test_a_replaced_database_is_not_written_to(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    shutil.copy(tmp_path / DATABASE, tmp_path / "copy")
    (tmp_path / "copy").rename(tmp_path / DATABASE)
    with pytest.raises(Unavailable, match="was replaced while the server runs"):
        await journal.keys.create(key(0))
    await journal.close()


@pytest.mark.parametrize("ending", ["-wal", "-shm"])
async def test_a_file_removed_right_after_the_start_is_missed(tmp_path: Path, ending: str) -> None:
    journal = await Journal.open(tmp_path)
    (tmp_path / f"{DATABASE}{ending}").unlink()
    with pytest.raises(Unavailable, match=f"{ending} was deleted, moved or replaced"):
        await journal.keys.create(key(0))
    await journal.close()


async def test_an_emptied_database_is_not_written_to(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    os.truncate(tmp_path / DATABASE, 0)
    with pytest.raises(Unavailable, match="was emptied while the server runs"):
        await journal.keys.create(key(0))
    with suppress(Unavailable, Damaged):
        await journal.close()


async def test_an_overwritten_database_is_left_unchanged(
    tmp_path: Path,
) -> None:
    other = await Journal.open(tmp_path / "other")
    await other.keys.create(key(7))
    await other.close()
    folder = tmp_path / "data"
    journal = await Journal.open(folder)
    for number, frames in enumerate((1, 1, 1, 1_000)):  # its own checkpoints
        checkpoint_often(journal, frames)
        await journal.keys.create(key(number))
    assert journal.health.trouble is None
    shutil.copyfile(tmp_path / "other" / DATABASE, folder / DATABASE)
    copied = (folder / DATABASE).read_bytes()
    with pytest.raises(Unavailable, match="was written over by another program"):
        await journal.keys.create(key(4))
    await journal.close()
    assert (folder / DATABASE).read_bytes() == copied
    assert (folder / f"{DATABASE}-wal.left").stat().st_size > 0
    journal = await Journal.open(folder)
    assert [row.id for row in await journal.keys.all()] == ["k7"], "nothing is mixed in"
    await journal.close()


async def test_changed_file_times_alone_do_not_stop_writes(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    checkpoint_often(journal, 1)
    database = tmp_path / DATABASE
    older = newer = database.read_bytes()
    for number in range(200):
        os.utime(database, (number, number))
        database.chmod(0o640)
        await journal.keys.create(key(number))
        if (newer := database.read_bytes()) != older:
            break
        await asyncio.sleep(0.01)
    assert newer != older, "it has made a checkpoint"
    checkpoint_often(journal, 1_000)
    await journal.keys.create(key(300))
    os.utime(database)
    await journal.keys.create(key(301))
    assert journal.health.trouble is None
    newer = database.read_bytes()
    database.write_bytes(older.ljust(len(newer), b"\0"))  # an earlier state of the same database
    with pytest.raises(Unavailable, match="was written over by another program"):
        await journal.keys.create(key(302))
    database.write_bytes(newer)
    await journal.keys.create(key(303))
    assert journal.health.trouble is None, "what is put back as it was is used again"
    await journal.close()


async def test_an_unchanged_folder_is_checked_by_two_file_system_calls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, wal = tmp_path / DATABASE, tmp_path / f"{DATABASE}-wal"
    for file in (database, wal, tmp_path / f"{DATABASE}-shm"):
        file.write_bytes(b"x")
    looked: list[str] = []
    now_s, stat = 0.0, os.stat

    def look(path: str) -> os.stat_result:
        looked.append(path)
        return stat(path)

    place = Place(database, lambda: False)
    monkeypatch.setattr("journal.sqlite.place.os.stat", look)
    monkeypatch.setattr("journal.sqlite.place.time.monotonic", lambda: now_s)

    def looks() -> int:
        looked.clear()
        assert place.displaced() is None
        return len(looked)

    assert looks() > 2
    assert looks() > 2, "a change just now may have the same time"
    now_s = 0.1
    assert looks() > 2
    assert looks() == 2
    now_s = 0.7
    assert looks() > 2, "the time of the folder is not believed for ever"
    assert looks() == 2
    wal.rename(tmp_path / "away")
    assert f"{DATABASE}-wal was deleted" in str(place.displaced())
    (tmp_path / "away").rename(wal)
    assert looks() > 2
    now_s = 0.8
    assert looks() > 2
    assert looks() == 2
    os.truncate(database, 0)
    assert "was emptied" in str(place.displaced())


async def test_an_idle_journal_notices_a_moved_database(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    (tmp_path / DATABASE).rename(tmp_path / "away")
    await journal.health.changed.wait()
    assert "was deleted or moved" in str(journal.health.trouble)
    await journal.close()


async def test_a_removed_lock_file_does_not_release_the_lock(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    (tmp_path / "stepwell.lock").unlink()
    with pytest.raises(Locked):
        await Journal.open(tmp_path)
    await journal.close()


async def test_the_wal_file_of_another_database_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    journal = await Journal.open(folder)
    await journal.keys.create(key(1))
    await journal.close()
    shutil.copy(folder / DATABASE, tmp_path / "copy")
    root = Path(__file__).parents[2]
    subprocess.run(
        [sys.executable, "-c", LEAVES_A_WAL, folder],
        check=True,
        cwd=root,
        env={"PYTHONPATH": str(root)},
    )
    shutil.copytree(folder, tmp_path / "copied whole")
    (tmp_path / "copy").rename(folder / DATABASE)
    before = (folder / DATABASE).read_bytes()
    with pytest.raises(Damaged, match=f"move {DATABASE}-wal"):
        await Journal.open(folder)
    assert (folder / DATABASE).read_bytes() == before
    for suffix in ("-wal", "-shm"):
        (folder / f"{DATABASE}{suffix}").rename(tmp_path / suffix)
    for place, keys in ((folder, 1), (tmp_path / "copied whole", 2)):
        journal = await Journal.open(place)
        assert len(await journal.keys.all()) == keys
        await journal.close()


async def test_an_unreachable_database_leaves_no_mark_in_the_folder(tmp_path: Path) -> None:
    nowhere = Database(f"postgresql://me@/x?host={tmp_path}")
    with pytest.raises(Unavailable):
        await Journal.open(tmp_path / "data", database=nowhere)
    journal = await Journal.open(tmp_path / "data")
    await journal.close()


@pytest.mark.parametrize("ending", ["-wal", "-shm"])
async def test_a_deleted_wal_or_shm_file_is_noticed(tmp_path: Path, ending: str) -> None:
    journal = await Journal.open(tmp_path)
    await journal.keys.create(key(0))
    (tmp_path / f"{DATABASE}{ending}").unlink()
    with pytest.raises(Unavailable, match=f"{DATABASE}{ending} was deleted") as refused:
        await journal.keys.create(key(1))
    assert "stop the server" in str(refused.value)
    await journal.close()
    journal = await Journal.open(tmp_path)
    assert len(await journal.keys.all()) == 1, "what was acknowledged before is there"
    await journal.close()
