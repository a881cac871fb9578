"""`python -m stepwell`: runs the server's command line, if the server is installed too."""

import sys
from importlib.metadata import PackageNotFoundError, distribution

_ALONE = (
    "python -m stepwell: the command line comes with the Stepwell server, which is not installed "
    "here; this is the client alone (stepwell-client). Programs use it by "
    "`from stepwell.client import Client`."
)


def main() -> None:
    """Run the server's command line, and exit with its code."""
    try:
        server = distribution("stepwell")
    except PackageNotFoundError:
        sys.exit(_ALONE)
    (command,) = server.entry_points.select(group="console_scripts", name="stepwell")
    sys.exit(command.load()())


if __name__ == "__main__":
    main()
