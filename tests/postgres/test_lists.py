"""Runs by what people call them, from a journal in PostgreSQL."""

# ruff: noqa: F401 - the tests and fixtures of another file, run here once more

from tests.contract.test_captions import orders, test_runs_are_found_by_what_people_call_them
