"""The answer of the search, for the API description."""

from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from app.wire.answers.definitions import DefinitionLine
from app.wire.answers.runs import RunLine


class FoundEverywhere(TypedDict):
    """What a search has found, the newest of each kind first."""

    workflows: list[DefinitionLine]
    agents: list[DefinitionLine]
    runs: list[RunLine]
    more: Annotated[
        list[Literal["workflows", "agents", "runs"]],
        Field(description="the kinds of which there is more", examples=[["runs"]]),
    ]
