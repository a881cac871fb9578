"""Optional dependencies: a missing one is reported at the point where it is needed."""

from collections.abc import Iterator
from contextlib import contextmanager


class ExtraMissing(Exception):
    """Libraries for a requested feature are not installed; the message says how to get them."""

    def __init__(self, what: str, extra: str, module: str | None) -> None:
        super().__init__(
            f"{what} needs the extra {extra}, which is not installed ({module} is missing): "
            f"install stepwell[{extra}] from the checkout's wheel, such as with "
            f'uv tool install --find-links dist "$(ls dist/stepwell-*.whl)[{extra}]"'
        )


@contextmanager
def extra(name: str, what: str) -> Iterator[None]:
    """Wrap the import of an extra's libraries, needed for `what`. Raises `ExtraMissing`."""
    try:
        yield
    except ImportError as missing:
        raise ExtraMissing(what, name, missing.name) from missing
