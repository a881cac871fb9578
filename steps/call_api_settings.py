"""What a definition may say about one HTTP request."""

from typing import Literal

from pydantic import Field

from steps.contract import StepSettings
from steps.http_auth import Auth
from steps.response_body import ResponseType
from steps.template import SecretTemplate, Template


class CallApiSettings(StepSettings):
    """The request, and which answers are good."""

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = Field(
        "GET", description="the request's method"
    )
    url: SecretTemplate = Field(description="the address, with http:// or https://")
    headers: dict[str, SecretTemplate] = Field(
        {},
        description="headers, by names in any case; one that is given takes the place of one "
        "that is set by itself, and `auth` that of one that is given",
    )
    query: dict[str, SecretTemplate] = Field(
        {},
        description="what is added to the address, after what its own query has; a list gives "
        "its name several times, null leaves it out",
    )
    body: SecretTemplate | None = Field(None, description="a body that is sent as JSON")
    form: dict[str, SecretTemplate] | None = Field(
        None,
        description="a body of form fields (application/x-www-form-urlencoded); a list gives a "
        "field several times, null leaves it out",
    )
    multipart: dict[str, SecretTemplate] | None = Field(
        None,
        description="a body of parts (multipart/form-data), each a text, or an uploaded file "
        'as `{"file": "its id"}`; a list gives a part several times, null leaves it out',
    )
    file: Template | None = Field(
        None, description="the id of an uploaded file, whose bytes are the body"
    )
    text: SecretTemplate | None = Field(None, description="a body of plain text")
    auth: Auth | None = Field(None, description="who sends the request, by one of four ways")
    expectedStatus: list[int | Literal["1xx", "2xx", "3xx", "4xx", "5xx"]] = Field(  # noqa: N815
        ["2xx"], min_length=1, description="statuses with which the step completes"
    )
    maxResponseBytes: int = Field(  # noqa: N815
        1_000_000, ge=0, le=10_000_000, description="the longest body that is taken"
    )
    responseType: ResponseType = Field(  # noqa: N815
        "auto",
        description="how the body is taken: `auto` by its content type, `json`, `text`, `base64` "
        "for its bytes as they came, `none` to leave it",
    )
    saveAs: Literal["file"] | None = Field(  # noqa: N815
        None,
        description="`file`: the body is kept as a file, whose `fileId`, `fileName`, `mimeType` "
        "and `size` the answer then has as `file`, in the place of its body",
    )
    fileName: Template | None = Field(  # noqa: N815
        None, description="what that file is called; by default the end of the address"
    )
    followRedirects: bool = Field(  # noqa: N815
        True, description="whether redirects are followed, at most five"
    )
