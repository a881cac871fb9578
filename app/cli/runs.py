"""`stepwell runs`: lists, stops, repairs or reruns many runs, in a folder or at a server."""

import argparse
import asyncio
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from app.cli.credentials import tenant_of
from app.cli.progress import show
from app.cli.remote import client_of, object_of, printable
from app.cli.subparsers import Subparsers, add_verbs
from app.operator.errors import CommandFailed
from app.operator.folder_commands import ask
from app.settings.server import Settings, load
from app.wire.runs.listing import labels_of
from engine import Json, Status
from engine.counted import counted
from stepwell.client import BulkRerun, Client, RunFilter, StepwellError

_ACTIONS = {"try-now": "tryNow", "give-up": "giveUp"}
_MOST_PASSES = 10
_PAGE = 500

_VERBS = {
    "list": "list runs, newest first",
    "cancel": "ask runs that have not ended to stop, with their clean-up",
    "terminate": "end runs that have not ended at once",
    "delete": "delete runs that have ended, with their child runs",
    "hold": "let no step begin of runs that have not ended",
    "release": "let held runs continue",
    "try-now": "make the next attempt now of runs that wait for it, or end their sleep",
    "give-up": "let the steps fail that wait for their next attempt, or sleep",
    "rerun": "run runs again that have ended, each from where it failed",
}

Ask = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Carries out a verb with the arguments of the API, and returns the API's answer."""


def add(subparsers: Subparsers) -> None:
    """Add the commands to the parser."""
    summary = "list runs; stop, repair or rerun many"
    for verb, command in add_verbs(subparsers, "runs", summary, _VERBS).items():
        command.add_argument("ids", nargs="*", metavar="RUN", help="only these runs")
        if verb != "list":
            command.add_argument("--all", action="store_true", help="all runs of the tenant")
        command.add_argument("--data", type=Path, help="the data folder")
        command.add_argument("--config", type=Path, help="a TOML file with settings")
        command.add_argument(
            "--url", help="where the server is, instead of a folder (STEPWELL_URL)"
        )
        command.add_argument("--key", help="an API key for it; better set STEPWELL_KEY")
        command.add_argument("--tenant", help="whose runs; needed for a folder (STEPWELL_TENANT)")
        command.add_argument("--status", choices=[item.value for item in Status])
        command.add_argument("--workflow", help="only runs of this workflow")
        command.add_argument("--since", help="started at or after, such as 2026-01-31T12:00:00Z")
        command.add_argument("--until", help="started before")
        command.add_argument("--parent", help="only child runs of this run")
        command.add_argument("--top-level", action="store_true", help="no child runs")
        command.add_argument("--label", help="only with these labels, such as customer:ACME")
        command.add_argument("--step", help="only in this step, or failed in it")
        command.add_argument("--error", help="only failed with this error, such as HttpStatus")
        command.add_argument("--started-by", help="only started by this caller")
        command.add_argument("--longer-than", help="only what took so long, such as 10m")
        command.add_argument("--shorter-than", help="only what took less")
        command.add_argument(
            "--waiting-for", choices=["retry", "time"],
            help="only whose step waits for its next attempt, or sleeps",
        )  # fmt: skip
        command.add_argument("--text", help="only with these words, as the list of runs finds them")
        command.add_argument("--json", action="store_true", help="print one JSON object")
        if verb == "list":
            command.add_argument("--limit", type=int, default=50)
            command.add_argument("--sort", help="endTime, or =-duration for the longest first")
        else:
            command.add_argument("--dry-run", action="store_true", help="only count them")
            command.add_argument("--reason")
        if verb == "rerun":
            _add_rerun(command)
        command.set_defaults(main=main, failures=(StepwellError,))


def _add_rerun(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--from", dest="begin", choices=["failure", "start"], default="failure",
        help="where it failed or was stopped, or its beginning",
    )  # fmt: skip
    command.add_argument("--version", metavar="VERSION", dest="version_", help="another version")
    command.add_argument("--data-json", default="{}", help="fields that replace those of each")
    command.add_argument(
        "--operation", help="the name of one that was interrupted, so that nothing is done twice"
    )


def main(args: argparse.Namespace) -> int:
    """Carry out the command and print its answer; return 1 if a run could not be stopped."""
    if args.verb != "list" and not (args.all or args.dry_run or _filter(args)):
        raise CommandFailed(
            "which runs? Name some, filter them (--status, --workflow), or say --all"
        )
    with _asking(args) as asking:
        answer = _list(asking, args) if args.verb == "list" else _all(asking, args)
    if args.json:
        print(json.dumps(answer))
        return 1 if answer.get("failed") else 0
    for row in answer.get("runs", [] if args.verb == "list" else [answer]):
        shown = ((name, _shown(value)) for name, value in row.items())
        print(printable("  ".join(f"{name}={text}" for name, text in shown if text)))
    return 1 if answer.get("failed") else 0


def _shown(value: Json) -> str:
    """Return a value of a line of the list as text; nothing for null and what is empty."""
    match value:
        case {"stepId": step_id, "type": kind, "message": message}:
            return f"{step_id}: {message} ({kind})" if step_id else f"{message} ({kind})"
        case dict() | list():
            return json.dumps(value, ensure_ascii=False) if value else ""
    return "" if value is None else str(value)


@contextmanager
def _asking(args: argparse.Namespace) -> Iterator[Ask]:
    """Return how to ask: a server if the command or the environment names one, otherwise a folder.

    A folder that the command names comes first.
    """
    named = args.url or args.key or any(map(os.environ.get, ("STEPWELL_URL", "STEPWELL_KEY")))
    if named and args.data is None and args.config is None:
        with client_of(args) as client:
            yield partial(_of_server, client)
    elif args.tenant is None:
        raise CommandFailed("whose runs? Give --tenant, or the server's address with --url")
    else:
        yield partial(_of_folder, load({"data": args.data}, args.config).settings, tenant_of(args))


