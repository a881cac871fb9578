"""`stepwell mcp-server`: lists the MCP servers of a running server, signs in and out at them."""

import argparse
import json
import sys
from typing import Any
from urllib.parse import parse_qs, urlsplit

from app.cli.remote import add_options, client_of, printable
from app.cli.subparsers import Subparsers, add_verbs
from app.operator.errors import CommandFailed
from stepwell.client import Client

_HELP = {
    "list": "list MCP servers, how they stand, and who is signed in",
    "sign-in": "sign in at an MCP server for the tenant, by a browser anywhere",
    "sign-out": "sign out at an MCP server, for the tenant",
}
_WAY = (
    "Open this address in a browser, and agree there:\n\n  {address}\n\n"
    "The browser is then led back to Stepwell, which may ask to sign in; that is not needed.\n"
    "Paste the address that the browser shows by then, within ten minutes: "
)


def add(subparsers: Subparsers) -> None:
    """Add the commands to the parser."""
    summary = "list MCP servers, sign in and out at them"
    for verb, parser in add_verbs(subparsers, "mcp-server", summary, _HELP).items():
        if verb != "list":
            parser.add_argument("name", metavar="NAME", help="the server, as the settings name it")
        add_options(parser)
        parser.set_defaults(main=run)


def run(args: argparse.Namespace) -> int:
    """Carry out one of the commands and print its result."""
    with client_of(args) as client:
        if args.verb == "list":
            servers: Any = client.request("GET", "/api/tools")
            found = servers["servers"]
            for line in [json.dumps(found)] if args.json else map(_line, found):
                print(line)
            return 0
        path = f"/api/mcp-servers/{args.name}/sign-in"
        done = (
            _signed_in(client, path) if args.verb == "sign-in" else client.request("DELETE", path)
        )
    said = "signed in" if args.verb == "sign-in" else "signed out"
    print(json.dumps(done) if args.json else f"{said} at {args.name}")
    return 0


def _signed_in(client: Client, path: str) -> Any:
    begun: Any = client.request("POST", path)
    # Not to standard output, which is for the answer.
    print(_WAY.format(address=printable(begun["address"])), end="", file=sys.stderr, flush=True)
    return client.request("PUT", path, came_back(sys.stdin.readline()))


def came_back(address: str) -> dict[str, str]:
    """Return what an authorization server has added to the address it redirects back to.

    Args:
        address: The address; a sign-in page has the original address in its `next`.

    Raises:
        CommandFailed: It has no code.
    """
    query = parse_qs(urlsplit(address.strip()).query)
    if "code" not in query and "next" in query:
        query = parse_qs(urlsplit(query["next"][0]).query)
    if "error" in query:
        raise CommandFailed(f"nobody was signed in: {printable(query['error'][0])[:200]}")
    if not {"code", "state"} <= query.keys():
        raise CommandFailed("this is not the address that the browser was led back to: no code")
    return {key: query[key][0] for key in ("state", "code", "iss") if key in query}


def _line(server: Any) -> str:
    signed = server["signIn"] or {}
    who = f"  {signed['who']}" if signed.get("who") else ""
    error = f"  {server['error']}" if server["error"] else ""
    return printable(f"{server['name']}  {server['status']}{who}{error}")
