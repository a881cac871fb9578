"""What is not taken as HTTP, and how that is answered: in the shape of every other error."""

import json
import uuid
from http import HTTPStatus

_VERSIONS = ("1.0", "1.1")


class Refused(Exception):
    """A request cannot be taken as HTTP; the connection ends with the answer.

    Attributes:
        status: Of the answer.
        word: What the answer calls it.
    """

    def __init__(self, message: str, status: int = 400, word: str = "Invalid input") -> None:
        super().__init__(message)
        self.status, self.word = status, word


def must_be_one_request(version: str, fields: list[tuple[bytes, bytes]]) -> tuple[bytes, bool]:
    """Refuse what two parsers could read as two requests.

    Returns the field that says how long the body is, and whether the client waits for a 100.
    Raises `Refused`.
    """
    hosts, transfers, framing, expects = 0, 0, b"", False
    for name, value in fields:
        if name == b"host":
            hosts += 1
        elif name == b"content-length":
            framing = b"content-length: " + value if value.strip(b"0") else b""
        elif name == b"transfer-encoding":
            transfers += 1 if value.lower() == b"chunked" else 2
            framing = b"transfer-encoding: chunked"
        elif name == b"expect":
            expects = value.lower() == b"100-continue"
    if version not in _VERSIONS:
        raise Refused(f"HTTP/{version} is not spoken here; use HTTP/1.1")
    if hosts > 1 or (version == "1.1" and not hosts):
        raise Refused("send one Host field")
    if transfers > 1 or (transfers and version == "1.0"):
        raise Refused("the one Transfer-Encoding that is taken is chunked, once")
    return framing, expects


def no_http() -> Refused:
    """Return what says that some bytes are no request."""
    return Refused("that is no valid HTTP/1.1 request")


def answer_to(refused: Refused) -> bytes:
    """Return an answer in the shape of every other error."""
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
