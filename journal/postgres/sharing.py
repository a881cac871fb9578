"""The interfaces between processes that share a database."""

import time

from journal.postgres.address import Address
from journal.postgres.lock_kinds import WHO, kinds_of, process_rows
from journal.postgres.sessions import PostgresBell, PostgresLocks
from journal.processes.bell import SHARDS_MOVED
from journal.processes.locks import ProcessRow
from journal.processes.shared_owners import SharedOwners
from journal.processes.sharing import Shared
from journal.reading.readers import Readers

_NOW = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS bigint)"


async def shared(address: Address, readers: Readers) -> Shared:
    """Return how processes that use this database and schema communicate.

    The time of the store is known from the beginning, since no date may come from the machine's own
    clock. Raises `Unavailable`.
    """

    async def processes() -> list[ProcessRow]:
        return process_rows(await readers.all(WHO, kinds_of(address.schema)))

    locks = PostgresLocks(address)
    began_s = time.monotonic()
    (now_ms,) = await readers.one(_NOW)
    locks.server_time = int(now_ms), (began_s + time.monotonic()) / 2
    owners = SharedOwners(locks)
    bell = PostgresBell(address, locks, lambda: owners.processes > 1)
    bell.heard[SHARDS_MOVED] = [lambda _: owners.look_soon()]
    owners.on_give = lambda: bell.ring(SHARDS_MOVED)
    return Shared(owners, bell, bell.run, locks.now_ms, processes)
