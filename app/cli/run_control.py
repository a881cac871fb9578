"""`stepwell start`, `resume`, `signal`, `cancel` and more, over the API of a running server."""

import argparse
import json
import sys
from pathlib import Path

from app.cli.remote import add_options, client_of, object_of, printable
from app.cli.repair import add as add_repairs
from app.cli.reporting import json_of
from app.cli.subparsers import Subparsers
from app.operator.errors import CommandFailed
from stepwell.client import JsonObject, RunStatus


def add(subparsers: Subparsers) -> None:
    """Add the commands to the parser."""
    parser = subparsers.add_parser("start", help="start a run of a workflow")
    parser.add_argument("workflow", metavar="WORKFLOW", help="the workflow's id")
    parser.add_argument("--data-json", default="{}", help="the input, as a JSON object")
    parser.add_argument("--file", type=Path, help="a file to send along")
    parser.add_argument("--version", dest="version_", metavar="VERSION", help="which version")
    parser.add_argument("--wait", action="store_true", help="until it has ended or pauses")
    add_options(parser)
    parser.set_defaults(main=start)

    parser = subparsers.add_parser("resume", help="answer the pause of a run")
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("--action", metavar="VALUE", help="the value of the action")
    parser.add_argument("--data-json", help="the inputs, or the action's fields, as a JSON object")
    parser.add_argument("--comment", help="why, for the history")
    parser.add_argument(
        "--attach", type=Path, action="append", default=[], metavar="FILE",
        help="a file that belongs to the answer; may be given several times",
    )  # fmt: skip
    parser.add_argument("--pause", metavar="ID", help="only this pause (pauseId of the status)")
    add_options(parser)
    parser.set_defaults(main=resume)

    parser = subparsers.add_parser("signal", help="send a signal to a run that waits for it")
    parser.add_argument("name", metavar="NAME", help="the signal's name")
    parser.add_argument("which", metavar="KEY", nargs="?", default="", help="which of that name")
    parser.add_argument("--data-json", default="null", help="what it says, as JSON")
    parser.add_argument("--id", help="of one id only the first counts")
    parser.add_argument("--keep-for", metavar="DURATION", help="such as 1d; an hour without it")
    parser.add_argument("--to-all", action="store_true", help="to every run that waits now")
    add_options(parser)
    parser.set_defaults(main=signal)
    parser = subparsers.add_parser("transcript", help="show prompts and answers of models")
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("--step", metavar="ID", help="of this step only")
    add_options(parser)
    parser.set_defaults(main=show_transcript)

    parser = subparsers.add_parser("explain", help="show where a value of a run came from")
    parser.add_argument("run", metavar="RUN")
    parser.add_argument("path", metavar="PATH", help="such as result.total or data.order.id")
    parser.add_argument("--at", type=int, metavar="EVENT", help="before the event of this number")
    add_options(parser)
    parser.set_defaults(main=explain)

    for verb, summary in (
        ("cancel", "ask a run to stop, with its clean-up"),
        ("terminate", "end a run at once, without its clean-up"),
    ):
        parser = subparsers.add_parser(verb, help=summary)
        parser.add_argument("run", metavar="RUN")
        parser.add_argument("--reason", help="why, for the history")
        add_options(parser)
        parser.set_defaults(main=stop, verb=verb)
    add_repairs(subparsers)


def start(args: argparse.Namespace) -> int:
    """Start a run and print its id, or how it ended."""
    data = object_of(args.data_json, "--data-json")
    with client_of(args, follows=args.wait) as client:
        if args.file is None:
            run = client.start(args.workflow, data, args.version_)
        else:
            try:
                run = client.start_with_file(args.workflow, data, args.file, args.version_)
            except OSError as unreadable:
                raise CommandFailed(f"{args.file} cannot be read: {unreadable}") from unreadable
        if args.wait:
            _show(run.wait(), is_json=args.json)
        else:
            print(json.dumps({"runId": run.id}) if args.json else printable(run.id))
    return 0


