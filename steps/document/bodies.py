"""Bodies: steps and edges inside a document, either in a step or under `workflows`.

A run of a body belongs to the same version of the same document and names the body by its path:
`check/stock` is the body `stock` of step `check`, `each/item` is what each item of step `each` goes
through, `#line` is the document's own workflow `line`, and `#line/check/stock` is a body of a step
in that workflow.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from typing import Any

from pydantic import Field

from engine import JsonObject
from engine.value import value
from steps.contract.step_type import BODY_KEYS, ITEM, Problem
from steps.document.shape import Identifier, Scope
from steps.registry import Registry

LOCAL = "#"
"""The prefix of the name of a document's own workflow in a call."""

DEEPEST = 5
"""How deep bodies may be nested."""


class LocalWorkflow(Scope):
    """A workflow inside a document, which its steps call as `#name`."""

    name: str | None = Field(None, max_length=200, description="a name for people")
    description: str | None = Field(None, max_length=2_000, description="a description for people")
    note: str | None = Field(
        None, max_length=10_000, description="a note for people who edit the definition"
    )
    payload: dict[str, Any] = Field({}, description="the fields that a call must give")
    initialStep: Identifier | None = Field(  # noqa: N815 - the document's word
        None, description="the first step; default: the first in `steps`"
    )
    steps: list[dict[str, Any]] = Field(min_length=1, max_length=1_000, description="its steps")
    edges: list[Any] = Field([], max_length=5_000, description="the edges between its steps")


@value(frozen=True, slots=True)
class Body:
    """A body as written.

    Attributes:
        path: The name by which its runs refer to it.
        place: Its path inside its surroundings.
        document: Its own keys, including `steps`.
        is_inline: Whether it is inside a step, whose data it sees.
        given: The names that its data has beside those of the run, with what is known of them.
    """

    path: str
    place: str
    document: dict[str, Any]
    is_inline: bool
    given: Mapping[str, JsonObject] = field(default_factory=dict)


def inline_path(above: str, step_id: str, name: str) -> str:
    """Return the path of the body `name` of a step."""
    return "/".join(part for part in (above, step_id, name) if part)


def bodies_in(document: Mapping[str, Any], registry: Registry, above: str = "") -> Iterator[Body]:
    """Return the bodies directly inside a document or the body with path `above`."""
    listed = document.get("steps")
    for index, step in enumerate(listed if isinstance(listed, list) else ()):
        kind = registry.get(str(step.get("type"))) if isinstance(step, dict) else None
        for name, place, body in kind.bodies(step) if kind else ():
            path = inline_path(above, str(step.get("id")), name)
            at = f"steps[{index}].{place}" if place else f"steps[{index}]"
            given = kind.given_to_bodies if kind else {}
            yield Body(path, at, body, is_inline=True, given=given)
    local = document.get("workflows") if not above else None
    for name, body in local.items() if isinstance(local, dict) else ():
        if isinstance(body, dict):
            yield Body(f"{LOCAL}{name}", f"workflows.{name}", body, is_inline=False)


def placed(problems: Iterable[Problem], place: str) -> list[Problem]:
    """Return the problems of a body with paths relative to its surroundings.

    Problems in keys that come from the document's defaults are left out; they are reported there.
    """
    return [
        item if item.path.startswith("defaults.")
        else replace(item, path=f"{place}.{item.path}" if item.path else place)
        for item in problems
    ]  # fmt: skip


def written_bodies(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return all bodies of a document by their paths, even if the document has problems."""
    local = document.get("workflows")
    todo: list[tuple[str, Mapping[str, Any]]] = [("", document)]
    for name, body in local.items() if isinstance(local, dict) else ():
        if isinstance(body, dict):
            todo.append((f"{LOCAL}{name}", body))
    for path, body in todo:
        if path:
            yield path, with_start(body)
        steps = body.get("steps")
        for step in steps if isinstance(steps, list) else ():
            for name, inner in written_in(step):
                todo.append((inline_path(path, str(step.get("id")), name), inner))


def written_in(step: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return the bodies inside a step by their names: its own, or those of its branches."""
    if not isinstance(step, dict):
        return
    if "steps" in step:
        is_group = step.get("type") == "group"
        keys = BODY_KEYS if is_group else BODY_KEYS[:3]
        yield "" if is_group else ITEM, {key: item for key, item in step.items() if key in keys}
    branches = step.get("branches")
    for name, branch in branches.items() if isinstance(branches, dict) else ():
        if isinstance(branch, dict) and "steps" in branch:
            yield name, branch


def body_at(document: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return the body at a path as written; empty if the document has none."""
    if not path:
        return dict(document)
    return next((body for at, body in written_bodies(document) if at == path), {})


def with_start(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body with its initial step: the first step if it names none."""
    steps = body.get("steps")
    first = steps[0] if isinstance(steps, list) and steps else None
    if body.get("initialStep") is not None or not isinstance(first, dict):
        return dict(body)
    return {**body, "initialStep": first.get("id")}
