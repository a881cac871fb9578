"""One call that an agent's model requested, with its current state."""

import re
from typing import Literal

from engine import JsonObject
from engine.value import value
from steps.agents.call_messages import error_of
from steps.agents.tools import Offer
from steps.effects.chat import Part, ToolCall

_NAMESPACE = re.compile(r"[\w-]{1,60}[.:]")  # prefixes that some models learned in training


@value(frozen=False, slots=True)
class AgentCall:
    """One requested call, with its current state.

    Attributes:
        name: The name of its record.
        stand: `ready` to be made, `asks` a person first, or `over`, with the outcome for the model.
        edited: The arguments that a person set in place of the model's.
        message: What the model receives instead of a result, if the call was not made.
        child: The number of its child run.
    """

    name: str
    call: ToolCall
    offer: Offer | None = None
    arguments: "JsonObject | None" = None
    edited: "JsonObject | None" = None
    stand: Literal["ready", "asks", "over"] = "over"
    message: tuple[Part, ...] = ()
    child: int = 0

    @property
    def is_question(self) -> bool:
        """Whether it asks a person a question."""
        return self.offer is not None and self.offer.kind == "person"

    @property
    def is_workflow(self) -> bool:
        """Whether it starts a child run."""
        return self.offer is not None and self.offer.kind == "workflow"

    @property
    def meant(self) -> str:
        """The id of the called tool as in the agent's document, if it is known."""
        return self.offer.id if self.offer else self.call.name


def meant_tool(name: str) -> str:
    """Return a tool's name without the prefixes and suffixes that some models add to it."""
    found = _NAMESPACE.match(name)
    return name[found.end() if found else 0 :].removesuffix("()")


def as_reported(settled: JsonObject) -> JsonObject:
    """Return the outcome of a call as a person reported it."""
    if settled["value"] == "happened":
        return {"ok": True, "result": settled.get("result")}
    message = "it is unknown whether this call was made; a person decided to continue without it"
    return {"ok": False, "error": error_of("InDoubt", message)}
