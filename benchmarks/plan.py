"""The extent of the measurements: complete, or a quick run that proves that everything works."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """Sizes of the parts.

    Attributes:
        rounds: How often each system is measured, alternating with the others.
        seconds: The duration of one load.
        memory_runs: The number of runs after which memory is read, or after `memory_seconds`.
        in_flight: The number of runs in flight when a system is killed.
        patience_s: The time limit for these to reach the gate, and to finish afterwards.
        events: The number of events in the full journal.
        items: The number of items of the map.
        growth_steps: The numbers of steps of the long runs; a run may have 100,000.
        growth_runs: The numbers of paused runs in the journals.
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
