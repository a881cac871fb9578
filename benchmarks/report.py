"""The figures as Markdown."""

from typing import Any

from benchmarks.goals import Found, goals, load_of

Table = list[list[str]]


def markdown(results: Found) -> str:
    """Return all tables of a benchmark run."""
    systems = results["systems"]
    there = {name: system for name, system in systems.items() if system.get("loads")}
    machine = results["machine"]
    quick = "" if results["is_whole"] else "; **a quick look, not for comparing**"
    where = (
        f"Measured {results['measured']} on {machine['cores']} cores, "
        f"{machine['memory_gb']:.0f} GB, {machine['system']}, Python {machine['python']}, "
        f"SQLite {machine['sqlite']}; {_rounds(results['plan']['rounds'])} of "
        f"{results['plan']['seconds']:g} s a load{quick}."
    )
    parts = [
        where,
        "### Speed\n\n" + _table(_speed(there)),
        "### Cost\n\n" + _table(_cost(there, results["plan"]["memory_runs"])),
        "### The machine's own limits\n\n" + _table(_limits(results["limits"])),
        "### Stepwell by itself\n\n" + _table(_own(results["stepwell"])),
        "### Goals\n\n" + _table(_goals(results)),
        "### What was durable when\n\n" + _notes(systems, results["not_measured"]),
    ]
    return "\n\n".join(parts) + "\n"


def _rounds(count: int) -> str:
    return "one round" if count == 1 else f"medians of {count} rounds"


def _table(rows: Table) -> str:
    head, *body = rows
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *body]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines)


def _speed(systems: dict[str, Found]) -> Table:
    rows = [
        [
            "system", "driven", "p50 at 1, ms", "p99 at 1, ms", "runs/s at 1", "at 8", "at 64",
            "at 256", "steps/s at 64", "p50 at 64, ms", "p99 at 64, ms",
        ]
    ]  # fmt: skip
    for system in systems.values():
        one, many = load_of(system, 1), load_of(system, 64)
        rate = many.get("rate")
        least = ">= " if many.get("unfinished") else ""
        rows.append(
            [
                system["about"]["title"],
                system["about"]["driven"],
                _number(one.get("p50_ms")),
                _number(one.get("p99_ms")),
                *(_number(load_of(system, callers).get("rate")) for callers in (1, 8, 64, 256)),
                _number(rate * 5 if rate else None),
                least + _number(many.get("p50_ms")),
                least + _number(many.get("p99_ms")),
            ]
        )
    return rows


def _cost(systems: dict[str, Found], memory_runs: int) -> Table:
    rows = [
        [
            "system", "CPU s per 1,000 runs", "memory idle, MB", f"after {memory_runs:,} runs, MB",
            "disk a run, KB", "start to ready, s", "kill -9 to all finished, s",
            "machine hours for a million runs",
        ]
    ]  # fmt: skip
    for system in systems.values():
        runs = system.get("runs_before_memory")
        memory = _number(system.get("memory_after_mb"))
        if runs is not None and runs < memory_runs:
            memory += f" (after {runs:,})"
        disk = system.get("bytes_per_run")
        in_flight = system.get("in_flight")
        recovered = _number(system.get("recovered_s"))
        if not system["about"]["recovers"]:
            recovered = "does not"
        elif in_flight:
            recovered += f" ({in_flight:,} in flight)"
        rows.append(
            [
                system["about"]["title"],
                _number(load_of(system, 64).get("cpu_s_per_1000")),
                _number(system.get("memory_idle_mb")),
                memory,
                _number(None if disk is None else disk / 1_000),
                _number(system.get("ready_s")),
                recovered,
                _number(_hours(load_of(system, 64).get("rate"))),
            ]
        )
    return rows


def _hours(rate: float | None) -> float | None:
    """Return the hours of a million runs at this rate per second."""
    return 1_000_000 / 3_600 / rate if rate else None


