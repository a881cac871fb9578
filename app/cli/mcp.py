"""`stepwell mcp`: gives an MCP client the tools of a running server, over pipes."""

import argparse

from app.cli.remote import add_options
from app.cli.subparsers import Subparsers
from app.settings.extras import extra
from stepwell._server import server_of


def add(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "mcp",
        help="serve workflows marked as tools to an MCP client, over standard input and output",
    )
    add_options(parser)
    parser.set_defaults(main=run)


def run(args: argparse.Namespace) -> int:
    """Pass on the client's requests until it closes standard input. Raises `NoCredentials`."""
    with extra("mcp", "stepwell mcp"):  # the library takes a while to load
        from app.cli.mcp_bridge import serve  # noqa: PLC0415

    server = server_of(args.url, args.key, args.tenant, None)
    serve(f"{server.url}/mcp", dict(server.headers))
    return 0
