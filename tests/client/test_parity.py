"""The blocking client is generated from the asyncio client and is current."""

import re
from pathlib import Path

from scripts import blocking_client


def test_the_blocking_client_is_current() -> None:
    assert blocking_client.stale(blocking_client.modules()) == [], "make blocking-client"


def test_outdated_files_are_found(tmp_path: Path) -> None:
    (tmp_path / "same.py").write_text("x = 1\n")
    (tmp_path / "changed.py").write_text("x = 1  # by hand\n")
    (tmp_path / "left_over.py").write_text("")
    made = {"same.py": "x = 1\n", "changed.py": "x = 1\n", "missing.py": ""}
    assert blocking_client.stale(made, tmp_path) == ["changed.py", "left_over.py", "missing.py"]


def test_the_blocking_client_awaits_nothing() -> None:
    source = "async with AsyncClient() as a:\n    async for x in a: await asyncio.sleep(1)  # noqa: ASYNC109\n"
    plain = "with Client() as a:\n    for x in a: time.sleep(1)\n"
    assert blocking_client.blocking(source) == plain
    for file in blocking_client.TARGET.glob("*.py"):
        text = file.read_text().partition("\n")[2]  # the first line names the source file
        assert not re.search(r"async|await|\ba(close|read|next)\b", text, re.IGNORECASE), file.name
