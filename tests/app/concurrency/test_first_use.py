"""What a library brings is not scanned by each full collection of the interpreter."""

import gc
from functools import partial
from importlib import import_module
from pathlib import Path

import pytest

from app.concurrency.first_use import loaded


async def test_the_objects_of_a_library_are_kept_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a_library.py").write_text("rows = [{'n': n} for n in range(1000)]\n")
    monkeypatch.syspath_prepend(tmp_path)
    before = gc.get_freeze_count()
    try:
        library = await loaded(partial(import_module, "a_library"))
        kept = gc.get_freeze_count()
        assert kept - before >= len(library.rows)
        await loaded(partial(import_module, "a_library"))
        assert gc.get_freeze_count() <= kept, "what is made later can still be collected"
    finally:
        gc.unfreeze()
