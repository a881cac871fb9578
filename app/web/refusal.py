"""Refusals of invalid HTTP, answered in the format of every other error."""

import json
import uuid
from http import HTTPStatus

CHUNKED = b"transfer-encoding: chunked"
_VERSIONS = ("1.0", "1.1")


class Refused(Exception):
    """A request is not valid HTTP; the connection is closed after the answer.

    Attributes:
        status: The status of the answer.
        word: The error name in the answer.
    """

    def __init__(self, message: str, status: int = 400, word: str = "Invalid input") -> None:
        super().__init__(message)
        self.status, self.word = status, word


def must_be_one_request(version: str, fields: list[tuple[bytes, bytes]]) -> tuple[bytes, bool]:
    """Refuse a header that two parsers could read as two requests.

    Returns the field that determines the length of the body, and whether the client waits for a
    100. Raises `Refused`.
    """
    hosts, transfers, framing, expects = 0, 0, b"", False
    for name, value in fields:
        if name == b"host":
            hosts += 1
        elif name == b"content-length":
            framing = b"content-length: " + value if value.strip(b"0") else b""
        elif name == b"transfer-encoding":
            transfers += 1 if value.lower() == b"chunked" else 2
            framing = CHUNKED
        elif name == b"expect":
            expects = value.lower() == b"100-continue"
    if version not in _VERSIONS:
        raise Refused(f"HTTP/{version} is not supported; use HTTP/1.1")
    if hosts > 1 or (version == "1.1" and not hosts):
        raise Refused("send one Host field")
    if transfers > 1 or (transfers and version == "1.0"):
        raise Refused("the only Transfer-Encoding accepted is chunked, once")
    return framing, expects


def no_http() -> Refused:
    """Return the refusal of bytes that are not a request."""
    return Refused("that is not a valid HTTP/1.1 request")


def answer_to(refused: Refused) -> bytes:
    """Return an answer in the format of every other error."""
    document = {"error": refused.word, "message": str(refused), "requestId": uuid.uuid4().hex}
    body = json.dumps(document).encode()
    header = (
        f"HTTP/1.1 {refused.status} {HTTPStatus(refused.status).phrase}\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        "Cache-Control: no-store\r\n"
        "Connection: close\r\n\r\n"
    )
    return header.encode() + body
