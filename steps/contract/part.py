"""The base of every model of a part of a document."""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A part of a document: it has no unknown keys, and does not change once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)
