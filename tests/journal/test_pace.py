"""Where transactions run, on the event loop or a thread, by how long the last ones took."""

import pytest

from journal.sqlite.pace import Pace

MS = 0.001


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def transact(pace: Pace, clock: Clock, took_s: float, times: int = 1) -> list[str]:
    """Commit one after the other, each in so many seconds; return where each ran."""
    where = []
    for _ in range(times):
        is_on_loop = pace.fits(1)
        clock.now_s += took_s
        if is_on_loop:
            pace.on_loop(0.0, took_s)
        else:
            pace.on_thread(took_s)
        where.append("loop" if is_on_loop else "thread")
    return where


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pace(clock: Clock) -> Pace:
    return Pace(clock)


def test_begins_on_the_thread_and_soon_moves_to_the_loop(pace: Pace, clock: Clock) -> None:
    where = transact(pace, clock, 0.5 * MS, 250)
    assert where[0] == "thread"
    assert 190 <= where.index("loop") <= 210  # after a tenth of a second
    assert set(where[210:]) == {"loop"}


def test_a_slow_disk_keeps_them_on_the_thread(pace: Pace, clock: Clock) -> None:
    assert set(transact(pace, clock, 5 * MS, 1_000)) == {"thread"}


def test_a_large_transaction_runs_on_the_thread(pace: Pace, clock: Clock) -> None:
    transact(pace, clock, 0.5 * MS, 250)
    assert (pace.fits(512), pace.fits(513)) == (True, False)


def test_statements_stay_off_the_loop_longer_if_they_are_soon_slow_again(
    pace: Pace, clock: Clock
) -> None:
    assert (pace.begins_on_loop(800), pace.begins_on_loop(801)) == (True, False)
    pace.begun(1.9 * MS, from_disk=True)
    pace.begun(29 * MS, from_disk=False)  # the thread was not scheduled
    assert pace.begins_on_loop(1)
    for apart_s in (1, 2, 4, 8, 16, 32, 60, 60):
        pace.begun(2.1 * MS, from_disk=True)
        clock.now_s += apart_s - MS
        assert not pace.begins_on_loop(1)
        clock.now_s += 2 * MS
        assert pace.begins_on_loop(1)
    clock.now_s += 300
    pace.begun(5, from_disk=False)
    clock.now_s += 1
    assert pace.begins_on_loop(1)


def test_after_one_slow_transaction_the_next_runs_on_the_thread(pace: Pace, clock: Clock) -> None:
    transact(pace, clock, 0.5 * MS, 250)
    assert transact(pace, clock, 6 * MS) == ["loop"]
    assert transact(pace, clock, 0.5 * MS) == ["thread"]


def test_a_slow_commit_now_and_then_keeps_them_on_the_loop(pace: Pace, clock: Clock) -> None:
    transact(pace, clock, 0.3 * MS, 400)
    for _ in range(20):
        assert set(transact(pace, clock, 4 * MS) + transact(pace, clock, 0.3 * MS, 20)) == {"loop"}


def test_statements_that_are_slow_again_and_again_move_to_the_slower_way(
    pace: Pace, clock: Clock
) -> None:
    transact(pace, clock, 0.5 * MS, 250)
    pace.on_loop(15 * MS, 0.5 * MS)
    assert pace.fits(1)
    pace.on_loop(15 * MS, 0.5 * MS)
    assert not pace.fits(1)


def test_several_moderately_slow_transactions_also_move_to_the_thread(
    pace: Pace, clock: Clock
) -> None:
    transact(pace, clock, 0.5 * MS, 250)
    where = transact(pace, clock, 1.5 * MS, 20)
    assert where.index("thread") in range(4, 12)


def test_transactions_stay_off_the_loop_longer_if_they_are_soon_slow_again(
    pace: Pace, clock: Clock
) -> None:
    transact(pace, clock, 0.5 * MS, 250)
    away_s = []
    for _ in range(6):
        assert transact(pace, clock, 6 * MS) == ["loop"]
        began_s = clock.now_s
        while transact(pace, clock, 0.5 * MS) == ["thread"]:
            pass
        away_s.append(clock.now_s - began_s)
    assert away_s == pytest.approx([0.2, 0.4, 0.8, 1.0, 1.0, 1.0], abs=0.01)
    transact(pace, clock, 0.5 * MS, 10_000)  # a long time on the loop
    assert transact(pace, clock, 6 * MS) == ["loop"]
    began_s = clock.now_s
    while transact(pace, clock, 0.5 * MS) == ["thread"]:
        pass
    assert clock.now_s - began_s == pytest.approx(0.1, abs=0.01)


def test_after_a_long_checkpoint_the_next_ones_run_on_the_thread_for_a_minute(
    pace: Pace, clock: Clock
) -> None:
    assert not pace.checkpoints_on_loop()
    transact(pace, clock, 0.5 * MS, 250)
    pace.checkpointed(9 * MS)
    assert pace.checkpoints_on_loop()
    pace.checkpointed(11 * MS)
    clock.now_s += 59
    assert not pace.checkpoints_on_loop()
    clock.now_s += 2
    assert pace.checkpoints_on_loop()
