"""An HTTP request of a step, and its response."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Literal, TypeAlias

from engine.value import value

Take: TypeAlias = Literal["unpacked", "as-sent", "nothing"]


@value(frozen=True, slots=True)
class HttpRequest:
    """An HTTP request, complete except for what the live client adds.

    Attributes:
        method: Such as `POST`.
        url: An address with `http://` or `https://`.
        headers: Headers by name.
        query: Additions to the query of `url`: (name, value).
        content: The body's bytes; at most one of `content`, `form` and `files` is given.
        form: Fields of an `application/x-www-form-urlencoded` body; a list repeats its name.
        files: Parts of a multipart body: (field, file name, bytes, media type).
        follow_redirects: Whether redirects are followed, five at most.
        max_response_bytes: The most bytes of the decoded response body.
        confidential: True when it carries a secret or a credential, so that it must not be
            redirected to another origin.
        take: How the response's body is read: decompressed, as the raw bytes, or not at all.
        timeout_s: The most seconds until the response's header, counted from when the request gets
            its turn; None: only the step's own timeout applies.
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
    """The response to a request.

    Attributes:
        status: The HTTP status.
        headers: Headers, by names in lower case.
        content: The body's bytes, read as the request's `take` says.
        file: The file that stores the body, in place of `content`.
        is_packed: Whether `content` is as it was sent, compressed in an unknown way.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes
    file: "KeptFile | None" = None
    is_packed: bool = False

    @property
    def media_type(self) -> str:
        """The media type that the response declares."""
        said = self.headers.get("content-type", "").partition(";")[0].strip()
        return said or "application/octet-stream"


@value(frozen=True, slots=True)
class KeptFile:
    """A response body that was stored as a file.

    Attributes:
        file_id: Its id, the same for the same bytes and name in each attempt of the visit.
        size: Its size in bytes.
    """

    file_id: str
    size: int


FileNaming: TypeAlias = Callable[[HttpResponse], str]
"""Returns the name, never a path, of the file that a response is stored as."""
