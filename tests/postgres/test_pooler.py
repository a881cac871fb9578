"""Behind PgBouncer: sessions of their own are needed, and checked for at the start."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from journal import BadDatabase, Database, Journal
from tests.harness.histories import start_run
from tests.harness.postgres import PostgresServer
from tests.harness.server import free_port
from tests.postgres.test_round_trips import begun, opened

BOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")

pytestmark = pytest.mark.skipif(BOUNCER is None, reason="PgBouncer is not installed")


@contextmanager
def pooled(server: PostgresServer, mode: str) -> Iterator[Database]:
    """Start a pooler, and yield a database behind it."""
    port, file = free_port(), server.folder / "pgbouncer.ini"
    file.write_text(
        f"[databases]\n* = host={server.folder} user=stepwell\n[pgbouncer]\nauth_type = any\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\npool_mode = {mode}\n"
    )
    assert BOUNCER is not None
    database = replace(server.database(), url=f"postgresql://stepwell@127.0.0.1:{port}/postgres")
    user = ["-u", server.folder.owner()] if os.geteuid() == 0 else []
    with subprocess.Popen(
        [BOUNCER, *user, file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            until = time.monotonic() + 20
            while True:
                try:
                    psycopg.connect(database.url).close()
                    break
                except psycopg.OperationalError:
                    assert time.monotonic() < until
            yield database
        finally:
            process.kill()


async def test_a_pooler_by_session_does_and_one_by_transaction_is_refused(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    with pooled(postgres, "session") as database:
        async with opened(tmp_path / "data", database) as journal:
            await start_run(journal, "acme", *begun(1))
    with (
        pooled(postgres, "transaction") as database,
        pytest.raises(BadDatabase, match="pools by transaction"),
    ):
        await Journal.open(tmp_path / "other", database=database)
