"""The ports between processes that share a database."""

from journal.bell import SHARDS_MOVED
from journal.postgres.address import Address
from journal.postgres.sessions import PostgresBell, PostgresLocks
from journal.shared_owners import SharedOwners
from journal.sharing import Shared


def shared(address: Address) -> Shared:
    """Return what processes that use this database and schema know of each other."""
    locks = PostgresLocks(address)
    owners = SharedOwners(locks)
    bell = PostgresBell(address, locks, lambda: owners.processes > 1)
    bell.heard[SHARDS_MOVED] = [lambda _: owners.look_soon()]
    owners.on_give = lambda: bell.ring(SHARDS_MOVED)
    return Shared(owners, bell, bell.run, locks.now_ms)
