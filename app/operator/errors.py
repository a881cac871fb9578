"""The error of a command, reported in one line."""


class CommandFailed(Exception):
    """A command was refused; the message says why."""
