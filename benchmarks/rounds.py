"""All systems measured alternately, several times, so that a busy minute affects all alike.

Each turn uses a new folder: start, loads, stop. Only one system runs at a time.
"""

import shutil
import time
import traceback
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.gate import Gate
from benchmarks.plan import Plan
from benchmarks.process import NotReady, cpu_seconds, memory_mb
from benchmarks.systems.base import NotHere, System
from benchmarks.systems.every import SYSTEMS

_SETTLED_S = 1.0
_TOO_SLOW = 20.0
"""Runs a second at 64 callers below which a system is not asked for more, nor a second time."""

Figures = dict[str, Any]


def measure_all(plan: Plan, names: Iterable[str], folder: Path) -> dict[str, Figures]:
    """Measure these systems; one that is unavailable or fails is marked so in its figures."""
    turns: dict[str, list[Figures]] = {name: [] for name in names}
    wrong: dict[str, str] = {}
    for number in range(plan.rounds):
        for name, done in turns.items():
            if name in wrong or (done and done[0]["is_slow"]):
                continue
            say(f"round {number + 1} of {plan.rounds}: {name}")
            try:
                done.append(_turn(plan, SYSTEMS[name](), folder / f"{name}-{number}"))
            except NotHere as why:
                wrong[name] = f"not available here: {why}"
                say(f"  {wrong[name]}")
            except Exception:  # noqa: BLE001 - one system's fault must not stop the others
                wrong[name] = f"failed: {traceback.format_exc(limit=1)}"
                say(f"  {traceback.format_exc()}")
    found: dict[str, Figures] = {}
    for name, done in turns.items():
        about = asdict(SYSTEMS[name]().about)
        found[name] = {"about": about, "turns": done}
        if name in wrong:
            found[name]["wrong"] = wrong[name]
        if done:
            found[name] |= _medians(done)
            say(f"cost: {name}")
            found[name] |= attempt(lambda n=name: _cost(plan, SYSTEMS[n](), folder / f"{n}-cost"))
            if about["recovers"]:
                say(f"kill -9: {name}")
                found[name] |= attempt(
                    lambda n=name: _after_a_kill(plan, SYSTEMS[n](), folder / f"{n}-kill")
                )
    return found


def say(text: str) -> None:
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def attempt(measure: Any) -> Figures:
    try:
        figures: Figures = measure()
    except Exception:  # noqa: BLE001 - a row that is missing says so, the others stand
        say(traceback.format_exc())
        return {}
    return figures


def _turn(plan: Plan, system: System, folder: Path) -> Figures:
    folder.mkdir(parents=True)
    system.prepare(folder, {})
    try:
        figures: Figures = {"ready_s": system.start(), "is_slow": False, "loads": {}}
        time.sleep(_SETTLED_S)
        figures["memory_idle_mb"] = memory_mb(system.pids)
        system.load(4, min(1.0, plan.seconds), plan.most_runs)
        for callers in plan.callers:
            if figures["is_slow"]:
                break
            used = cpu_seconds(system.pids)
            load = system.load(callers, plan.seconds, plan.most_runs)
            used = cpu_seconds(system.pids) - used
            figures["loads"][callers] = {
                **asdict(load),
                "rate": load.rate,
                "cpu_s_per_1000": used / load.answered * 1_000 if load.answered else None,
            }
            figures["is_slow"] |= callers == 64 and load.rate < _TOO_SLOW
        return figures
    finally:
        system.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _medians(turns: list[Figures]) -> Figures:
    """Return the median of each figure over the turns."""
    figures: Figures = {
        name: median(turn[name] for turn in turns) for name in ("ready_s", "memory_idle_mb")
    }
    figures["loads"] = {}
    for callers in turns[0]["loads"]:
        loads = [turn["loads"][callers] for turn in turns if callers in turn["loads"]]
        figures["loads"][callers] = {
            name: _median([load[name] for load in loads if load[name] is not None])
            for name in ("rate", "p50_ms", "p99_ms", "cpu_s_per_1000", "unfinished")
        }
    return figures


def _median(found: list[float]) -> float | None:
    """Return the median, or None where nothing was answered in any turn."""
    return median(found) if found else None


def _cost(plan: Plan, system: System, folder: Path) -> Figures:
    """Return memory after many runs, and the disk space per run once the system is stopped."""
    folder.mkdir(parents=True)
    system.prepare(folder, {})
    try:
        system.start()
        system.load(1, 0.1, 2)
        system.stop()
        empty = system.stored_bytes()
        system.start()
        load = system.load(64, plan.memory_seconds, plan.memory_runs)
        memory = memory_mb(system.pids)
        system.stop()
        runs = load.answered
        return {
            "runs_before_memory": runs,
            "memory_after_mb": memory,
            "bytes_per_run": (system.stored_bytes() - empty) / runs if runs else None,
        }
    finally:
        system.kill()
        shutil.rmtree(folder, ignore_errors=True)


def _after_a_kill(plan: Plan, system: System, folder: Path) -> Figures:
    """Kill -9 all processes with runs in flight; return the seconds until all have finished."""
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    gate = Gate(folder / "gate")
    system.prepare(folder, gate.environment)
    try:
        system.start()
        system.start_gated(plan.in_flight)
        until = time.monotonic() + plan.patience_s
        while gate.arrived < plan.in_flight and time.monotonic() < until:
            time.sleep(0.05)
        in_flight = gate.arrived
        killed = time.monotonic()
        system.kill()
        gate.open()
        system.start()
        while system.unfinished() and time.monotonic() - killed < plan.patience_s:
            time.sleep(0.1)
        left = system.unfinished()
        if left:
            raise NotReady(f"{left} runs of {in_flight} are not over after {plan.patience_s} s")
        return {"in_flight": in_flight, "recovered_s": time.monotonic() - killed}
    finally:
        system.kill()
        shutil.rmtree(folder, ignore_errors=True)
