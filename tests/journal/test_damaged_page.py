"""A page that cannot be read is reported with its run; all other pages are still checked."""

from contextlib import closing
from pathlib import Path

import pytest

from journal import DATABASE, Damaged, Journal, copy_database, open_read_only, verify
from tests.harness.damage import PAGE, damage_index
from tests.harness.journals import completed, fill


async def test_verify_names_the_run_of_a_damaged_page_and_backup_refuses(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    await fill(journal, "acme", completed, range(1, 41))
    await journal.close()
    file = tmp_path / DATABASE
    content = bytearray(file.read_bytes())
    marks = [
        number
        for number in range(1, 41)
        if f'"run_id":"dynamic-workflow-{number}"'.encode() in content
    ]
    at = content.index(f'"run_id":"dynamic-workflow-{marks[20]}"'.encode()) // PAGE * PAGE
    content[at : at + PAGE] = b"\xff" * PAGE
    file.write_bytes(content)

    with closing(open_read_only(file)) as connection:
        found = verify(connection, lambda _: None)
    damaged = {
        fault.run_id for fault in found.faults if "a page of the file is damaged" in fault.what
    }
    assert f"dynamic-workflow-{marks[20]}" in damaged
    assert found.runs == 40
    assert len(damaged) < 40
    with pytest.raises(Damaged, match="stepwell verify"):
        copy_database(file, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


async def test_verify_and_backup_report_a_damaged_page_of_an_index(tmp_path: Path) -> None:
    await (await Journal.open(tmp_path)).close()
    file = tmp_path / DATABASE
    with closing(open_read_only(file)) as connection:
        assert verify(connection, lambda _: None).faults == []
    page = damage_index(file, "sessions_by_end")
    with closing(open_read_only(file)) as connection:
        (fault,) = verify(connection, lambda _: None).faults
    assert f"page {page}" in fault.what
    damage = copy_database(file, tmp_path / "copy")
    assert damage is not None
    assert f"page {page}" in damage
    with closing(open_read_only(tmp_path / "copy")) as connection:
        assert verify(connection, lambda _: None).faults == []
    assert copy_database(tmp_path / "copy", tmp_path / "copy-of-copy") is None
