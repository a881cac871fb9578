"""What forms may hold, for the API's description; `app.wire.form` reads them."""

from typing import Annotated, Literal, Required

from pydantic import ConfigDict, Field, WithJsonSchema
from typing_extensions import TypedDict

Binary = Annotated[
    bytes, WithJsonSchema({"type": "string", "format": "binary", "description": "a file"})
]


class StartForm(TypedDict, total=False):
    """What a run is started with; every other field is an input, a text or a file."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc] # pydantic's way

    attachment: Binary


class ResumeForm(TypedDict, total=False):
    """An answer with files; every other field is one that is asked for, a text or a file.

    `comment` and `attachments` are beside the answer, unless fields of these names are asked for.
    """

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc] # pydantic's way

    attachment: Binary
    attachments: Annotated[list[Binary], Field(description="files that belong to the answer")]
    comment: str
    type: Literal["collect_inputs", "request_user_action"]
    actionId: Annotated[str, Field(description="for request_user_action")]
    actionValue: Annotated[str, Field(description="for request_user_action")]
    stepId: Annotated[str, Field(description="the step whose pause is meant")]
    pauseId: Annotated[str, Field(description="the pause that is meant")]
    runId: Annotated[str, Field(description="the run whose pause is meant")]


class FileForm(TypedDict, total=False):
    """A file."""

    attachment: Required[Binary]
