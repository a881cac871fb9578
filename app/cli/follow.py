"""`stepwell status` and `stepwell tail`: show the state of a run, and events as they happen."""

import argparse
import json
import shutil
import sys
from typing import Literal

from app.cli.remote import add_options, client_of, printable
from app.cli.subparsers import Subparsers
from stepwell.client import Event, Run, RunStatus


def add(subparsers: Subparsers) -> None:
    """Add the commands to the parser."""
    parser = subparsers.add_parser("status", help="show the status of a run")
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("--watch", action="store_true", help="until it has ended")
    parser.add_argument(
        "--history-limit", metavar="N", type=int, help="the newest N visits of steps"
    )
    parser.add_argument("--history-cursor", metavar="CURSOR", help="visits before those of a page")
    add_options(parser)
    parser.set_defaults(main=status)

    parser = subparsers.add_parser("tail", help="print events as they happen")
    parser.add_argument("run", metavar="RUN", nargs="?", help="only of this run, until it ends")
    parser.add_argument("--from-start", action="store_true", help="older events of all runs too")
    add_options(parser)
    parser.set_defaults(main=tail)


def status(args: argparse.Namespace) -> int:
    """Show a run once, or as it changes."""
    with client_of(args, follows=args.watch) as client:
        run = client.run(args.run)
        if not args.watch:
            found = run.status(history_limit=args.history_limit, history_cursor=args.history_cursor)
            text = json.dumps(found.document) if args.json else "\n".join(table(found))
            print(text)
        elif sys.stdout.isatty() and not args.json:
            _redraw(run)
        else:
            for event in run.events():
                _tell(event, is_json=args.json)
    return 0


def tail(args: argparse.Namespace) -> int:
    """Print events until there are no more, or until interrupted."""
    with client_of(args, follows=True) as client:
        begin: Literal["start", "now"] = "start" if args.from_start else "now"
        events = client.events(from_=begin) if args.run is None else client.run(args.run).events()
        try:
            for event in events:
                _tell(event, is_json=args.json)
        except KeyboardInterrupt:
            return 130
    return 0


def table(found: RunStatus) -> list[str]:
    """Return a run as lines: its state, then a line for each visit of a step."""
    lines = [f"{found.run_id}  {found.workflow_id} {found.version}  {found.status}"]
    if found.history_cursor:
        lines.append(f"  older ones: --history-cursor {found.history_cursor}")
    width = max((len(entry.step_id) for entry in found.history), default=0)
    for entry in found.history:
        took = "" if entry.duration_ms is None else f"{entry.duration_ms} ms"
        error = f"  {entry.error['message']}" if entry.error else ""
        lines.append(f"  {entry.step_id:<{width}}  {entry.status:<10}  {took}{error}")
    if found.pause:
        lines.append(f"  waits for {found.pause.type} at {found.pause.step_id}")
    if found.error:
        lines.append(f"  {found.error.type}: {found.error.message}")
    return [printable(line) for line in lines]


def _redraw(run: Run) -> None:
    """Draw the table again in place after each event; of a long one, the end."""
    drawn = 0
    shown: RunStatus | None = None
    try:
        for _ in run.events():
            if shown is None or not shown.has_ended:
                shown = run.status()
                drawn = _draw(table(shown), drawn)
    except KeyboardInterrupt:
        return


def _draw(lines: list[str], drawn: int) -> int:
    """Draw over the previous table, and return how many lines there are now."""
    size = shutil.get_terminal_size()
    kept = [lines[0], *lines[1:][-max(1, size.lines - 2) :]]
    up = f"\x1b[{drawn}F\x1b[J" if drawn else ""
    print(up + "\n".join(line[: size.columns] for line in kept), flush=True)
    return len(kept)


def _tell(event: Event, *, is_json: bool) -> None:
    step = f"  {event.step_id}" if event.step_id else ""
    line = f"{event.time}  {event.run_id}  {event.type}{step}"
    print(json.dumps(event.document) if is_json else printable(line), flush=True)
