"""Stepwell's own rows, each measured in separate folders."""

from pathlib import Path
from typing import Any

from benchmarks import group_commit
from benchmarks.own import engine_rate, growth, long_history, mixed, reading, standing
from benchmarks.own.seeding import plain_rate
from benchmarks.plan import Plan
from benchmarks.rounds import attempt, say


def measure(plan: Plan, folder: Path) -> dict[str, Any]:
    """Measure every row; one that fails is missing."""
    parts: dict[str, Any] = {
        "engine": lambda: _engine(plan, folder / "engine"),
        "status": lambda: reading.against_an_empty_handler(
            folder / "status", plan.rounds, plan.seconds
        ),
        "standing runs": lambda: {
            "paused": plan.paused,
            "running": plan.running,
            **standing.paused_and_running(folder / "standing", plan.paused, plan.running),
        },
        "full journal": lambda: {
            "events": plan.events,
            **long_history.full_against_empty(
                folder / "full", plan.events, plan.rounds, plan.seconds
            ),
        },
        "late step": lambda: {
            name: long_history.late_step_against_early(folder / name, tool, plan.loop_runs)
            for name, tool in (("late_step", "add"), ("late_step_pure", "purely_add"))
        },
        "map": lambda: {
            "items": plan.items,
            **long_history.map_against_single_runs(folder / "map", plan.items, plan.seconds),
        },
    }
    turns = (plan.rounds, plan.seconds)
    parts |= {
        "one beside readers": lambda: mixed.one_beside_readers(folder / "beside", *turns),
        "all kinds at once": lambda: mixed.all_kinds(folder / "mixed", *turns),
        "payloads": lambda: mixed.payloads(folder / "payloads", *turns),
        "templates and conditions": lambda: mixed.computed_against_constant(
            folder / "computed", *turns
        ),
        "one pause": lambda: mixed.one_pause(folder / "pause", *turns),
        "long runs": lambda: growth.of_a_run(folder / "long", plan.growth_steps),
        "many runs": lambda: growth.of_a_journal(folder / "many", plan.growth_runs, plan.seconds),
    }
    found: dict[str, Any] = {}
    for name, part in parts.items():
        say(f"Stepwell itself: {name}")
        found |= attempt(part)
    return found


def _engine(plan: Plan, folder: Path) -> dict[str, Any]:
    """Alternate with plain group commit, so that both run under the same load of the machine."""
    runs, seconds = plan.engine_runs, plan.seconds
    folder.mkdir(parents=True)
    rates: dict[str, list[float]] = {
        "add": [], "purely_add": [], "plain": [], "rows": [],
    }  # fmt: skip
    for number in range(plan.rounds):
        rates["plain"].append(group_commit.rate(folder, runs, seconds / 2))
        for tool in ("add", "purely_add"):
            place = folder / f"{tool}-{number}"
            rates[tool].append(engine_rate.events_a_second(place, tool, runs, seconds))
        rates["rows"].append(plain_rate(folder / f"add-{number}", 5_000, 1_000))
    middle = {name: sorted(found)[len(found) // 2] for name, found in rates.items()}
    return {
        "engine_runs": runs,
        "engine_events": middle["add"],
        "engine_events_pure": middle["purely_add"],
        "plain_events": middle["plain"],
        "plain_journal_rows": middle["rows"],
    }
