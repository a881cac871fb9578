"""The data of a workflow's diagram: its steps and edges, and what a run did in them."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from engine.value import value

OCCASIONS = ("success", "error", "timeout", "cancel")


@value(frozen=True, slots=True)
class StepState:
    """The state of one step of a run: the status of its newest visit, and the number of visits.

    `is_carried` marks a step that only an earlier run has done and that this rerun has taken over.
    """

    status: str
    visits: int
    is_carried: bool = False


@value(frozen=True, slots=True)
class StepCounts:
    """How many runs of a workflow are in a step, and how many failed in it."""

    here: int
    failed: int

    @property
    def text(self) -> str:
        """The counts as text in the diagram."""
        counts = ((self.here, f"{self.here:,} here"), (self.failed, f"{self.failed:,} failed"))
        return ", ".join(words for count, words in counts if count)


@value(frozen=True, slots=True)
class Edge:
    """An edge between two steps, and when it is taken."""

    source: str
    target: str
    on: str
    condition: str | None

    @property
    def label(self) -> str:
        """The edge's text: its occasion and its condition."""
        occasion = "" if self.on == "success" else f"on {self.on}"
        return " · ".join(part for part in (occasion, self.condition) if part)

    @property
    def short_label(self) -> str:
        """The label without the part with which every condition begins."""
        return self.label.replace("data.", "")


@value(frozen=True, slots=True)
class Inside:
    """What happened in a body of a step.

    Attributes:
        states: The states of its steps, if one run of it is shown.
        counts: How many runs of it are in each step and failed there, if many are shown.
    """

    states: "Mapping[str, StepState] | None" = None
    counts: "Mapping[str, StepCounts]" = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    taken: frozenset[tuple[str, str]] = frozenset()


@value(frozen=True, slots=True)
class Route:
    """What a run has done in a diagram, and which parts of the diagram are open.

    Attributes:
        taken: The edges that it has taken, from step to step.
        links: The address that each step leads to when it is clicked.
        selected: The selected step.
        counts: How many runs are in each step, in the diagram of a workflow.
        here: The query of the page, used for links that open and close parts; None if nothing can
            be opened.
        opened: The paths of the steps whose bodies are drawn in them.
        inside: What happened in these bodies, by their paths.
    """

    taken: frozenset[tuple[str, str]] = frozenset()
    links: Mapping[str, str] = field(default_factory=dict)
    selected: str = ""
    counts: Mapping[str, StepCounts] = field(default_factory=dict)
    here: Mapping[str, str] | None = None
    opened: frozenset[str] = frozenset()
    inside: Mapping[str, Inside] = field(default_factory=dict)


NO_ROUTE = Route()


def steps_of(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the steps of a document by their ids, leaving out invalid ones."""
    found = document.get("steps")
    return {
        str(step["id"]): step
        for step in (found if isinstance(found, list) else [])
        if isinstance(step, dict) and step.get("id")
    }


def edges_of(document: Mapping[str, Any], steps: Mapping[str, Any]) -> list[Edge]:
    """Return the edges between steps of a document, leaving out invalid ones."""
    found = document.get("edges")
    edges = []
    for edge in found if isinstance(found, list) else []:
        if not isinstance(edge, dict):
            continue
        source, target = edge.get("from"), edge.get("to")
        if not isinstance(source, str) or not isinstance(target, str):
            continue
        if source in steps and target in steps:
            on = edge.get("on", "success")
            condition = edge.get("condition")
            edges.append(
                Edge(
                    source,
                    target,
                    on if on in OCCASIONS else "success",
                    str(condition) if condition is not None else None,
                )
            )
    return edges
