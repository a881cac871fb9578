"""Tools: Python functions that steps and agents call, their arguments and results."""