def _limits(limits: Found) -> Table:
    names = {
        "fdatasync": "fdatasync of 4 KB",
        "commits": "commits of one row, plain sqlite3 at FULL",
        "group_1": "rows by group commit, plain sqlite3 at FULL and asyncio: 1 caller",
        "group_64": "the same for 64 callers",
        "group_1000": "the same for 1,000 callers",
        "rows_1000": "rows in commits of 1,000, without callers",
        "http_get": "GET requests of an empty Starlette handler, httptools and uvloop, 64 callers",
        "http_post": "POST requests of the same",
        "plain_http_post": "POST requests of the same on uvicorn as it comes (h11, asyncio)",
    }
    return [
        ["limit", "a second"],
        *([title, _number(limits.get(name))] for name, title in names.items()),
    ]


def _own(own: Found) -> Table:
    def row(title: str, *keys: str) -> list[str]:
        return [title, " and ".join(_number(own.get(key)) for key in keys)]

    return [
        ["what", "found"],
        row("durable events/s inside the engine, ordinary and pure tools",
            "engine_events", "engine_events_pure"),
        row("rows/s by plain group commit, as many callers, in turns with it", "plain_events"),
        row("the journal's own rows/s by plain sqlite3, made beforehand, 1,000 a commit",
            "plain_journal_rows"),
        row("status requests/s, and an empty handler in turns with it",
            "status_rate", "empty_rate"),
        row("MB added by paused runs (how many)", "memory_paused_mb", "paused"),
        row("s from start to ready: empty; paused; paused and running",
            "ready_empty_s", "ready_paused_s", "ready_both_s"),
        row("runs/s with a full journal and an empty one (how many events)",
            "rate_full", "rate_empty", "events"),
        row("step 1,000 against an early one, ordinary and pure tool",
            "late_step", "late_step_pure"),
        row("child runs/s of a map, and single runs (how many items)",
            "map_rate", "single_rate", "items"),
        row("p50 of one caller's runs, alone and beside 16 who ask for a status, ms",
            "alone_p50_ms", "beside_p50_ms"),
        row("runs/s of 64 callers: alone; beside 16 status, 4 lists and 100 who follow a run each",
            "mixed_alone_rate", "mixed_rate"),
        row("status, lists and followed runs a second in that mixed load",
            "mixed_status_rate", "mixed_list_rate", "mixed_streams_rate"),
        row("runs/s of 8 callers that carry nothing; 10 KB; 1 MB",
            "payload_none_rate", "payload_10kb_rate", "payload_1mb_rate"),
        row("runs/s of 64 callers with templates and conditions; the same steps with constants",
            "computed_rate", "constant_rate"),
        row("runs/s with one pause answered by its caller, and p50, ms",
            "pause_rate", "pause_p50_ms"),
        *_growth(own),
    ]  # fmt: skip


def _growth(own: Found) -> Table:
    """Return a row for each measured size."""
    rows = []
    for name, value in own.items():
        kind, _, size = name.partition("_")
        if kind == "step" and size.isdigit():
            title = f"the last steps of a run of {int(size):,}, against an early one"
            rows.append([title, _number(value)])
        elif kind == "rate" and size.isdigit():
            title = f"runs/s beside {int(size):,} paused runs; p50 of the first page of them, ms"
            rows.append([title, f"{_number(value)}; {_number(own.get(f'list_{size}_p50_ms'))}"])
    return rows


def _goals(results: Found) -> Table:
    words = {True: "met", False: "**not met**", None: "-"}
    return [
        ["goal", "asked", "found", ""],
        *(
            [goal.what, goal.goal, goal.found, words[goal.met]]
            for goal in goals(results)
            if results["is_whole"] or goal.met is not None
        ),
    ]


def _notes(systems: dict[str, Found], not_measured: dict[str, str]) -> str:
    lines = [
        f"- {system['about']['title']}: {system['about']['durable']}."
        + (f" **{system['wrong'].splitlines()[0]}**" if "wrong" in system else "")
        for system in systems.values()
    ]
    lines += [f"- {name}: not measured; {why}." for name, why in not_measured.items()]
    return "\n".join(lines)


def _number(value: Any) -> str:
    if value is None:
        return "-"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