def _of_server(client: Client, verb: str, given: dict[str, Any]) -> dict[str, Any]:
    if verb == "list":
        return _listed_by_server(client, _run_filter(given), given["limit"])
    which, ids = _run_filter(given["filter"]), given["filter"].get("runIds")
    if given["dryRun"]:
        return dict(client.bulk_count(given["action"], which, run_ids=ids).document)
    part = client.bulk(
        given["action"], which, run_ids=ids, reason=given["reason"], cursor=given["cursor"],
        rerun=_rerun_of(given.get("rerun")),
    )  # fmt: skip
    return dict(part.document)


def _rerun_of(given: dict[str, Any] | None) -> BulkRerun | None:
    if given is None:
        return None
    return BulkRerun(given["operation"], given["from"], given.get("version"), given["data"])


def _listed_by_server(client: Client, which: RunFilter, most: int) -> dict[str, Any]:
    found: list[Any] = []
    cursor = None
    while True:
        size = min(_PAGE, most - len(found))
        page = client.run_page(which, page_size=size, cursor=cursor)
        found += [dict(line.document) for line in page.runs]
        cursor = page.next_cursor
        if cursor is None or len(found) >= most:
            return {"runs": found, "nextCursor": cursor}


def _run_filter(given: dict[str, Any]) -> RunFilter:
    return RunFilter(
        status=given.get("status"),
        workflow_id=given.get("workflowId"),
        parent_run_id=given.get("parentRunId"),
        top_level=bool(given.get("topLevel")),
        labels=dict(labels_of(given.get("label"))),
        text=given.get("text"),
        step_id=given.get("stepId"),
        error_type=given.get("errorType"),
        started_by=given.get("startedBy"),
        longer_than=given.get("longerThan"),
        shorter_than=given.get("shorterThan"),
        waiting_for=given.get("waitingFor"),
        sort=given.get("sort"),
        since=given.get("since"),
        until=given.get("until"),
    )


def _of_folder(settings: Settings, tenant: str, verb: str, given: dict[str, Any]) -> dict[str, Any]:
    wanted = {"tenant": tenant, "query" if verb == "list" else "body": given}
    action = _ACTIONS.get(verb, verb)
    answer: dict[str, Any] = asyncio.run(ask(settings, f"runs.{action}", wanted, show))
    return answer


def _list(asking: Ask, args: argparse.Namespace) -> dict[str, Any]:
    query = {**_filter(args), "limit": args.limit}
    if args.sort is not None:
        query["sort"] = args.sort
    if not args.ids:
        return asking("list", query)
    if args.text is not None:
        raise CommandFailed("name runs, or give --text")
    # Each by itself: the newest page would have only some of them.
    named = [asking("list", {**query, "text": one, "limit": 1}) for one in args.ids]
    pairs = zip(args.ids, named, strict=True)
    rows = [row for one, answer in pairs for row in answer["runs"] if row["runId"] == one]
    return {"runs": rows, "nextCursor": None}


def _all(asking: Ask, args: argparse.Namespace) -> dict[str, Any]:
    """Ask for one part after the other, and start again until nothing is left to do.

    Runs that are started meanwhile, by a loop for example, are met by the next pass.
    """
    total: dict[str, Any] = {"action": args.verb, "changed": 0, "skipped": 0, "failed": 0}
    if args.verb == "rerun":
        args.operation = args.operation or str(uuid4())
        total["operation"] = args.operation
    for _ in range(_MOST_PASSES):
        done = _pass(asking, args, total)
        if args.dry_run:
            return done
        if args.verb not in ("terminate", "delete") or not done["changed"]:
            break
    return total


def _pass(asking: Ask, args: argparse.Namespace, total: dict[str, Any]) -> dict[str, Any]:
    changed, cursor = 0, None
    total["failed"], total["skipped"] = 0, 0
    while True:
        body = {
            "action": _ACTIONS.get(args.verb, args.verb),
            "filter": _filter(args),
            "reason": args.reason,
            "cursor": cursor,
            "dryRun": args.dry_run,
            **({"rerun": _rerun(args)} if args.verb == "rerun" else {}),
        }
        answer = asking(args.verb, body)
        if args.dry_run:
            return answer
        changed += answer["changed"]
        for name in ("changed", "skipped", "failed"):
            total[name] += answer[name]
        total.setdefault("failures", []).extend(
            item for item in answer["failures"] if item not in total.get("failures", [])
        )
        cursor = answer["nextCursor"]
        if cursor is None:
            return {"changed": changed}
        show(f"{counted(total['changed'], 'run')} so far")


def _rerun(args: argparse.Namespace) -> dict[str, Any]:
    data = object_of(args.data_json, "--data-json")
    version = {} if args.version_ is None else {"version": args.version_}
    return {"operation": args.operation, "from": args.begin, "data": data, **version}


def _filter(args: argparse.Namespace) -> dict[str, Any]:
    wanted = {
        "status": args.status,
        "workflowId": args.workflow,
        "parentRunId": args.parent,
        "topLevel": args.top_level or None,
        "label": args.label,
        "text": args.text,
        "stepId": args.step,
        "errorType": args.error,
        "startedBy": args.started_by,
        "longerThan": args.longer_than,
        "shorterThan": args.shorter_than,
        "waitingFor": args.waiting_for,
        "since": args.since,
        "until": args.until,
        "runIds": args.ids or None,
    }
    return {name: value for name, value in wanted.items() if value is not None}
