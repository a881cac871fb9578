"""What forms may contain, for the API description; `app.wire.forms.form` reads them."""

from typing import Annotated, Literal, Required

from pydantic import ConfigDict, Field, WithJsonSchema
from typing_extensions import TypedDict

Binary = Annotated[
    bytes, WithJsonSchema({"type": "string", "format": "binary", "description": "a file"})
]


class StartForm(TypedDict, total=False):
    """The form of a start; every additional field is an input, a text or a file."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc] # pydantic's way

    attachment: Binary


class ResumeForm(TypedDict, total=False):
    """An answer with files; every additional field is a requested one, a text or a file.

    `comment` and `attachments` belong to the answer, unless fields of these names are requested.
    """

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc] # pydantic's way

    attachment: Binary
    attachments: Annotated[list[Binary], Field(description="files that belong to the answer")]
    comment: str
    type: Literal["collect_inputs", "request_user_action"]
    actionId: Annotated[str, Field(description="for request_user_action")]
    actionValue: Annotated[str, Field(description="for request_user_action")]
    stepId: Annotated[str, Field(description="the step whose pause is answered")]
    pauseId: Annotated[str, Field(description="the pause to answer")]
    runId: Annotated[str, Field(description="the run whose pause is answered")]


class FileForm(TypedDict, total=False):
    """A form with a file."""

    attachment: Required[Binary]
