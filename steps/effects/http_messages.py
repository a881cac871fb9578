"""An HTTP request of a step, and what came back."""

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Literal, TypeAlias

from engine.value import value

Take: TypeAlias = Literal["unpacked", "as-sent", "nothing"]


@value(frozen=True, slots=True)
class HttpRequest:
    """A request to the outside, complete but for what the live client adds itself.

    Attributes:
        method: Such as `POST`.
        url: An address with `http://` or `https://`.
        headers: Headers by name.
        query: What is added to the query of `url`: (name, value).
        content: The body's bytes; at most one of `content`, `form` and `files` is given.
        form: Fields of an `application/x-www-form-urlencoded` body; a list gives its name
            several times.
        files: Parts of a multipart body: (field, file name, bytes, media type).
        follow_redirects: Whether redirects are followed, five at most.
        max_response_bytes: How long the decoded body of the answer may be, in bytes.
        confidential: True when it carries a secret or a credential, so that it must not be
            redirected to another origin.
        take: What becomes of the answer's body: unpacked if it is compressed, or its bytes as
            they were sent, or nothing, however it goes on after the header.
        timeout_s: Seconds that the answer's header may take, counted from when the request has
            its turn; None for as long as the step may take.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Sequence[tuple[str, str]] = ()
    content: bytes | None = None
    form: Mapping[str, str | Sequence[str]] | None = None
    files: Sequence[tuple[str, str, bytes, str]] = ()
    follow_redirects: bool = True
    max_response_bytes: int = 1_000_000
    confidential: bool = False
    take: Take = "unpacked"
    timeout_s: float | None = None


@value(frozen=True, slots=True)
class HttpResponse:
    """What came back.

    Attributes:
        status: The HTTP status.
        headers: Headers, by names in lower case.
        content: The body's bytes, as the request wants them taken.
        file: The file that the body was kept as, in place of `content`.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes
    file: "KeptFile | None" = None

    @property
    def media_type(self) -> str:
        """Of what type the body says it is."""
        said = self.headers.get("content-type", "").partition(";")[0].strip()
        return said or "application/octet-stream"


@value(frozen=True, slots=True)
class KeptFile:
    """A body that was kept as a file.

    Attributes:
        file_id: Its id, the same for the same bytes and name in each attempt of the visit.
        size: How many bytes it has.
    """

    file_id: str
    size: int
