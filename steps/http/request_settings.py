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
        description="headers by case-insensitive name; they replace headers that the step sets "
        "by itself, and `auth` replaces them",
    )
    query: dict[str, SecretTemplate] = Field(
        {},
        description="parameters added to the query of the address; a list repeats its name, and "
        "null leaves it out",
    )
    body: SecretTemplate | None = Field(
        None, description="a body that is sent as JSON, in the charset as of `text`"
    )
    form: dict[str, SecretTemplate] | None = Field(
        None,
        description="a body of form fields (application/x-www-form-urlencoded), in the charset as "
        "of `text`; a list repeats a field, and null leaves it out",
    )
    multipart: dict[str, SecretTemplate] | None = Field(
        None,
        description="a body of parts (multipart/form-data), each a text, or an uploaded file as "
        '`{"file": "its id"}`; a list repeats a part, and null leaves it out',
    )
    file: Template | None = Field(
        None, description="the id of an uploaded file, whose bytes are the body"
    )
    text: SecretTemplate | None = Field(
        None,
        description="a body of plain text, in the charset that a `Content-Type` among `headers` "
        "names, else UTF-8",
    )
    auth: Auth | None = Field(None, description="how the request is authenticated")
    expectedStatus: list[int | Literal["1xx", "2xx", "3xx", "4xx", "5xx"]] = Field(  # noqa: N815
        ["2xx"], min_length=1, description="statuses with which the step completes"
    )
    maxResponseBytes: int | None = Field(  # noqa: N815
        None,
        ge=0,
        le=MOST_KEPT,
        description="the largest body that is accepted; default: 1,000,000, at most 10,000,000; "
        "with `saveAs` 50,000,000",
    )
    responseType: ResponseType = Field(  # noqa: N815
        "auto",
        description="how the body is read: `auto` by its content type, `json`, `text`, `base64` "
        "for the raw bytes, or `none` to ignore it",
    )
    saveAs: Literal["file"] | None = Field(  # noqa: N815
        None,
        description="`file`: the body is streamed to a file, and the response has `file` with "
        "its `fileId`, `fileName`, `mimeType` and `size` in place of the body",
    )
    fileName: Template | None = Field(  # noqa: N815
        None,
        description="the name of that file; default, also for null: the one that the response "
        "gives in `Content-Disposition`, else the last part of the address",
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
