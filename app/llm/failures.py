"""Turns the failure of a model into the failure of a step.

The providers' libraries have the same exception classes under different names, so a failure is
judged by what it carries: a status, a response, a cause.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from app.llm.tolerant import as_count, as_object
from app.outbound.network import AddressNotAllowed
from steps.contract.step_type import StepBroke

_EXCERPT = 1_000
_PIECE = 4
_OVERLOADED = (503, 529)
_NO_STATUS = 600
_REFUSED = (400, 413, 422)
_TOO_LONG = re.compile(
    r"context[ _](?:length|size|window)|maximum context|exceeds? (?:the )?(?:available|model)"
    r".{0,30}context|too many (?:input )?tokens|prompt is too long|input is too long"
    r"|input token count|(?:longer|larger) than the (?:maximum )?(?:model|context)",
    re.IGNORECASE,
)
_STATUS_OF_WORD = {
    "rate_limit": 429,
    "resource_exhausted": 429,
    "too_many_requests": 429,
    "insufficient_quota": 429,
    "overloaded": 529,
    "unavailable": 503,
    "authentication": 401,
    "unauthenticated": 401,
    "invalid_api_key": 401,
    "permission": 403,
    "not_found": 404,
    "invalid_request": 400,
    "invalid_argument": 400,
    "bad_request": 400,
    "badrequest": 400,
    "context_length_exceeded": 400,
}
_SAYING = ("message", "detail", "msg", "error_description", "error", "raw", "metadata", "errors")


class ProviderError(Exception):
    """The provider reports an error in an answer with status 200.

    Attributes:
        body: The error as the provider sent it.
        response: The answer (of httpx2) that contained it.
    """

    def __init__(self, body: object, response: Any) -> None:
        super().__init__("an error inside an answer")
        self.body = body
        self.response = response


class Unreadable(Exception):
    """The answer is not in the wire format; `detail` is what it is, or a part of it."""

    def __init__(self, why: str, detail: str = "") -> None:
        super().__init__(why)
        self.detail = detail


class BrokenAnswer(StepBroke):
    """An answer that was an error, unreadable or cut short; the libraries do not ask again."""

    def __init__(self, broke: StepBroke) -> None:
        error = broke.error
        super().__init__(
            error.type,
            error.message,
            retryable=error.retryable,
            retry_after_ms=error.retry_after_ms,
        )


def came_broken(failure: Exception) -> bool:
    """Return whether the failure came after an answer had begun."""
    names = {kind.__name__ for kind in type(failure).__mro__}
    return isinstance(failure, ProviderError | Unreadable) or "TransportError" in names


@dataclass(frozen=True, slots=True)
class Asked:
    """The model that was asked, for the message.

    Attributes:
        name: Its name in definitions.
        hidden: Values that no message may show: the key, and secrets in headers.
    """

    name: str
    host: str
    hidden: tuple[str, ...] = ()


def broke(failure: Exception, asked: Asked, now_ms: int) -> StepBroke | None:
    """Return the step's failure, or None if neither the model nor the network failed."""
    chain = list(_causes(failure))
    for cause in chain:
        if isinstance(cause, StepBroke):
            return cause
        if isinstance(cause, AddressNotAllowed):
            return StepBroke("AddressNotAllowed", str(cause), retryable=False)
    status = _status(failure)
    if status is not None:
        return _by_status(status, failure, asked, now_ms)
    names = {kind.__name__ for cause in chain for kind in type(cause).__mro__}
    where = f"model {asked.name} at {asked.host}"
    if names & {"TimeoutException", "APITimeoutError", "TimeoutError"}:
        return StepBroke("Timeout", f"no answer from {where} in time")
    if names & {"RequestError", "APIConnectionError", "SSLError", "InvalidURL"}:
        why = next((str(cause) for cause in reversed(chain) if str(cause)), "the connection broke")
        return StepBroke("ConnectionFailed", f"no answer from {where}: {_shown(why, asked)}")
    if isinstance(failure, Unreadable):
        what = f": {_shown(failure.detail, asked)}" if failure.detail else ""
        message = f"the answer of {where} cannot be read: {failure}{what}"
        return StepBroke("InvalidResponse", message)
    return None


def all_failed(failures: Sequence[tuple[str, StepBroke]]) -> StepBroke:
    """Return one failure for a model and its fallbacks, with the reasons of all of them."""
    _, first = failures[0]
    if len(failures) == 1:
        return first
    others = "; ".join(f"{name}: {broke.error.message}" for name, broke in failures[1:])
    return StepBroke(
        first.error.type,
        f"{first.error.message}; fallbacks asked instead: {others}",
        retryable=any(broke.error.retryable for _, broke in failures),
        retry_after_ms=first.error.retry_after_ms,
    )


