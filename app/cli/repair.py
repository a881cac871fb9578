"""`stepwell repair` and `rerun`: change how a run continues, or repeat it, over the API."""

import argparse
import json
from functools import partial

from app.cli.remote import add_options, client_of, object_of, printable
from app.cli.reporting import json_of
from app.cli.subparsers import Subparsers, add_verbs
from stepwell.client import Run


def add(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    verbs = {
        "try-now": "make the next attempt of a step now, or end its sleep",
        "give-up": "let a step fail that waits for its next attempt, or sleeps",
        "skip": "continue with an output that you give instead of a waiting step",
        "change-data": "change the data of a run that waits",
        "hold": "let no step begin until the run is released",
        "release": "let a held run continue",
    }
    for verb, command in add_verbs(subparsers, "repair", "repair a run under way", verbs).items():
        command.add_argument("run", metavar="RUN")
        if verb in ("try-now", "give-up", "skip"):
            command.add_argument(
                "--step", metavar="ID", required=verb == "skip", help="only while it is in this one"
            )
            command.add_argument("--visit", type=int, help="only in this visit of it")
        if verb == "skip":
            command.add_argument("--output-json", required=True, help="the output, as JSON")
        if verb == "change-data":
            command.add_argument("--data-json", default="{}", help="what is put in, as an object")
            command.add_argument("--remove", action="append", default=[], metavar="NAME")
        command.add_argument("--reason", help="why, for the history")
        add_options(command)
        command.set_defaults(main=partial(main, verb=verb))
    _add_rerun(subparsers)


def _add_rerun(subparsers: Subparsers) -> None:
    summary = "run a run again that has ended, from a step or from where it failed"
    command = subparsers.add_parser("rerun", help=summary, description=summary)
    command.add_argument("run", metavar="RUN")
    begin = command.add_mutually_exclusive_group()
    begin.add_argument("--step", metavar="ID", help="the step to begin with")
    begin.add_argument(
        "--from", dest="begin", choices=["failure", "start"], default="failure",
        help="where it failed or was stopped, or its beginning",
    )  # fmt: skip
    command.add_argument("--visit", type=int, help="which visit of the step; the last without it")
    command.add_argument("--version", metavar="VERSION", dest="version_", help="another version")
    command.add_argument("--data-json", help="fields that replace those of the run, as an object")
    command.add_argument(
        "--keep-calls", action="store_true", help="keep the calls that the step had finished"
    )
    command.add_argument("--reason", help="why, for the history")
    command.add_argument("--wait", action="store_true", help="until it has ended or pauses")
    add_options(command)
    command.set_defaults(main=rerun)


def rerun(args: argparse.Namespace) -> int:
    """Run a run again and print the id of the new one, or how it ended."""
    data = None if args.data_json is None else object_of(args.data_json, "--data-json")
    with client_of(args, follows=args.wait) as client:
        again = client.run(args.run).rerun(
            args.step, visit=args.visit, from_=args.begin, data=data, version=args.version_,
            keep_calls=args.keep_calls, reason=args.reason,
        )  # fmt: skip
        if args.wait:
            status = again.wait()
            line = printable(f"{again.id}  {status.status}")
            print(json.dumps(status.document) if args.json else line)
        else:
            print(json.dumps({"runId": again.id}) if args.json else printable(again.id))
    return 0


def main(args: argparse.Namespace, verb: str) -> int:
    """Repair a run and print its state."""
    with client_of(args) as client:
        run = client.run(args.run)
        _repair(run, verb, args)
        status = run.status()
    print(json.dumps(status.document) if args.json else printable(f"{run.id}  {status.status}"))
    return 0


def _repair(run: Run, verb: str, args: argparse.Namespace) -> None:
    if verb == "try-now":
        run.try_now(step_id=args.step, visit=args.visit, reason=args.reason)
    elif verb == "give-up":
        run.give_up(step_id=args.step, visit=args.visit, reason=args.reason)
    elif verb == "skip":
        output = json_of(args.output_json, "--output-json")
        run.skip(args.step, output, visit=args.visit, reason=args.reason)
    elif verb == "change-data":
        data = object_of(args.data_json, "--data-json")
        run.change_data(data, remove=args.remove, reason=args.reason)
    elif verb == "hold":
        run.hold(args.reason)
    else:
        run.release(args.reason)
