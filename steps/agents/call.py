"""One call of an agent's model, as far as it is."""

import re
from typing import Literal

from engine import JsonObject
from engine.value import value
from steps.agents.told import error_of
from steps.agents.tools import Offer
from steps.effects.chat import Part, ToolCall

_NAMESPACE = re.compile(r"[\w-]{1,60}[.:]")  # of what some models were trained on


@value(frozen=False, slots=True)
class AgentCall:
    """One call, as far as it is.

    Attributes:
        name: The name of its record.
        stand: `ready` to be made, `asks` a person first, or `over`, with what the model is told.
        edited: The arguments that a person has given it in place of the model's.
        child: The number of its child run.
    """

    name: str
    call: ToolCall
    offer: Offer | None = None
    arguments: "JsonObject | None" = None
    edited: "JsonObject | None" = None
    stand: Literal["ready", "asks", "over"] = "over"
    told: tuple[Part, ...] = ()
    child: int = 0

    @property
    def is_question(self) -> bool:
        """Whether it asks a person."""
        return self.offer is not None and self.offer.kind == "person"

    @property
    def is_workflow(self) -> bool:
        """Whether it starts a child run."""
        return self.offer is not None and self.offer.kind == "workflow"

    @property
    def meant(self) -> str:
        """What it calls, as the agent's document names it where that is known."""
        return self.offer.id if self.offer else self.call.name


def meant_tool(name: str) -> str:
    """Return the name of a tool without what some models put before and after it."""
    found = _NAMESPACE.match(name)
    return name[found.end() if found else 0 :].removesuffix("()")


def as_told(settled: JsonObject) -> JsonObject:
    """Return the outcome of a call that a person has told."""
    if settled["value"] == "happened":
        return {"ok": True, "result": settled.get("result")}
    told = "whether this call was made is not known; a person said to go on without it"
    return {"ok": False, "error": error_of("InDoubt", told)}
