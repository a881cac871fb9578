"""Builds the requests that save views of the list of runs, and list a view's runs."""

from collections.abc import Mapping, Sequence

from stepwell._calls import Call, given, part

_PATH = "/api/views"


def views() -> Call:
    """List the caller's own views."""
    return Call("GET", _PATH)


def save(name: str, query: Mapping[str, str], columns: Sequence[str]) -> Call:
    """Save a view; sent twice it is saved once."""
    body = {"query": dict(query), "columns": list(columns)}
    return Call("PUT", f"{_PATH}/{part(name)}", json=body)


def delete(name: str) -> Call:
    """Delete a view."""
    return Call("DELETE", f"{_PATH}/{part(name)}", repeatable=False)


def runs(query: Mapping[str, str], cursor: str | None) -> Call:
    """List a page of a view's runs."""
    return Call("GET", "/api/workflow/runs", query={**query, **given(cursor=cursor)})
