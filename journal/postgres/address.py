"""The address of the server: a libpq URL, whose password is never shown."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from journal.opening_errors import BadDatabase

_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,47}")
_UNLESS_NAMED: Mapping[str, str] = {
    "connect_timeout": "5",
    # A server that is gone is noticed by its silence, not after two hours.
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
    "application_name": "stepwell",
}


@dataclass(frozen=True, slots=True)
class Address:
    """A database and the schema in it.

    Attributes:
        shown: The hosts and the name of the database, for people.
        schema: The schema that holds all of Stepwell's tables.
        statement_timeout_ms: How long one statement may take.
        relaxed: Whether a server may answer before data is on disk.
    """

    conninfo: str = field(repr=False)
    shown: str
    schema: str = "stepwell"
    statement_timeout_ms: int = 30_000
    relaxed: bool = False

    @classmethod
    def read(
        cls, url: str, *, schema: str = "stepwell", statement_timeout_ms: int, relaxed: bool
    ) -> "Address":
        """Parse a URL. Raises `BadDatabase`, without the URL in its message."""
        if not _SCHEMA.fullmatch(schema):
            raise BadDatabase("the name of the schema must be of small letters, digits and _")
        try:
            parts = conninfo_to_dict(url)
        except psycopg.Error as wrong:
            raise BadDatabase(
                "the address cannot be read: it must be like postgresql://user@host:5432/database,"
                " with what is special in a password written as %XX"
            ) from wrong.with_traceback(None)
        hosts = str(parts.get("host") or "localhost").split(",")
        ports = str(parts.get("port") or "5432").split(",")
        if len(ports) == 1:
            ports *= len(hosts)
        places = ",".join(f"{host}:{port}" for host, port in zip(hosts, ports, strict=False))
        named = {name: parts.get(name) or value for name, value in _UNLESS_NAMED.items()}
        return cls(
            make_conninfo(url, **named), f"postgresql://{places}/{parts.get('dbname') or ''}",
            schema, statement_timeout_ms, relaxed,
        )  # fmt: skip
