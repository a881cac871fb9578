"""A journal with very many runs of two tenants in all states, each with its own title and labels.

A server makes one run of each kind; the others are copies of its rows with other names, errors and
times. Their hashes do not prove anything: they are for lists, which do not read them.
"""

import sqlite3
import time
from contextlib import closing
from itertools import pairwise
from typing import Any

from benchmarks.stepwell_server import TENANT, StepwellServer
from journal import DATABASE
from journal.rows.run_ids import run_number
from journal.rows.run_projection import COLUMNS
from journal.runs.run_inputs import INPUTS_UP_TO

OTHER, RARE = "other", "CardStolen"
_EVERY_MS = 2_600
"""A million runs are a month of work."""

_YEAR_MS = 365 * 86_400_000
_SHARES = {"asks": 0.1, "fails": 0.08, "retries": 0.02, "order": 0.8}
_END = {"id": "end", "type": "end-flow"}
_ADD = {"type": "call-tool", "toolId": "add", "inputs": {"a": 1}}
_CALL = {"type": "call-api", "method": "GET", "url": "http://127.0.0.1:9/"}
_ASK = {"type": "request-user-action", "message": "Pay {{ data.customer }}?"}
_AGAIN = {"maxAttempts": 9, "initialInterval": "1h"}
_DOCUMENTS: dict[str, list[dict[str, Any]]] = {
    "order": [{"id": "price", **_ADD}, {"id": "book", **_ADD}],
    "asks": [{"id": "price", **_ADD}, {"id": "approve", **_ASK}],
    "fails": [{"id": "price", **_ADD}, {"id": "pay", **_CALL}],
    "retries": [{"id": "price", **_ADD}, {"id": "fetch", **_CALL, "retry": _AGAIN}],
}  # fmt: skip
_SETTLED_S = 3
_CHANGED = {
    "id": ":oldest - age", "tenant": ":tenant",
    "due_at_ms": "due_at_ms + :year",
    **{
        f"{name}_at_ms": f"{name}_at_ms - age * :every"
        for name in ("started", "updated", "ended")
    },
}  # fmt: skip
_AGES = (
    "WITH RECURSIVE ages (age) AS (SELECT 1 UNION ALL SELECT age + 1 FROM ages WHERE age < :own)"
)
_NAMES = ("Ada", "Björn", "Chloé", "Dmitri", "Fatima", "Grace", "Hedy", "Ian", "Jürgen", "Kaur")
_FAMILIES = ("Lovelace", "Müller", "Hopper", "Nguyen", "Okafor", "Quispe", "Rossi", "Silva", "Tan")


def _one_of(words: tuple[str, ...], number: str) -> str:
    cases = " ".join(f"WHEN {at} THEN '{word}'" for at, word in enumerate(words))
    return f"CASE {number} % {len(words)} {cases} END"


_CUSTOMER = (
    f"{_one_of(_NAMES, 'id')} || ' ' || {_one_of(_FAMILIES, 'id / 10')} || ' ' || (id % 7919)"
)


def document(name: str) -> dict[str, Any]:
    """Return a workflow whose runs have a title and labels."""
    steps = [*_DOCUMENTS[name], _END]
    ids = [str(step["id"]) for step in steps]
    return {
        "id": name, "name": name.title(), "title": "Order {{ data.number }} of {{ data.customer }}",
        "labels": {"customer": "{{ data.customer }}"}, "initialStep": ids[0], "steps": steps,
        "payload": {"customer": {"type": "string"}, "number": {"type": "integer"}},
        "edges": [{"from": a, "to": b} for a, b in pairwise(ids)],
    }  # fmt: skip


def fill(server: StepwellServer, count: int) -> dict[str, str]:
    """Add runs to the folder of a running server, which is stopped; return one of each kind."""
    made = {}
    for name in _DOCUMENTS:
        server.create(document(name))
        start = {"data": {"customer": "Ada", "number": 1}}
        made[name] = server.ask("POST", f"/api/workflow/start-async/{name}", start)["runId"]
    time.sleep(_SETTLED_S)
    server.stop()
    with closing(sqlite3.connect(server.data / DATABASE, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -400000")
        for tenant, share in ((TENANT, 0.7), (OTHER, 0.3)):
            for name, part in _SHARES.items():
                _copy(
                    connection, run_number(made[name]), tenant, round(count * share * part), count
                )
        _add_words(connection)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return made


def _copy(connection: sqlite3.Connection, like: int, tenant: str, own: int, count: int) -> None:
    """Add older copies of a run, spread over the time of all runs."""
    (oldest,) = connection.execute("SELECT min(id) FROM runs").fetchone()
    given = {
        "like": like, "own": own, "oldest": oldest, "tenant": tenant,
        "every": _EVERY_MS * count // own, "year": _YEAR_MS, "rare": RARE,
    }  # fmt: skip
    columns = ", ".join(_CHANGED.get(name, name) for name in COLUMNS)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(
        f"INSERT INTO runs ({', '.join(COLUMNS)}) {_AGES} SELECT {columns} FROM ages, runs"
        " WHERE id = :like",
        given,
    )
    connection.execute(
        f"INSERT INTO events (run, seq, type, schema, at_ms, body, hash) {_AGES}"
        " SELECT :oldest - age, seq, type, schema, at_ms - age * :every,"
        " CASE type WHEN 'RunFailed' THEN json_set(body, '$.error.type', CASE WHEN age % 20000 = 1"
        " THEN :rare WHEN age % 3 THEN 'ConnectionFailed' ELSE 'Timeout' END) ELSE body END, hash"
        " FROM ages, events WHERE run = :like ORDER BY age, seq",
        given,
    )
    connection.execute("COMMIT")


def _add_words(connection: sqlite3.Connection) -> None:
    """Write what a search finds, as the server does for each run."""
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(
        f"INSERT INTO run_captions SELECT id, tenant, started_at_ms, 'Order ' || id || ' of ' ||"
        f" {_CUSTOMER}, json_object('customer', {_CUSTOMER}) FROM runs WHERE true"
        " ON CONFLICT DO NOTHING"
    )
    connection.execute(
        f"INSERT INTO run_inputs SELECT id, tenant, started_at_ms, lower({_CUSTOMER}) || ' ' || id"
        " FROM runs WHERE true ON CONFLICT DO NOTHING"
    )
    connection.execute(
        "INSERT OR REPLACE INTO meta (key, value) SELECT ?, max(position) FROM events",
        (INPUTS_UP_TO,),
    )
    connection.execute("COMMIT")
