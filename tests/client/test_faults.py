"""The client when the server is killed or busy, or when an answer is lost."""

import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from stepwell.client import ApiError, AsyncClient, Client, Event, Unanswered
from tests.client.conftest import END, NAPPING, client_for
from tests.harness.server import Server

SEED = int(os.environ.get("STEPWELL_SEED", str(random.SystemRandom().randrange(2**32))))
BUSY = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 2\r\n\r\n{}"


class Between:
    """A proxy before a server that spoils the answers to the first connections.

    `faults` names a fault for each connection: `busy` answers 503 and forwards nothing, `lost`
    forwards the request and drops the answer, `cut` drops the answer after some bytes, `unheard`
    drops the answer to the first POST.
    """

    def __init__(self, server: Server, *faults: str, cut_at: int = 0) -> None:
        self.faults = list(faults)
        self.fired: list[str] = []
        self._cut_at = cut_at
        self._port = server.port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            fault = self.faults.pop(0) if self.faults else ""
            threading.Thread(target=self._serve, args=(client, fault), daemon=True).start()

    def _serve(self, client: socket.socket, fault: str) -> None:
        with client, socket.create_connection(("127.0.0.1", self._port)) as server:
            if fault == "busy":
                client.recv(65536)
                self.fired.append(fault)  # before the client can read it
                client.sendall(BUSY)
                client.shutdown(socket.SHUT_WR)
                while client.recv(65536):  # unread bytes would reset the connection
                    pass
                return
            posted = threading.Event()
            asking = threading.Thread(target=pass_on, args=(client, server, posted), daemon=True)
            asking.start()
            left = {"lost": 0, "cut": self._cut_at}.get(fault)
            while chunk := server.recv(65536):
                if fault == "unheard" and posted.is_set():
                    left = 0
                if left is not None and len(chunk) >= left:
                    self.fired.append(fault)
                    client.sendall(chunk[:left])
                    client.shutdown(socket.SHUT_RDWR)
                    return
                left = None if left is None else left - len(chunk)
                client.sendall(chunk)

    def close(self) -> None:
        self._listening.close()


def pass_on(source: socket.socket, target: socket.socket, posted: threading.Event) -> None:
    try:
        while chunk := source.recv(65536):
            if chunk.startswith(b"POST"):
                posted.set()
            target.sendall(chunk)
    except OSError:
        return


@contextmanager
def between(server: Server, *faults: str, cut_at: int = 0) -> Iterator[Between]:
    standing = Between(server, *faults, cut_at=cut_at)
    try:
        yield standing
    finally:
        standing.close()


def started(client: Client) -> int:
    return len(list(client.runs(workflow_id="asking")))


