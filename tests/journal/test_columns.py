"""The columns of a table are the fields of its row class."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import make_dataclass
from typing import Any

import pytest

from journal import FileRow, JwtSecretRow, KeyRow, ScheduleRow, SecretRow, WebhookRow, migrations
from journal.rows.columns import columns, insert_into
from journal.rows.run_projection import (
    COLUMNS,
    INSERT_PLAIN_RUN,
    INSERT_RUN,
    MOVE,
    MOVES,
    TURN,
    TURNS,
)
from journal.tables.llm_models import ModelRow
from journal.tables.webhooks import WEBHOOK_COLUMNS


@pytest.fixture(scope="module")
def database() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        for script in migrations():
            connection.executescript(script)
        yield connection


@pytest.mark.parametrize(
    ("table", "reported"),
    [
        ("runs", list(COLUMNS)),
        ("api_keys", columns(KeyRow).split(", ")),
        ("jwt_secrets", columns(JwtSecretRow).split(", ")),
        ("files", columns(FileRow).split(", ")),
        ("schedules", columns(ScheduleRow).split(", ")),
        ("secrets", columns(SecretRow).split(", ")),
        ("models", columns(ModelRow).split(", ")),
        ("webhooks", columns(WebhookRow, **WEBHOOK_COLUMNS).split(", ")),
    ],
)
def test_a_row_has_the_columns_of_its_table(
    database: sqlite3.Connection, table: str, reported: list[str]
) -> None:
    kept = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
    assert sorted(reported) == sorted(kept)


def test_columns_are_in_the_order_of_the_fields() -> None:
    row: type[Any] = make_dataclass("Row", ["b", "a", "kind"])
    assert columns(row, kind="type") == "b, a, type"
    assert insert_into("t", row, kind="type") == "INSERT INTO t (b, a, type) VALUES (?, ?, ?)"


def test_an_append_writes_every_column_that_can_change() -> None:
    stays = {
        "id", "tenant", "workflow_id", "version", "started_at_ms", "parent", "parent_execution",
        "parent_attempt", "item", "place_key", "priority", "body", "place_pool",
    }  # fmt: skip
    assert {*MOVES, *TURNS} == {*COLUMNS} - stays


@pytest.mark.parametrize("statement", [INSERT_PLAIN_RUN, INSERT_RUN, MOVE, TURN])
def test_no_condition_of_an_index_makes_a_table_in_memory(
    database: sqlite3.Connection, statement: str
) -> None:
    """SQLite makes one for an IN of several texts, each time such a statement is executed."""
    values = [None] * statement.count("?")
    steps = {row[1] for row in database.execute(f"EXPLAIN {statement}", values)}
    assert "OpenWrite" in steps
    assert "OpenEphemeral" not in steps
