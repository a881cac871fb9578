"""What one client can do, the other can, called in the same way."""

import inspect

import pytest

from stepwell import asynchronous, blocking


def calls_of(kind: type) -> dict[str, list[str]]:
    methods = inspect.getmembers(kind, inspect.isfunction)
    return {
        name: [str(item.replace(annotation=item.empty)) for item in
               inspect.signature(method).parameters.values()]
        for name, method in methods
        if not name.startswith("__") or name == "__init__"
    }  # fmt: skip


@pytest.mark.parametrize("name", ["Client", "Run", "Workflows"])
def test_both_clients_have_the_same_calls(name: str) -> None:
    threads = calls_of(getattr(blocking, name))
    assert len(threads) > 5
    assert calls_of(getattr(asynchronous, f"Async{name}")) == threads
