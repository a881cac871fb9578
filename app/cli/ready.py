"""`stepwell ready`: health check for containers and load balancers; needs no key."""

import argparse
import json
import os
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

from app.cli.subparsers import Subparsers
from app.operator.errors import CommandFailed

_PORT = "8080"
_WAIT_S = 5.0


def add(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    summary = "check whether a server is ready; exits with 1 if not"
    parser = subparsers.add_parser("ready", help=summary, description=summary)
    parser.add_argument("--url", help="where the server is (STEPWELL_URL; this machine)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Ask once. Raises `CommandFailed` if there is no answer."""
    port = os.environ.get("STEPWELL_PORT", _PORT)
    address = args.url or os.environ.get("STEPWELL_URL") or f"http://127.0.0.1:{port}"
    try:
        # Without a proxy, which would answer for itself.
        with build_opener(ProxyHandler({})).open(
            f"{address.rstrip('/')}/readyz", timeout=_WAIT_S
        ) as found:
            answer = json.load(found)
    except HTTPError as refused:
        answer = _reason(refused)
    except (URLError, OSError, ValueError) as failed:
        reason = failed.reason if isinstance(failed, URLError) else failed
        raise CommandFailed(f"no server answers at {address}: {reason}") from failed
    if args.json:
        print(json.dumps(answer))
    else:
        print("ready" if answer.get("ready") else f"not ready: {answer.get('reason')}")
    return 0 if answer.get("ready") else 1


def _reason(refused: HTTPError) -> dict[str, object]:
    try:
        document = json.load(refused)
    except ValueError:
        document = None
    return (
        document
        if isinstance(document, dict)
        else {"ready": False, "reason": f"HTTP {refused.code}"}
    )
