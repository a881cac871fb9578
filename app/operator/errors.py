"""The failure of a command, told in one line."""


class CommandFailed(Exception):
    """A command was refused; the message says why."""
