"""How much is measured: the whole, or a quick look that proves that everything works."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes of the parts.

    Attributes:
        rounds: How often each system is measured, in turns with the others.
        seconds: How long one load lasts.
        memory_runs: After how many runs memory is read, or after `memory_seconds`.
        in_flight: How many runs are in flight when a system is killed.
        patience_s: How long these may take to get there, and to finish afterwards.
        events: How many events the full journal holds.
        items: How many items the map has.
        growth_steps: How many steps the long runs have, of 100,000 that a run may have.
        growth_runs: How many paused runs the journals hold.
    """

    rounds: int = 3
    seconds: float = 3.0
    callers: tuple[int, ...] = (1, 8, 64, 256)
    most_runs: int = 50_000
    memory_runs: int = 10_000
    memory_seconds: float = 15.0
    in_flight: int = 1_000
    patience_s: float = 180.0
    limit_seconds: float = 1.5
    engine_runs: int = 1_000
    paused: int = 100_000
    running: int = 1_000
    events: int = 1_000_000
    items: int = 10_000
    loop_runs: int = 5
    growth_steps: tuple[int, ...] = (1_000, 10_000, 99_000)
    growth_runs: tuple[int, ...] = (10_000, 1_000_000)


QUICK = Plan(
    rounds=1,
    seconds=1.0,
    memory_runs=1_000,
    memory_seconds=3.0,
    in_flight=100,
    patience_s=120.0,
    limit_seconds=0.5,
    paused=10_000,
    running=100,
    events=100_000,
    items=500,
    loop_runs=2,
    growth_steps=(1_000, 5_000),
    growth_runs=(1_000, 20_000),
)
