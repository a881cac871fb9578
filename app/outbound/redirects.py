"""Follows a redirect: where it leads, and what may be sent there."""

from http import HTTPStatus

import httpx2

from app.outbound.addresses import InvalidAddress, checked, host_of, origin_of

_FOR_ANYBODY = frozenset(
    {
        "accept", "accept-encoding", "accept-language", "connection", "content-length",
        "content-type", "host", "idempotency-key", "transfer-encoding", "user-agent",
    }
)  # fmt: skip
"""The headers that are sent to another origin too; any other could be a credential."""

_OF_THE_BODY = ("content-length", "content-type", "transfer-encoding", "content-encoding")


class RedirectRefused(Exception):
    """A server redirects a confidential request to another origin."""


def redirected(
    before: httpx2.Request, answer: httpx2.Response, *, is_confidential: bool
) -> httpx2.Request:
    """Return the next request; to another origin nothing confidential is sent.

    Raises:
        InvalidAddress: The redirect does not lead to a valid address.
        RedirectRefused: It leads to another origin, and the request is confidential.
    """
    url = _target(before.url, answer.headers.get_list("location"))
    headers = httpx2.Headers(before.headers)
    method = _method(before.method, answer.status_code)
    content: bytes | None = before.content
    if method != before.method:
        content = None
        for name in _OF_THE_BODY:
            headers.pop(name, None)
    if not _stays(before.url, url):
        if is_confidential:
            raise RedirectRefused(
                f"{host_of(before.url)} redirects to {url.scheme}://{url.netloc.decode()}, and "
                "the request carries a secret or auth; give the address where it leads as the url"
            )
        for name in [name for name in headers if name.lower() not in _FOR_ANYBODY]:
            del headers[name]
    if url.netloc != before.url.netloc:
        headers["Host"] = url.netloc.decode("ascii")
    return httpx2.Request(
        method, url, headers=headers, content=content, extensions=before.extensions
    )


def _target(before: httpx2.URL, locations: list[str]) -> httpx2.URL:
    location, *others = dict.fromkeys(locations)
    if others:
        raise InvalidAddress("it is given twice, and differs")
    try:
        url = before.join(location)
    except (httpx2.InvalidURL, TypeError, ValueError) as odd:
        raise InvalidAddress(str(odd)) from odd
    return checked(url)


def _method(method: str, status: int) -> str:
    """Return the next method, as browsers do.

    See https://fetch.spec.whatwg.org/#http-redirect-fetch.
    """
    is_post = method == "POST" and status in (HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.FOUND)
    is_elsewhere = status == HTTPStatus.SEE_OTHER and method != "HEAD"
    return "GET" if is_post or is_elsewhere else method


def _stays(before: httpx2.URL, after: httpx2.URL) -> bool:
    """Return whether a redirect stays on its server; a change from http to https does."""
    upgraded = ("https", host_of(before).lower(), 443)
    is_plain = origin_of(before) == ("http", host_of(before).lower(), 80)
    return origin_of(after) == origin_of(before) or (is_plain and origin_of(after) == upgraded)
