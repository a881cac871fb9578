"""`stepwell replay`: repeats recorded runs with another agent or model, over the API."""

import argparse
import json
import time
from typing import Any

from app.cli.remote import add_options, client_of, printable
from app.cli.subparsers import Subparsers
from app.operator.errors import CommandFailed
from engine.counted import counted
from stepwell.client import Client, JsonObject

_LOOK_S = 0.5
_OVER = frozenset({"completed", "failed", "cancelled", "terminated", "paused"})
_COLUMNS = ("run", "came out", "turns", "calls", "tokens", "cost", "model s")


def add(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    summary = "repeat recorded runs with another agent or model, and compare"
    parser = subparsers.add_parser("replay", help=summary, description=summary)
    parser.add_argument("runs", metavar="RUN", nargs="*", help="a recorded run")
    parser.add_argument("--agent", metavar="VERSION", help="latest, published or a number")
    parser.add_argument("--model", metavar="NAME", help="a model in place of the recorded one")
    parser.add_argument("--step", metavar="ID", help="the step; the last with a model without it")
    parser.add_argument(
        "--checks", metavar="AGENT", help="the runs that an agent's document lists as its checks"
    )
    parser.add_argument(
        "--publish",
        action="store_true",
        help="publish the version of --checks if all came out same",
    )
    add_options(parser)
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Replay the runs and print the differences; return 1 if there are any."""
    with client_of(args, follows=True) as client:
        runs, version = list(args.runs), args.agent
        if args.checks is not None:
            agent = client.agents.get(args.checks, version or "latest")
            runs += agent.get("checks", [])
            version = str(agent["version"])
        elif args.publish:
            raise CommandFailed("--publish needs --checks: which agent is published?")
        if not runs:
            raise CommandFailed("which runs? Name some, or an agent with checks by --checks")
        begun = [
            client.agents.replay(run, step_id=args.step, version=version, model=args.model)
            for run in runs
        ]
        found = [_waited_for(client, one) for one in begun]
        is_same = all(one["same"] for one in found)
        if args.json:
            print(json.dumps(found))
        else:
            _print_table(found)
        if args.publish and is_same:
            client.agents.publish(args.checks, version)
            print(printable(f"published version {version} of {args.checks}"))
    return 0 if is_same else 1


def _waited_for(client: Client, replay_id: str) -> JsonObject:
    while True:
        found = client.agents.replayed(replay_id)
        if found["status"] in _OVER:
            return found
        time.sleep(_LOOK_S)


def _print_table(found: list[JsonObject]) -> None:
    rows = [_COLUMNS, *(_row(one) for one in found), _sums(found)]
    widths = [max(len(row[at]) for row in rows) for at in range(len(_COLUMNS))]
    for row in rows:
        line = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        print(printable(line.rstrip()))
    for one in found:
        for change in one["changes"]:
            was, now = (json.dumps(change[side]) for side in ("before", "after"))
            print(printable(f"{one['of']['runId']}  {change['path']}: {was} -> {now}"))


def _row(one: JsonObject) -> tuple[str, ...]:
    after = one["after"]
    came_out = "same" if one["same"] else f"otherwise ({one['status']})"
    return (str(one["of"]["runId"]), came_out, *_numbers(one["before"], after))


def _sums(found: list[JsonObject]) -> tuple[str, ...]:
    before, after = (_together([one[side] for one in found]) for side in ("before", "after"))
    same = sum(bool(one["same"]) for one in found)
    return (counted(len(found), "run"), f"{same} same", *_numbers(before, after))


def _together(visits: list[Any]) -> dict[str, Any]:
    there = [visit for visit in visits if visit]
    costs = [visit["cost"] for visit in there if visit["cost"] is not None]
    return {
        "turns": sum(visit["turns"] for visit in there),
        "calls": [call for visit in there for call in visit["calls"]],
        "tokens": sum(visit["tokens"] for visit in there),
        "cost": sum(costs) if costs else None,
        "modelMs": sum(visit["modelMs"] for visit in there),
    }


def _numbers(before: Any, after: Any) -> tuple[str, ...]:
    return (
        _both(before, after, lambda visit: str(visit["turns"])),
        _both(before, after, lambda visit: str(len(visit["calls"]))),
        _both(before, after, lambda visit: str(visit["tokens"])),
        _both(before, after, lambda v: "-" if v["cost"] is None else f"{v['cost']:.4g}"),
        _both(before, after, lambda visit: f"{visit['modelMs'] / 1_000:.1f}"),
    )


def _both(before: Any, after: Any, shown: Any) -> str:
    return f"{shown(before)} -> {shown(after) if after else '-'}"
