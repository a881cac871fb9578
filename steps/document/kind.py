"""Workflow or agent: which of the two a document is."""

from typing import Literal, TypeAlias

from engine import Json

Kind: TypeAlias = Literal["workflow", "agent"]


def kind_of(document: Json) -> Kind | None:
    """Return the kind of a definition, None if it is not one."""
    if not isinstance(document, dict):
        return None
    if "steps" in document or "initialStep" in document:
        return "workflow"
    return "agent" if "instructions" in document else None
