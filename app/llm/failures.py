"""What went wrong with a model, as a step fails by it.

The providers' libraries have the same classes under different roofs, so a failure is read by
what it carries: a status, a response, a cause.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from app.outbound.network import AddressNotAllowed
from steps.contract import StepBroke
from steps.retry_after import retry_after_ms

_EXCERPT = 300
_OVERLOADED = (503, 529)
_STATUS_OF_TYPE = {
    "rate_limit": 429,
    "overloaded": 529,
    "authentication": 401,
    "permission": 403,
    "not_found": 404,
    "invalid_request": 400,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom a question went to, for the message.

    Attributes:
        name: What definitions call the model.
        key: What no message may show.
    """

    name: str
    host: str
    key: str | None


def broke(failure: Exception, asked: Asked, now_ms: int) -> StepBroke | None:
    """Return the step's failure, None for one that is no failure of the model or the network."""
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
    if "APIError" in names:
        return _by_status(HTTPStatus.INTERNAL_SERVER_ERROR, failure, asked, now_ms)
    if isinstance(failure, json.JSONDecodeError | UnicodeDecodeError):
        return StepBroke("InvalidResponse", f"{where} answered with what is no JSON")
    return None


def _causes(failure: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = failure
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def _status(failure: Exception) -> int | None:
    """Return the HTTP status, or the one that an error inside a stream stands for."""
    status = getattr(failure, "status_code", None)
    if isinstance(status, int) and status != HTTPStatus.OK:
        return status
    body = getattr(failure, "body", None)
    if not isinstance(body, Mapping):
        return None
    inner = body.get("error", body)
    words = f"{inner.get('type')} {inner.get('code')}" if isinstance(inner, Mapping) else ""
    return next((s for word, s in _STATUS_OF_TYPE.items() if word in words), 500)


def _by_status(status: int, failure: Exception, asked: Asked, now_ms: int) -> StepBroke:
    where = f"model {asked.name} at {asked.host}"
    told = f"(status {status}): {_shown(_message(failure), asked)}"
    response = getattr(failure, "response", None)
    wait = response.headers.get("retry-after") if response is not None else None
    wait_ms = retry_after_ms(wait, now_ms)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        message = f"{where} takes no more requests for now {told}"
        return StepBroke("RateLimited", message, retry_after_ms=wait_ms)
    if status in _OVERLOADED:
        return StepBroke("Overloaded", f"{where} is overloaded {told}", retry_after_ms=wait_ms)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return StepBroke("ModelFailed", f"{where} failed {told}", retry_after_ms=wait_ms)
    if status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.CONFLICT):
        return StepBroke("ModelFailed", f"{where} did not answer {told}", retry_after_ms=wait_ms)
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        # Providers repeat parts of the key in these messages, so theirs is not shown.
        message = f"{where} refused the key (status {status}); check its secret or keyEnv"
        return StepBroke("ModelAuth", message, retryable=False)
    if status == HTTPStatus.NOT_FOUND:
        message = f"{where} is not there; check its model and baseUrl {told}"
        return StepBroke("UnknownModel", message, retryable=False)
    if status < HTTPStatus.BAD_REQUEST:
        message = f"{where} redirects (status {status}); name the address it leads to as baseUrl"
        return StepBroke("ModelRejected", message, retryable=False)
    return StepBroke("ModelRejected", f"{where} refused the request {told}", retryable=False)


def _message(failure: Exception) -> str:
    body: Any = getattr(failure, "body", None)
    inner = body.get("error", body) if isinstance(body, Mapping) else body
    told = inner.get("message") if isinstance(inner, Mapping) else inner
    if isinstance(told, str) and told:
        return told
    return json.dumps(body, default=str) if body else "no message"


def _shown(text: str, asked: Asked) -> str:
    if asked.key:
        text = text.replace(asked.key, "***")
    text = " ".join(text.split())
    return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}..."