@pytest.mark.parametrize("faults", [["busy"], ["lost"], ["lost", "busy", "lost"]], ids="-".join)
def test_a_retried_start_starts_one_run(
    defined: Server, faults: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with client_for(defined) as direct, between(defined, *faults) as way:
        before, pauses, sleep = started(direct), [0.0], time.sleep

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            sleep(seconds)

        monkeypatch.setattr(time, "sleep", pause)
        with Client(way.address, api_key=defined.key(), tenant="acme") as client:
            run = client.start("asking", {})
        assert way.fired == faults
        assert ("busy" in faults) <= (max(pauses) >= 1), "Retry-After was not kept"
        assert started(direct) == before + 1
        assert direct.run(run.id).wait(60).status == "paused"


async def test_a_retried_asyncio_start_starts_one_run(defined: Server) -> None:
    with client_for(defined) as direct, between(defined, "lost", "lost") as way:
        before = started(direct)
        async with AsyncClient(way.address, api_key=defined.key(), tenant="acme") as client:
            await client.start("asking", {})
        assert way.fired == ["lost", "lost"]
        assert started(direct) == before + 1


def test_a_retried_answer_to_a_pause_counts_once(defined: Server) -> None:
    with client_for(defined) as direct:
        run = direct.start("collecting", {})
        run.wait(60)
        with between(defined, "unheard") as way:
            with (
                Client(way.address, api_key=defined.key(), tenant="acme") as client,
                suppress(Unanswered),  # if the server does not send pause ids
            ):
                client.run(run.id).resume_inputs({"city": "Ulm"})
            assert way.fired == ["unheard"]
        assert run.wait(60).status == "completed"
        assert [event.type for event in run.events()].count("run.resumed") == 1


@pytest.mark.parametrize("verb", ["cancel", "terminate"])
def test_cancel_and_terminate_are_retried(defined: Server, verb: str) -> None:
    with client_for(defined) as direct:
        run = direct.start("asking", {})
        run.wait(60)
        with between(defined, "lost") as way:
            with Client(way.address, api_key=defined.key(), tenant="acme") as client:
                getattr(client.run(run.id), verb)("enough")
            assert way.fired == ["lost"]
        assert run.status().reason == "enough"
        other = {"cancel": run.terminate, "terminate": run.cancel}[verb]
        with pytest.raises(ApiError) as refused:
            other()
        assert refused.value.status == 409


def test_retries_end_after_the_given_time(defined: Server) -> None:
    with between(defined, "busy", "busy", "busy") as way:
        with (
            Client(way.address, api_key=defined.key(), retry_for_s=0.5) as client,
            pytest.raises(ApiError) as busy,
        ):
            client.start("asking", {})
        assert (busy.value.status, way.fired) == (503, ["busy"])


def test_events_of_interrupted_streams_arrive_once(defined: Server) -> None:
    print(f"STEPWELL_SEED={SEED}")
    chance = random.Random(SEED)
    with client_for(defined) as direct:
        run = direct.start("napping", {})
        run.wait(60)
        wanted = [event.position for event in run.events()]
        for _ in range(10):
            cut_at = chance.randrange(1, 1500)
            with between(defined, "cut", "cut", cut_at=cut_at) as way:
                with Client(way.address, api_key=defined.key(), tenant="acme") as client:
                    found = [event.position for event in client.run(run.id).events()]
                assert way.fired, cut_at
            assert found == wanted, cut_at


async def test_events_of_an_interrupted_asyncio_stream_arrive_once(defined: Server) -> None:
    with client_for(defined) as direct:
        run = direct.start("napping", {})
        run.wait(60)
        wanted = [event.position for event in run.events()]
    with between(defined, "cut", "cut", cut_at=700) as way:
        async with AsyncClient(way.address, api_key=defined.key(), tenant="acme") as client:
            found = [event.position async for event in client.run(run.id).events()]
        assert way.fired
    assert found == wanted


def test_a_wait_polls_if_the_stream_is_unavailable(defined: Server) -> None:
    with client_for(defined) as direct:
        run = direct.start("napping", {})
    with between(defined, "", "busy", "busy", "busy") as way:
        with Client(way.address, api_key=defined.key(), tenant="acme") as client:
            assert client.run(run.id).wait(60).status == "completed"
        assert "busy" in way.fired


def test_event_streams_and_waits_continue_after_kill_9(server: Server) -> None:
    with client_for(server) as client:
        long = {**NAPPING, "steps": [{"id": "nap", "type": "wait", "duration": "5s"}, END]}
        client.workflows.create(long)
        runs = [client.start("napping", {}) for _ in range(3)]
        reported: list[Event] = []
        waited: list[str] = []

        def watch() -> None:
            with client_for(server) as own:
                for event in own.events(from_="start"):
                    reported.append(event)
                    if sum(item.type == "run.completed" for item in reported) == len(runs):
                        return

        def wait() -> None:
            with client_for(server) as own:
                waited.append(own.run(runs[0].id).wait(60).status)

        threads = [threading.Thread(target=target, daemon=True) for target in (watch, wait)]
        for thread in threads:
            thread.start()
        until = time.monotonic() + 60
        while len(reported) < 3 and time.monotonic() < until:
            time.sleep(0.01)
        seen_before = len(reported)
        assert seen_before >= 3
        assert not waited
        server.kill()
        time.sleep(0.3)
        server.start()
        for thread in threads:
            thread.join(60)
        assert waited == ["completed"]
        positions = [event.position for event in reported]
        assert len(reported) > seen_before
        assert positions == sorted(set(positions))
        for run in runs:
            mine = [event.position for event in reported if event.run_id == run.id]
            assert mine == [event.position for event in run.events()]