def _causes(failure: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = failure
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def _status(failure: Exception) -> int | None:
    """Return the HTTP status, or the one that matches an error inside an answer."""
    status = getattr(failure, "status_code", None)
    if isinstance(status, int) and status != HTTPStatus.OK:
        return status
    if not isinstance(failure, ProviderError):
        return None
    body = failure.body
    inner = body.get("error") or body if isinstance(body, Mapping) else {}
    error = inner if isinstance(inner, Mapping) else as_object(body)
    codes = [error.get(key) for key in ("code", "status", "status_code", "type")]
    for code in codes:
        number = as_count(code) or 0
        if HTTPStatus.BAD_REQUEST <= number < _NO_STATUS:
            return number
    words = " ".join(str(code).lower() for code in codes)
    return next((status for word, status in _STATUS_OF_WORD.items() if word in words), 500)


def _by_status(status: int, failure: Exception, asked: Asked, now_ms: int) -> StepBroke:
    where = f"model {asked.name} at {asked.host}"
    from app.llm.waits import wait_ms  # noqa: PLC0415 - most models never fail

    body, response = getattr(failure, "body", None), getattr(failure, "response", None)
    shown = _shown(_message(body), asked)
    said = f"(status {status}): {shown}"
    pause_ms = wait_ms({} if response is None else response.headers, body, shown, now_ms)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        message = f"{where} takes no more requests for now {said}"
        return StepBroke("RateLimited", message, retry_after_ms=pause_ms)
    if status in _OVERLOADED:
        return StepBroke("Overloaded", f"{where} is overloaded {said}", retry_after_ms=pause_ms)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return StepBroke("ModelFailed", f"{where} failed {said}", retry_after_ms=pause_ms)
    if status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT):
        return StepBroke("ModelFailed", f"{where} did not answer {said}", retry_after_ms=pause_ms)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        message = f"{where} refused the key; check its secret or keyEnv {said}"
        return StepBroke("ModelAuth", message, retryable=False)
    if status == HTTPStatus.NOT_FOUND:
        message = f"{where} is not there; check its model and baseUrl {said}"
        return StepBroke("UnknownModel", message, retryable=False)
    if _is_too_long(status, said):
        message = (
            f"the conversation is longer than {where} can read {said}; give it less: shorter "
            "files and results (the agent's `limits.maxResult`), a shorter conversation (its "
            "`context`), or a model with a longer context"
        )
        return StepBroke("ContextTooLong", message, retryable=False)
    if status < HTTPStatus.BAD_REQUEST:
        message = f"{where} redirects (status {status}); name the address it leads to as baseUrl"
        return StepBroke("ModelRejected", message, retryable=False)
    return StepBroke("ModelRejected", f"{where} refused the request {said}", retryable=False)


def _is_too_long(status: int, message: str) -> bool:
    """Return whether a provider refuses a request for its length; each one words it its own way."""
    return status in _REFUSED and bool(_TOO_LONG.search(message))


def _message(body: Any) -> str:
    """Return the message of a provider's error, wherever it is; otherwise the whole body."""
    return _said(body) or (json.dumps(body, default=str) if body else "no message")


def _said(body: Any, depth: int = 4) -> str:
    if isinstance(body, str):
        return body.strip()
    if isinstance(body, list) and body and depth:
        return _said(body[0], depth - 1)
    if not isinstance(body, Mapping) or not depth:
        return ""
    inner = body.get("error")
    if isinstance(inner, Mapping | list) and (detail := _said(inner, depth - 1)):
        return detail
    found = [detail for key in _SAYING if (detail := _said(body.get(key), depth - 1))]
    detail = next(iter(dict.fromkeys(found)), "")
    place = body.get("loc")  # some name the cause in the question only here
    return (
        f"{'.'.join(map(str, place))}: {detail}" if detail and isinstance(place, list) else detail
    )


def _shown(text: str, asked: Asked) -> str:
    text = text[: 4 * _EXCERPT]
    for value in asked.hidden:
        text = without_key(text, value)
    text = " ".join(text.split())
    return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}..."


def without_key(text: str, key: str) -> str:
    """Return a text with all pieces of the key hidden.

    Providers repeat the beginning and the end of a key that they refuse.
    """
    if len(key) <= _PIECE:
        return text.replace(key, "***") if key else text
    pieces = {key[at : at + _PIECE] for at in range(len(key) - _PIECE + 1)}
    shown: list[str] = []
    at = hidden_to = 0
    while at < len(text):
        if text[at : at + _PIECE] in pieces:
            if at > hidden_to or not shown or shown[-1] != "***":
                shown.append("***")
            hidden_to = at + _PIECE
        elif at >= hidden_to:
            shown.append(text[at])
        at += 1
    return "".join(shown)