def resume(args: argparse.Namespace) -> int:
    """Answer a pause and print the run's state."""
    if args.action is None and args.data_json is None:
        raise CommandFailed("give --action, --data-json, or both")
    data = None if args.data_json is None else object_of(args.data_json, "--data-json")
    with client_of(args) as client:
        run = client.run(args.run)
        try:
            attachments = [client.upload(file) for file in args.attach]
        except OSError as unreadable:
            raise CommandFailed(f"a file cannot be read: {unreadable}") from unreadable
        if args.action is not None:
            status = run.resume_action(
                args.action, args.comment, data=data, attachments=attachments, pause_id=args.pause
            )
        else:
            status = run.resume_inputs(
                data or {}, args.comment, attachments=attachments, pause_id=args.pause
            )
    _show(status, is_json=args.json)
    return 0


def signal(args: argparse.Namespace) -> int:
    """Send a signal and print which runs received it."""
    data = json_of(args.data_json, "--data-json")
    with client_of(args) as client:
        sent = client.send_signal(
            args.name, args.which, data,
            signal_id=args.id, keep_for=args.keep_for, to_all=args.to_all,
        )  # fmt: skip
    taken = "taken by " + ", ".join(sent["deliveredTo"]) if sent["deliveredTo"] else ""
    kept = "stored until a run waits for it" if sent["kept"] else ""
    line = taken or kept or "no run waits for it"
    print(json.dumps(sent) if args.json else printable(line))
    return 0


def show_transcript(args: argparse.Namespace) -> int:
    """Print the conversations of a run."""
    with client_of(args) as client:
        visits = client.run(args.run).transcript(step_id=args.step)
    if args.json:
        print(json.dumps(visits))
        return 0
    if not visits:
        where = f" in step {args.step}" if args.step else ""
        print(printable(f"no model has answered{where} yet"), file=sys.stderr)
    for visit in visits:
        print(printable(f"== {visit['stepId']}, visit {visit['visit']} ({visit['status']})"))
        for message in visit["messages"]:
            print(printable(_line(message)))
    return 0


def explain(args: argparse.Namespace) -> int:
    """Print where a value came from, and what it influenced."""
    with client_of(args) as client:
        explanation = client.run(args.run).explain(args.path, at=args.at)
    if args.json:
        print(json.dumps(explanation))
        return 0
    for number, node in enumerate(explanation["chain"]):
        names = ("kind", "stepId", "service", "by", "event")
        said = "  ".join(f"{name}={node[name]}" for name in names if node.get(name) is not None)
        value = f" = {json.dumps(node['value'])}" if "value" in node else ""
        print(printable(f"{number}  {node['path']}{value}  {said}"))
        for made in node.get("made", ()):
            print(printable(f"   {made['place']}: {made['expression']}"))
        if node["from"]:
            print(f"   from {', '.join(map(str, node['from']))}")
    for one in explanation["reached"]:
        print(printable(f"reached {one['stepId']}  {one['place']}: {one['expression']}"))
    return 0


def _line(message: JsonObject) -> str:
    """Return a message of a conversation as one line."""
    calls = [
        f"{call['tool']}({json.dumps(call['arguments'])})" for call in message.get("calls", ())
    ]
    shown = ("text", "approved", "value", "comment", "arguments", "result", "error")
    parts = [
        message[key] if key == "text" else f"{key}: {json.dumps(message[key])}"
        for key in shown
        if message.get(key) is not None and message[key] != ""
    ]
    said = "  ".join(" ".join(text.split()) for text in [*parts, *calls])
    return f"{message['role']}: {said}{_figures(message)}"


def _figures(message: JsonObject) -> str:
    """Return which model answered, how long it took, and what it cost."""
    usage = message.get("usage") or {}
    tokens = f"{usage['inputTokens']} + {usage['outputTokens']} tokens" if usage else ""
    figures = [
        str(message.get("model") or ""),
        f"{tokens}, estimated" if usage.get("estimated") else tokens,
        f"cost {usage['cost']:.6g}" if "cost" in usage else "",
        f"{message['duration']} ms" if message.get("duration") is not None else "",
    ]
    found = ", ".join(filter(None, figures))
    return f"  [{found}]" if found else ""


def stop(args: argparse.Namespace) -> int:
    """Cancel or terminate a run and print its state."""
    with client_of(args) as client:
        run = client.run(args.run)
        (run.cancel if args.verb == "cancel" else run.terminate)(args.reason)
        _show(run.status(), is_json=args.json)
    return 0


def _show(status: RunStatus, *, is_json: bool) -> None:
    line = printable(f"{status.run_id}  {status.status}")
    print(json.dumps(status.document) if is_json else line)
