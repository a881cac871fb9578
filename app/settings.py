"""The settings: what they are, where each value comes from, and what is wrong with them."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from steps.nearest import did_you_mean

_PREFIX = "STEPWELL_"
_LISTS = ("plugins", "allowed_networks", "cors_origins")


class SettingsError(Exception):
    """A setting is unknown or has a value that it cannot have."""


class Settings(BaseModel):
    """Every setting, with its meaning and default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: Path = Field(Path("data"), description="the data folder")
    host: str = Field("127.0.0.1", description="the address to listen on")
    port: int = Field(8080, ge=0, le=65535, description="the port to listen on")
    plugins: list[Path] = Field([], description="Python files with tools and step types")
    allowed_networks: list[IPv4Network | IPv6Network] = Field(
        [], description="networks (CIDR) that steps may call although they are not public"
    )
    cors_origins: list[str] = Field(
        [], description="origins from which browsers may call, each written out"
    )
    max_body_bytes: int = Field(1_048_576, ge=1_024, description="the longest JSON body")
    max_attachment_bytes: int = Field(3_932_160, ge=1, description="the largest attachment")
    body_timeout: float = Field(30, gt=0, description="seconds that a body may take to arrive")
    sync_wait_limit: float = Field(300, ge=0, description="seconds that a sync start waits")
    shutdown_grace: float = Field(10, ge=0, description="seconds for steps in flight at a stop")
    cancel_grace: float = Field(10, ge=0, description="seconds for the step that a cancel meets")
    jwt_audience: str | None = Field(None, description="what a token's aud must hold")
    jwt_issuer: str | None = Field(None, description="what a token's iss must be")
    max_token_lifetime: int = Field(86_400, gt=0, description="seconds that a token may last")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="the least level that is logged"
    )
    log_format: Literal["json", "console"] = Field("json", description="how the log is written")
    synchronous: Literal["FULL", "EXTRA", "NORMAL"] = Field(
        "FULL", description="SQLite's synchronous; NORMAL may lose answers at a power cut"
    )


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and where each value came from."""

    settings: Settings
    sources: Mapping[str, str]


def load(given: Mapping[str, Any], config: Path | None = None) -> Loaded:
    """Gather settings: `given` (the command line), environment, TOML file, defaults.

    Raises:
        SettingsError: A setting is unknown or wrong; the message names it and its source.
    """
    values: dict[str, Any] = {}
    sources = dict.fromkeys(Settings.model_fields, "default")
    named = config or (
        Path(os.environ[_PREFIX + "CONFIG"]) if _PREFIX + "CONFIG" in os.environ else None
    )
    for source, found in (
        _file(named),
        ("environment", _environment()),
        ("command line", {k: v for k, v in given.items() if v is not None}),
    ):
        for name, value in found.items():
            if name not in Settings.model_fields:
                hint = did_you_mean(name, Settings.model_fields)
                raise SettingsError(f"{name} ({source}) is not a known setting{hint}")
            values[name], sources[name] = value, source
    try:
        return Loaded(Settings.model_validate(values), sources)
    except ValidationError as invalid:
        first = invalid.errors()[0]
        name = str(first["loc"][0])
        raise SettingsError(f"{name} ({sources.get(name)}): {first['msg']}") from invalid


def _file(named: Path | None) -> tuple[str, dict[str, Any]]:
    path = named or Path("stepwell.toml")
    if named is None and not path.exists():
        return str(path), {}
    try:
        return str(path), tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as unreadable:
        raise SettingsError(f"{path} cannot be read: {unreadable}") from unreadable


def _environment() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for variable, text in os.environ.items():
        name = variable.removeprefix(_PREFIX).lower()
        if not variable.startswith(_PREFIX) or name in ("config", "key"):
            continue
        found[name] = (
            [part.strip() for part in text.split(",") if part.strip()] if name in _LISTS else text
        )
    return found
