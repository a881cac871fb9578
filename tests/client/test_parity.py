"""The client for threads is the one for asyncio with nothing awaited, and has no other words."""

import re
from pathlib import Path

from scripts import blocking_client


def test_the_client_for_threads_is_current() -> None:
    assert blocking_client.stale(blocking_client.modules()) == [], "make blocking-client"


def test_what_is_not_current_is_found(tmp_path: Path) -> None:
    (tmp_path / "same.py").write_text("x = 1\n")
    (tmp_path / "changed.py").write_text("x = 1  # by hand\n")
    (tmp_path / "left_over.py").write_text("")
    made = {"same.py": "x = 1\n", "changed.py": "x = 1\n", "missing.py": ""}
    assert blocking_client.stale(made, tmp_path) == ["changed.py", "left_over.py", "missing.py"]


def test_nothing_is_awaited_by_the_client_for_threads() -> None:
    source = "async with AsyncClient() as a:\n    async for x in a: await asyncio.sleep(1)  # noqa: ASYNC109\n"
    plain = "with Client() as a:\n    for x in a: time.sleep(1)\n"
    assert blocking_client.blocking(source) == plain
    for file in blocking_client.TARGET.glob("*.py"):
        text = file.read_text().partition("\n")[2]  # the first line names the file it is made from
        assert not re.search(r"async|await|\ba(close|read|next)\b", text, re.IGNORECASE), file.name
