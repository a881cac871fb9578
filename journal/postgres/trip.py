"""One round trip to the server: statements sent together, answered together, and prepared once.

Outside of a transaction they form one: it is committed with the last statement, and rolled back as
a whole if one of them fails. The caller chooses whether a thread or the event loop waits.
"""

import asyncio
import time
from collections.abc import Sequence
from select import POLLIN, POLLOUT, poll

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ConnStatus, ExecStatus
from psycopg.pq.abc import PGconn, PGresult

from journal.postgres.rows import Sent

_LOOK_EVERY_S = 0.1
"""How often to look without a notification: uvloop does not report a connection reset by peer."""


def silence(patience_s: float) -> psycopg.OperationalError:
    """Return the error for a server that has not answered for so many seconds."""
    return psycopg.OperationalError(f"the server has not answered for {patience_s:g} s")


class Trip:
    """Statements under way.

    Attributes:
        is_over: Whether all of them are answered.
    """

    def __init__(
        self,
        pgconn: PGconn,
        prepared: dict[bytes, bytes],
        sent: Sequence[Sent],
        patience_s: float,
    ) -> None:
        """Send them. Raises `psycopg.Error`.

        Args:
            pgconn: The connection.
            prepared: The names of those statements that the server knows already.
            sent: The statements.
            patience_s: How long the server may be silent. No setting of its own ends a commit
                that waits for a standby.
        """
        self._patience_s = patience_s
        self._pgconn = pgconn
        self._prepared = prepared
        self._new: dict[int, tuple[bytes, bytes]] = {}
        self._answers = 0
        self._failure: PGresult | None = None
        self.is_over = False
        self._pgconn.enter_pipeline_mode()
        names, count = dict(prepared), 0
        for statement in sent:
            name = names.get(statement.sql)
            if name is None:
                name = names[statement.sql] = b"rows-%d" % len(names)
                self._pgconn.send_prepare(name, statement.sql)
                self._new[count] = statement.sql, name
                count += 1
            formats = [int(statement.is_binary)] * len(statement.values)
            self._pgconn.send_query_prepared(name, statement.values, formats)
            count += 1
        self._pgconn.pipeline_sync()
        self._must_send = bool(self._pgconn.flush())

    def go_on(self) -> None:
        """Read the server's answers; raises `psycopg.OperationalError` if the server is gone."""
        pgconn = self._pgconn
        pgconn.consume_input()
        if self._must_send:
            self._must_send = bool(pgconn.flush())
        is_between = False
        while not pgconn.is_busy():
            result = pgconn.get_result()
            if result is None:
                if is_between or pgconn.status != ConnStatus.OK:
                    raise psycopg.OperationalError("the connection is closed")
                is_between = True
                continue
            is_between = False
            if result.status == ExecStatus.PIPELINE_SYNC:
                pgconn.exit_pipeline_mode()
                self.is_over = True
                return
            self._answered(result)

    def _answered(self, result: PGresult) -> None:
        if result.status == ExecStatus.FATAL_ERROR:
            self._failure = self._failure or result
        new = self._new.get(self._answers)
        if new is not None and result.status == ExecStatus.COMMAND_OK:
            self._prepared[new[0]] = new[1]
        self._answers += 1

    def wait(self) -> None:
        """Wait for the answers in this thread. Raises `psycopg.Error`."""
        fd, waiting = self._pgconn.socket, poll()
        waiting.register(fd, POLLIN)
        while not self.is_over:
            waiting.modify(fd, POLLIN | POLLOUT if self._must_send else POLLIN)
            if not waiting.poll(round(self._patience_s * 1_000)):
                raise silence(self._patience_s)
            self.go_on()
        self.check()

    async def arrive(self) -> None:
        """Wait for the answers on the event loop. Raises `psycopg.Error`."""
        loop, fd = asyncio.get_running_loop(), self._pgconn.socket
        done: asyncio.Future[None] = loop.create_future()
        until_s = time.monotonic() + self._patience_s

        def ready() -> None:
            if done.done():
                return
            try:
                self.go_on()
            except psycopg.Error as failure:
                done.set_exception(failure)
            else:
                if self.is_over:
                    done.set_result(None)
                elif not self._must_send:
                    loop.remove_writer(fd)

        def look() -> None:
            ready()
            if not done.done() and time.monotonic() > until_s:
                done.set_exception(silence(self._patience_s))
            looks[:] = [loop.call_later(_LOOK_EVERY_S, look)]

        looks = [loop.call_later(_LOOK_EVERY_S, look)]
        loop.add_reader(fd, ready)
        try:
            if self._must_send:
                loop.add_writer(fd, ready)
            await done
        finally:
            looks[0].cancel()
            loop.remove_reader(fd)
            loop.remove_writer(fd)
        self.check()

    def check(self) -> None:
        """Raise the error of the statement that failed, a `psycopg.Error`."""
        if self._failure is not None:
            raise error_from_result(self._failure)
