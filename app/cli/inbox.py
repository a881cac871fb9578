"""`stepwell inbox`, `claim`, `unclaim`, `delegate`, `link`: questions for people, over the API."""

import argparse
import json

from app.cli.remote import add_options, client_of, printable
from app.cli.subparsers import Subparsers
from stepwell.client import OpenPause


def add(subparsers: Subparsers) -> None:
    """Add the commands to the parser."""
    parser = subparsers.add_parser("inbox", help="list the questions that wait for people")
    parser.add_argument("--whose", choices=("all", "mine", "groups"), default="all")
    parser.add_argument("--workflow", help="only of runs of this workflow")
    parser.add_argument("--text", help="only with these words in title, labels, or what is shown")
    add_options(parser)
    parser.set_defaults(main=inbox)
    for verb, summary in (
        ("claim", "claim a question: nobody else can answer it until it is released"),
        ("unclaim", "release a claimed question"),
        ("delegate", "let somebody else answer a question"),
    ):
        parser = subparsers.add_parser(verb, help=summary)
        parser.add_argument("run", metavar="RUN")
        if verb == "delegate":
            parser.add_argument("to", metavar="NAME", help="of a person or a group")
        parser.add_argument("--comment", help="why, for the history")
        _add_pause(parser)
        add_options(parser)
        parser.set_defaults(main=change, verb=verb)
    summary = "make a link with which somebody without an account answers a question, once"
    parser = subparsers.add_parser("link", help=summary, description=summary)
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("--name", help="for whom, for the history")
    parser.add_argument("--expires-in", metavar="DURATION", help="such as 1d; a week without it")
    _add_pause(parser)
    add_options(parser)
    parser.set_defaults(main=link)


def _add_pause(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pause", metavar="ID", help="only this pause (pauseId of the status)")


def inbox(args: argparse.Namespace) -> int:
    """Print the open questions, one per line."""
    with client_of(args) as client:
        found = list(client.pauses.open(args.whose, workflow_id=args.workflow, text=args.text))
    if args.json:
        print(json.dumps({"pauses": [question.document for question in found]}))
        return 0
    for question in found:
        print(printable(_line(question)))
    return 0


def _line(question: OpenPause) -> str:
    asked = question.document["pauseSignal"] or {}
    parts = [question.run_id, question.title or question.workflow_id]
    parts.append(" ".join(str(asked.get("message") or asked.get("stepId") or "").split()))
    for key, word in (("deadline", "until"), ("claimedBy", "claimed by")):
        if asked.get(key):
            parts.append(f"{word} {asked[key]}")
    names = asked.get("assignees")
    if names is not None:
        parts.append("for " + (", ".join(map(str, names)) or "nobody: an admin has to answer"))
    return "  ".join(part for part in parts if part)


def change(args: argparse.Namespace) -> int:
    """Claim, release or delegate a question, and print its run's state."""
    with client_of(args) as client:
        run = client.run(args.run)
        if args.verb == "delegate":
            status = run.delegate(args.to, pause_id=args.pause, comment=args.comment)
        else:
            hold = run.claim if args.verb == "claim" else run.unclaim
            status = hold(pause_id=args.pause, comment=args.comment)
    line = printable(f"{status.run_id}  {status.status}")
    print(json.dumps(status.document) if args.json else line)
    return 0


def link(args: argparse.Namespace) -> int:
    """Print a link that answers a question."""
    with client_of(args) as client:
        made = client.pauses.link(
            args.run, name=args.name, expires_in=args.expires_in, pause_id=args.pause
        )
    print(json.dumps(made) if args.json else printable(made["url"]))
    return 0
