"""How often something may be called, as settings and documents say it."""

import re
from typing import Annotated

from pydantic import AfterValidator

_RATE = re.compile(r"[1-9][0-9]{0,6}/[smhd]")


def rate(value: str) -> str:
    """Return a rate such as `10/s`. Raises `ValueError` for what is none."""
    if not _RATE.fullmatch(value):
        raise ValueError("must be a number of calls a second, minute, hour or day, such as 10/s")
    return value


Rate = Annotated[str, AfterValidator(rate)]
"""A number of calls a second, minute, hour or day, such as `100/m`."""
