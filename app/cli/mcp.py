"""`stepwell mcp`: the tools of a running server for an MCP client that speaks over pipes."""

import argparse

from app.cli.remote import add_options
from app.cli.subparsers import Subparsers
from app.settings.extras import extra
from stepwell import _calls as calls


def add(subparsers: "Subparsers[argparse.ArgumentParser]") -> None:
    """Describe the command."""
    parser = subparsers.add_parser(
        "mcp",
        help="serve workflows marked as tools to an MCP client, over standard input and output",
    )
    add_options(parser)
    parser.set_defaults(main=run)


def run(args: argparse.Namespace) -> int:
    """Hand on what the client asks until it closes standard input. Raises `NoCredentials`."""
    with extra("mcp", "stepwell mcp"):  # the library takes its time to load
        from app.cli.mcp_bridge import serve  # noqa: PLC0415

    server = calls.server(args.url, args.key, args.tenant, None)
    serve(f"{server.url}/mcp", dict(server.headers))
    return 0
