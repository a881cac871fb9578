"""`python -m stepwell`: the command line, where the server is installed beside the client."""

import sys
from importlib.metadata import PackageNotFoundError, distribution

_ALONE = (
    "python -m stepwell: the command line comes with the Stepwell server, which is not installed "
    "here; this is the client alone (stepwell-client). Programs use it by "
    "`from stepwell.client import Client`."
)


def main() -> None:
    """Run the server's command line, and leave with its exit code."""
    try:
        server = distribution("stepwell")
    except PackageNotFoundError:
        sys.exit(_ALONE)
    (command,) = server.entry_points.select(group="console_scripts", name="stepwell")
    sys.exit(command.load()())


if __name__ == "__main__":
    main()
