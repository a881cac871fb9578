"""Parts that are installed on demand: what is missing is said where it is asked for."""

from collections.abc import Iterator
from contextlib import contextmanager


class ExtraMissing(Exception):
    """Something is asked for whose libraries are not installed; the message says how to."""

    def __init__(self, what: str, extra: str, module: str | None) -> None:
        super().__init__(
            f"{what} needs the extra {extra}, which is not installed ({module} is missing): "
            f"install stepwell[{extra}], such as with uv tool install 'stepwell[{extra}]'"
        )


@contextmanager
def extra(name: str, what: str) -> Iterator[None]:
    """Import inside of it what an extra brings, for `what`. Raises `ExtraMissing`."""
    try:
        yield
    except ImportError as missing:
        raise ExtraMissing(what, name, missing.name) from missing
