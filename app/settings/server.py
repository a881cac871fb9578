"""The server's settings: their meaning, the source of each value, and validation errors."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from app.settings import json_text
from app.settings.identity import IdentityProviderSettings, ProviderName
from app.settings.llm import ModelName, ModelSettings
from app.settings.mcp import McpServersSettings
from app.settings.network_values import (
    DirectHost,
    EndpointAddress,
    HeaderPairs,
    HeaderToken,
    MailHost,
    Origin,
    ProxyAddress,
    PublicAddress,
    own_address,
)
from app.settings.rates import Rates
from app.settings.retention import Ages, Counts, TenantAges
from steps.document.problems import problems_of
from steps.language.durations import Duration
from steps.language.nearest import did_you_mean

_PREFIX = "STEPWELL_"
_NO_SETTINGS = ("cache", "config", "key", "url", "tenant", "token")
"""Environment variables read by others: the single-file launcher, the settings file, the client."""

_POSTGRESQL = re.compile(r"postgres(ql)?://")
_LISTS = ("plugins", "allowed_networks", "no_proxy", "cors_origins", "secrets_old_keys")
NO_OPTIONS = (
    "database",
    "metrics_token",
    "otlp_headers",
    "proxy",
    "secrets_key",
    "secrets_old_keys",
)
"""Settings without a command-line option, since other users can read command lines."""


class SettingsError(Exception):
    """A setting is unknown or has an invalid value."""


class Settings(BaseModel):
    """Every setting, with its meaning and default."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, allow_inf_nan=False)

    data: Path = Field(Path("data"), description="the data folder")
    database: SecretStr | None = Field(
        None,
        description="a PostgreSQL database for the journal, as postgresql://user@host:5432/name; "
        "several hosts and other libpq options are allowed; without it, SQLite in the data "
        "folder",
    )
    database_schema: str = Field(
        "stepwell",
        pattern=r"^[a-z_][a-z0-9_]{0,47}$",
        description="the schema in that database that holds the journal",
    )
    database_readers: int = Field(
        6, ge=3, le=100, description="connections for reads; two of them are reserved for lists"
    )
    database_statement_timeout: float = Field(
        30, gt=0, description="seconds that one statement in that database may take"
    )
    host: str = Field("127.0.0.1", description="the address to listen on")
    port: int = Field(8080, ge=0, le=65535, description="the port to listen on")
    plugins: list[Path] = Field([], description="Python files with tools and step types")
    mcp_servers: McpServersSettings = Field({}, description="MCP servers with tools, by name")
    allowed_networks: list[IPv4Network | IPv6Network] = Field(
        [], description="networks (CIDR) that steps may call even though they are not public"
    )
    call_rates: Rates = Field(
        {},
        description="how often steps may call something, counted over all runs of all tenants: "
        "`host:NAME`, `tool:ID` or `model:NAME` with a rate such as `10/s`, `100/m`; excess "
        "calls wait in line, and tenants take turns",
    )
    ca_file: Path | None = Field(
        None, description="certificates (PEM) that outgoing connections trust too"
    )
    proxy: ProxyAddress | None = Field(
        None,
        description="the HTTP proxy for outgoing requests, as http://name:password@host:port",
    )
    no_proxy: list[DirectHost] = Field(
        [],
        description="names (with subdomains), addresses and networks reached without the proxy",
    )
    cors_origins: list[Origin] = Field(
        [], description="origins from which browsers may call, each written in full"
    )
    max_body_bytes: int = Field(1_048_576, ge=1_024, description="the largest JSON body")
    max_attachment_bytes: int = Field(3_932_160, ge=1, description="the largest attachment")
    header_timeout: float = Field(
        10, gt=0, description="seconds that a request's header may take to arrive"
    )
    max_connections: int = Field(1_000, ge=1, description="connections that may be open at once")
    body_timeout: float = Field(30, gt=0, description="seconds that a body may take to arrive")
    sync_wait_limit: float = Field(300, ge=0, description="seconds that a synchronous start waits")
    shutdown_grace: float = Field(10, ge=0, description="seconds for running steps at a stop")
    cancel_grace: float = Field(10, ge=0, description="seconds for a running step at a cancel")
    max_interruptions: int = Field(
        5,
        ge=1,
        description="how many crashes of the process may be blamed on one attempt of a step; "
        "after that, the step counts as the cause and fails",
    )
    blocked_step_limit: float = Field(
        30,
        ge=0,
        description="seconds that a step may block the event loop, during which no request is "
        "served; then the process ends, to be restarted; 0 for no limit",
    )
    rate_limit_key: float = Field(
        0, ge=0, description="requests per second that one key may send, 0 for no limit"
    )
    rate_limit_tenant: float = Field(
        0, ge=0, description="requests per second that all keys of a tenant may send together"
    )
    rate_limit_burst: float = Field(
        5, gt=0, description="seconds' worth of requests that may arrive at once"
    )
    max_concurrent_steps: int = Field(
        200, ge=1, description="steps that run at once; beyond that, tenants take turns"
    )
    max_runs_in_memory: int = Field(
        10_000, ge=1, description="active runs, beyond which starts are refused (503)"
    )
    max_bytes_in_memory: int = Field(
        268_435_456, ge=1, description="bytes of their input, with the same effect"
    )
    max_queued_writes: int = Field(
        5_000, ge=1, description="writes waiting for the disk, with the same effect"
    )
    metrics_token: HeaderToken | None = Field(
        None, min_length=16, description="the Bearer token for /metrics, which is off without it"
    )
    stall_warning: int = Field(
        0, ge=0, description="milliseconds of an event loop stall that are logged, 0 for never"
    )
    jwt_audience: str | None = Field(None, description="what a token's `aud` must contain")
    jwt_issuer: str | None = Field(None, description="what a token's `iss` must be")
    max_token_lifetime: int = Field(86_400, gt=0, description="seconds that a token may be valid")
    identity_providers: dict[ProviderName, IdentityProviderSettings] = Field(
        {},
        max_length=20,
        description="identity providers (OpenID Connect) by name: tables in the file, JSON "
        "text elsewhere",
    )
    storage: Literal["folder", "s3"] = Field(
        "folder", description="where file contents are stored: the data folder, or an S3 bucket"
    )
    s3_bucket: str | None = Field(None, description="the bucket, when storage is s3")
    s3_prefix: str = Field("", description="prefix of the keys in the bucket")
    s3_endpoint: EndpointAddress | None = Field(
        None, description="the address of an S3 other than Amazon's"
    )
    s3_region: str | None = Field(None, description="the bucket's region")
    s3_access_key: str | None = Field(
        None, description="the access key; without it, boto3 finds one in its usual places"
    )
    s3_secret_key: SecretStr | None = Field(None, description="the secret of s3_access_key")
    smtp_host: MailHost | None = Field(None, description="the mail server that send-email uses")
    smtp_port: int = Field(587, ge=1, le=65535, description="the mail server's port")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="how the connection to the mail server is protected"
    )
    smtp_username: str | None = Field(None, description="the user name at the mail server")
    smtp_password: SecretStr | None = Field(None, description="the password of smtp_username")
    smtp_password_file: Path | None = Field(None, description="a file with that password")
    smtp_from: str | None = Field(None, description="the sender of mail when a step names none")
    smtp_timeout: float = Field(
        30, gt=0, description="seconds that the mail server may take for one answer"
    )
    smtp_ca_file: Path | None = Field(
        None, description="certificates (PEM) to trust for the mail server, beside the system's"
    )
    secrets_key: SecretStr | None = Field(
        None, description="the key that seals secrets: 32 bytes in base64"
    )
    secrets_key_file: Path | None = Field(
        None, description="a file with that key, instead of secrets.key in the data folder"
    )
    secrets_old_keys: list[SecretStr] = Field(
        [], description="older keys; at a start, their values are resealed with the current key"
    )
    event_heartbeat: float = Field(
        15, gt=0, description="seconds between heartbeats of an event stream"
    )
    event_stall: float = Field(
        60, gt=0, description="seconds after which a stream that nobody reads is dropped"
    )
    max_event_streams: int = Field(
        200, ge=1, description="event streams that a tenant may have open at once"
    )
    webhook_timeout: float = Field(
        15, gt=0, description="seconds that the receiver of a webhook may take to answer"
    )
    webhook_retry_first: float = Field(
        5, gt=0, description="seconds before the second attempt of a delivery, then doubled"
    )
    webhook_retry_longest: float = Field(
        3_600, gt=0, description="the longest wait between two attempts of a delivery, in seconds"
    )
    webhook_give_up: float = Field(
        259_200, ge=0, description="seconds of failed attempts after which a delivery is given up"
    )
    console_session: int = Field(
        43_200, ge=60, description="seconds that a sign-in to the console lasts"
    )
    public_url: PublicAddress | None = Field(
        None,
        description="the address at which people reach this server, such as "
        "https://flows.example; without it, links use the server's own address",
    )
    transcripts: bool = Field(
        True, description="whether the questions to models, and their answers, can be read"
    )
    search_data: bool = Field(
        True,
        description="whether runs can be searched by words of their input; turning this off "
        "deletes the index",
    )
    retention: Ages = Field(
        {}, description="how long ended runs are kept, by status, such as completed=90d,failed=1d"
    )
    retention_keep: Counts = Field(
        {}, description="how many of the newest ended runs each tenant keeps, by status"
    )
    retention_tenants: TenantAges = Field(
        {}, description="retention of single tenants, by tenant and status: JSON text or tables"
    )
    thread_retention: Duration | None = Field(
        None,
        description="how long an agent's conversation is kept after its last message, such as "
        "`90d`; without it, forever",
    )
    idempotency_retention: float = Field(
        2_592_000,
        ge=0,
        description="seconds after a start for which its Idempotency-Key still counts if the run "
        "has been deleted; while the run exists, the key always counts",
    )
    housekeeping_interval: float = Field(
        60, gt=0, description="seconds between two passes of retention"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="the lowest level that is logged"
    )
    event_loop: Literal["auto", "asyncio", "uvloop"] = Field(
        "auto", description="`auto` uses uvloop if it is installed"
    )
    log_format: Literal["json", "console"] = Field("json", description="the format of the log")
    otlp_endpoint: EndpointAddress | None = Field(
        None,
        description="the collector that traces and logs are sent to (OTLP over HTTP), such as "
        "http://127.0.0.1:4318; needs the extra otel",
    )
    otlp_content: bool = Field(
        False,
        description="whether spans of models and tools include questions and answers",
    )
    otlp_headers: HeaderPairs | None = Field(
        None, description="headers for the collector, as name=value with commas between them"
    )
    otlp_traces: bool = Field(True, description="whether spans of runs and steps are sent there")
    otlp_logs: bool = Field(False, description="whether lines of the log are sent there too")
    otlp_service_name: str = Field(
        "stepwell", min_length=1, max_length=200, description="this server's name at the collector"
    )
    synchronous: Literal["FULL", "EXTRA", "NORMAL"] = Field(
        "FULL",
        description="SQLite's `synchronous`; with NORMAL, a power failure may lose acknowledged "
        "writes, also with a PostgreSQL server that acknowledges before data are on disk",
    )
    models: dict[ModelName, ModelSettings] = Field(
        {}, description="chat models by name: tables in the file, JSON text elsewhere"
    )
    default_model: str | None = Field(
        None, description="the model for steps that name none; default: the only model, if one"
    )

    @property
    def address(self) -> str:
        """The address at which others reach this server: `public_url`, else its own address."""
        return self.public_url or own_address(self.host, self.port)

    @field_validator("models", "identity_providers", "call_rates", mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return json_text.read(value)
        except ValueError as wrong:
            raise ValueError(f"must be JSON text: {wrong}") from wrong

    @field_validator("database")
    @classmethod
    def _is_postgresql(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _POSTGRESQL.match(value.get_secret_value()):
            # The message omits the value, which may contain a password.
            raise ValueError("must be an address of PostgreSQL: postgresql://user@host:5432/name")
        return value

    @field_validator("smtp_password_file")
    @classmethod
    def _one_password(cls, file: Path | None, info: ValidationInfo) -> Path | None:
        if file is not None and info.data.get("smtp_password") is not None:
            raise ValueError("smtp_password and smtp_password_file are both set; set one of them")
        return file


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings, and the source of each value."""

    settings: Settings
    sources: Mapping[str, str]


def load(given: Mapping[str, Any], config: Path | None = None) -> Loaded:
    """Gather settings from `given` (the command line), environment, TOML file and defaults.

    Raises:
        SettingsError: A setting is unknown or invalid; the message names it and its source.
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
        first = problems_of(invalid, Settings)[0]
        name = re.split(r"[.[]", first.path)[0]
        raise SettingsError(f"{first.path} ({sources.get(name)}): {first.message}") from invalid


def _file(named: Path | None) -> tuple[str, dict[str, Any]]:
    path = named or Path("stepwell.toml")
    if named is None and not path.exists():
        return str(path), {}
    import tomllib

    try:
        return str(path), tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as unreadable:
        raise SettingsError(f"{path} cannot be read: {unreadable}") from unreadable


def _environment() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for variable, text in os.environ.items():
        name = variable.removeprefix(_PREFIX).lower()
        # An empty variable counts as not set: compose files and units write those.
        if not variable.startswith(_PREFIX) or name in _NO_SETTINGS or not text.strip():
            continue
        found[name] = (
            [part.strip() for part in text.split(",") if part.strip()] if name in _LISTS else text
        )
    return found
