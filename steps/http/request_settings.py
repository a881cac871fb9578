"""The settings of one HTTP request."""

from typing import Literal

from pydantic import Field

from steps.contract.step_type import StepSettings
from steps.http.auth import Auth
from steps.http.response_body import ResponseType
from steps.language.template import SecretTemplate, Template

MOST_TAKEN = 10_000_000
"""The most bytes of a body that becomes part of the run."""

MOST_KEPT = 50_000_000
"""The most bytes of a body that is stored as a file."""

_USUALLY_TAKEN = 1_000_000


class CallApiSettings(StepSettings):
    """The request, and the responses that count as good."""

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
    text: SecretTemplate | None = Field(
        None,
        description="a body of plain text, in the charset that a `Content-Type` among `headers` "
        "names, else UTF-8",
    )
    auth: Auth | None = Field(None, description="who sends the request, by one of four ways")
    expectedStatus: list[int | Literal["1xx", "2xx", "3xx", "4xx", "5xx"]] = Field(  # noqa: N815
        ["2xx"], min_length=1, description="statuses with which the step completes"
    )
    maxResponseBytes: int | None = Field(  # noqa: N815
        None,
        ge=0,
        le=MOST_KEPT,
        description="the longest body that is taken: 1,000,000 without it, 10,000,000 at most; "
        "with `saveAs` 50,000,000",
    )
    responseType: ResponseType = Field(  # noqa: N815
        "auto",
        description="how the body is taken: `auto` by its content type, `json`, `text`, `base64` "
        "for its bytes as they came, `none` to leave it",
    )
    saveAs: Literal["file"] | None = Field(  # noqa: N815
        None,
        description="`file`: the body goes into a file as it comes, and the answer has the "
        "`fileId`, `fileName`, `mimeType` and `size` of that as `file`, in the place of its body",
    )
    fileName: Template | None = Field(  # noqa: N815
        None, description="what that file is called; by default the end of the address"
    )
    followRedirects: bool = Field(  # noqa: N815
        True, description="whether redirects are followed, at most five"
    )

    @property
    def longest_body(self) -> int:
        """The most bytes of a body that are read."""
        if self.maxResponseBytes is not None:
            return self.maxResponseBytes
        return MOST_KEPT if self.saveAs else _USUALLY_TAKEN
