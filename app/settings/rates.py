"""Rate limits as written in settings and documents."""

import re
from typing import Annotated

from pydantic import AfterValidator

from app.settings.network_values import is_host

_RATE = re.compile(r"[1-9][0-9]{0,6}/[smhd]")
_RATED = re.compile(r"(host|tool|model):\S{1,300}")


def _is_rate(value: str) -> str:
    if not _RATE.fullmatch(value):
        raise ValueError("must be a number of calls per second, minute, hour or day, such as 10/s")
    return value


def _are_rates(rates: dict[str, str]) -> dict[str, str]:
    for name, said in rates.items():
        if not _RATED.fullmatch(name):
            raise ValueError(f"{name} must be host:NAME, tool:ID or model:NAME")
        kind, _, host = name.partition(":")
        if kind == "host" and not (is_host(host) and host == host.lower()):
            raise ValueError(f"{name} must name a host in small letters, without scheme and port")
        try:
            _is_rate(said)
        except ValueError as wrong:
            raise ValueError(f"the rate of {name} {wrong}") from wrong
    return rates


Rate = Annotated[str, AfterValidator(_is_rate)]
"""A number of calls per second, minute, hour or day, such as `100/m`."""

Rates = Annotated[dict[str, str], AfterValidator(_are_rates)]
"""Rates by target: `host:NAME`, `tool:ID` or `model:NAME`."""
