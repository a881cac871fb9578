"""The goals of Stepwell, each with the measurement of the same run."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Found = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Goal:
    """One row: the goal, the measurement, and whether it is met (None: not measured)."""

    what: str
    goal: str
    found: str
    met: bool | None


def goals(results: Found) -> list[Goal]:
    """Judge a run of the benchmark."""
    systems, own = results["systems"], results["stepwell"]
    rows: list[Goal] = []
    for name, title, times in (
        ("stepwell", "ordinary tools", 10),
        ("stepwell-pure", "pure tools", 12),
    ):
        ours = systems.get(name, {})
        rows += [
            _times(f"runs/s at 64 callers, {title}, against {other}", ours, peer, least)
            for other, peer, least in (
                ("DBOS on SQLite", systems.get("dbos-sqlite", {}), 40),
                ("Restate", systems.get("restate", {}), times),
            )
        ]
        rows += [
            _share(f"p50 at 1 caller, {title}, against {other}", ours, peer, most)
            for other, peer, most in (
                ("DBOS on SQLite", systems.get("dbos-sqlite", {}), 8),
                ("Restate", systems.get("restate", {}), 5),
            )
        ]
        rows.append(_tail(title, ours, systems))
        rows.append(
            _most(f"bytes on disk a finished run, {title}", ours.get("bytes_per_run"), 2_500, "B")
        )
    ordinary = systems.get("stepwell", {})
    rates = {"runs": load_of(ordinary, 64).get("rate"), **results["limits"]}
    # The goal was set by a handler on uvicorn as it comes; Stepwell itself runs on the other parts.
    rows += [
        _ratio(
            f"runs/s at 64 callers, ordinary tools, against POSTs of an empty handler on {parts}",
            rates, "runs", limit, 0.5,
        )
        for parts, limit in (
            ("h11 and asyncio", "plain_http_post"), ("httptools and uvloop", "http_post"),
        )
    ]  # fmt: skip
    return rows + _own_goals(ordinary, own)


def _own_goals(ordinary: Found, own: Found) -> list[Goal]:
    paused, running = (f"{own.get(name, 0):,}" for name in ("paused", "running"))
    return [
        _ratio(
            f"durable events/s inside the engine, {own.get('engine_runs', '?')} runs at once, "
            "against plain group commit",
            own, "engine_events", "plain_events", 0.35,
        ),
        _ratio("status requests/s against an empty handler",
               own, "status_rate", "empty_rate", 1 / 3),
        _most("memory idle", ordinary.get("memory_idle_mb"), 80, "MB"),
        _most(f"memory added by {paused} paused runs", own.get("memory_paused_mb"), 30, "MB"),
        _most("start to ready, empty", own.get("ready_empty_s"), 0.6, "s"),
        _most(f"start to ready, {paused} paused and {running} running",
              own.get("ready_both_s"), 3, "s"),
        _ratio(f"runs/s with {own.get('events', 0):,} events in the journal, against none",
               own, "rate_full", "rate_empty", 0.9),
        _most("step 1,000 of a loop against an early one", own.get("late_step"), 1.2, "x"),
        _most("the same with a pure tool", own.get("late_step_pure"), 1.2, "x"),
        _most("one caller's p50 beside 16 who ask for a status, against alone",
              _quotient(own, "beside_p50_ms", "alone_p50_ms"), 2.5, "x"),
        _ratio(f"a map over {own.get('items', 0):,} items against single runs",
               own, "map_rate", "single_rate", 0.5),
        _ratio("runs/s with templates and conditions, against constants",
               own, "computed_rate", "constant_rate", 0.6),
    ]  # fmt: skip


def load_of(system: Found, callers: int) -> Found:
    """Return a system's medians for a load; its keys are strings after JSON."""
    loads = system.get("loads", {})
    found: Found = loads.get(callers) or loads.get(str(callers)) or {}
    return found


def _judged(
    what: str,
    goal: str,
    value: float | None,
    text: Callable[[float], str],
    met: Callable[[float], bool],
) -> Goal:
    if value is None:
        return Goal(what, goal, "not measured", None)
    return Goal(what, goal, text(value), met(value))


def _times(what: str, ours: Found, peer: Found, least: float) -> Goal:
    mine, other = load_of(ours, 64).get("rate"), load_of(peer, 64).get("rate")
    value = mine / other if mine and other else None
    return _judged(what, f">= {least} x", value, lambda v: f"{v:.1f} x", lambda v: v >= least)


def _share(what: str, ours: Found, peer: Found, most: float) -> Goal:
    mine, other = load_of(ours, 1).get("p50_ms"), load_of(peer, 1).get("p50_ms")
    value = mine / other if mine and other else None
    return _judged(what, f"<= 1/{most}", value, lambda v: f"1/{1 / v:.1f}", lambda v: v <= 1 / most)


def _tail(title: str, ours: Found, systems: dict[str, Found]) -> Goal:
    mine = load_of(ours, 64).get("p99_ms")
    others = {
        system["about"]["title"]: load_of(system, 64)["p50_ms"]
        for name, system in systems.items()
        if not name.startswith("stepwell") and load_of(system, 64).get("rate")
    }
    what = f"p99 at 64 callers, {title}, below each peer's p50"
    if mine is None or not others:
        return Goal(what, "below all", "not measured", None)
    lowest = min(others, key=lambda name: others[name])
    return Goal(
        what, "below all", f"{mine:.0f} ms; lowest peer {others[lowest]:.0f} ms ({lowest})",
        mine < others[lowest],
    )  # fmt: skip


def _most(what: str, value: float | None, most: float, unit: str) -> Goal:
    def text(found: float) -> str:
        return f"{found:,.0f} {unit}" if found >= 100 else f"{found:.2f} {unit}"

    return _judged(what, f"<= {most:,} {unit}", value, text, lambda v: v <= most)


def _quotient(own: Found, over: str, under: str) -> float | None:
    return own[over] / own[under] if own.get(over) and own.get(under) else None


def _ratio(what: str, own: Found, mine: str, other: str, least: float) -> Goal:
    value = own[mine] / own[other] if own.get(mine) and own.get(other) else None
    return _judged(
        what, f">= {least:.2f}", value,
        lambda v: f"{v:.2f} ({own[mine]:,.0f} and {own[other]:,.0f} a second)",
        lambda v: v >= least,
    )  # fmt: skip
