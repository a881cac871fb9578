"""The table that maps failures to answers: exception class, status, error name."""

from http import HTTPStatus

from starlette.responses import JSONResponse

from app.auth.errors import Forbidden, ProviderUnavailable, Unauthorized
from app.auth.first_owner import OwnerThere
from app.auth.passkeys import UnfitPasskey
from app.auth.passwords import TooManyPasswords, UnfitPassword
from app.auth.people import UnfitPerson
from app.auth.rate_limits import RateLimited
from app.auth.sealed_token import LinkUnusable
from app.concurrency.offload import OffloadTimeout
from app.definitions.variables import UnfitVariable
from app.definitions.versioned import DefinitionUnusable
from app.events.streams import TooManyStreams
from app.execution.answering.entitlement import NotYours
from app.execution.live.live_run import RunLost
from app.execution.starting.admission import Overloaded
from app.files.spool import StorageError
from app.secrets.vault import UnfitSecret
from app.settings.extras import ExtraMissing
from app.telemetry import log
from app.tools.mcp.grants import NotSignedIn, SignInFailed
from app.tools.mcp.sign_ins import UnknownMcpServer
from app.triggers.keyed_starts import StartRefused
from app.triggers.receiving import CannotReplay, NotReady, NotUnderstood
from app.triggers.verification import NotVerified
from app.wire.parsing.errors import (
    BadRequest,
    BodyTimeout,
    IdempotencyMismatch,
    NotAllowedHere,
    NotFoundHere,
    PayloadTooLarge,
    ServerStops,
    StartedAndDeleted,
    ToolNotFound,
    UnsupportedMediaType,
)
from engine import AnswerKeyReused, Rejected
from journal import (
    Archived,
    ChildOf,
    Corrupt,
    Damaged,
    DefinitionExists,
    NameTaken,
    NotArchived,
    NotEnded,
    NotFound,
    OpenRuns,
    PasskeyTaken,
    TooManySchedules,
    TooManySignals,
    TooManyTriggers,
    TooManyViews,
    TooManyWebhooks,
    Unavailable,
    UnknownAgent,
    UnknownCredential,
    UnknownDelivery,
    UnknownFile,
    UnknownFiring,
    UnknownModel,
    UnknownPasskey,
    UnknownPerson,
    UnknownRun,
    UnknownSchedule,
    UnknownSecret,
    UnknownSession,
    UnknownThread,
    UnknownTrigger,
    UnknownVariable,
    UnknownView,
    UnknownWebhook,
)
from steps.contract.step_type import InvalidAnswer, Problem
from steps.document.problems import InvalidDefinition

TABLE: tuple[tuple[type[Exception], int, str], ...] = (
    (Unauthorized, 401, "Unauthorized"),
    (NotVerified, 401, "Unauthorized"),
    (Forbidden, 403, "Forbidden"),
    (NotYours, 403, "Forbidden"),
    (UnknownRun, 404, "Run not found"),
    (UnknownFile, 404, "File not found"),
    (UnknownSecret, 404, "Secret not found"),
    (UnknownVariable, 404, "Variable not found"),
    (UnknownView, 404, "View not found"),
    (UnknownModel, 404, "Model not found"),
    (UnknownThread, 404, "Thread not found"),
    (UnknownWebhook, 404, "Webhook not found"),
    (UnknownDelivery, 404, "Delivery not found"),
    (UnknownSchedule, 404, "Schedule not found"),
    (UnknownTrigger, 404, "Trigger not found"),
    (UnknownFiring, 404, "Firing not found"),
    (UnknownCredential, 404, "Credential not found"),
    (UnknownPerson, 404, "Person not found"),
    (UnknownPasskey, 404, "Passkey not found"),
    (UnknownSession, 404, "Session not found"),
    (LinkUnusable, 404, "Link not valid"),
    (UnknownMcpServer, 404, "Not found"),
    (NotFoundHere, 404, "Not found"),
    (ToolNotFound, 404, "Tool not found"),
    (NotSignedIn, 404, "Not found"),
    (UnknownAgent, 404, "Agent not found"),
    (NotFound, 404, "Workflow not found"),
    (NotAllowedHere, 405, "Method not allowed"),
    (BodyTimeout, 408, "Request timeout"),
    (StartedAndDeleted, 410, "Run deleted"),
    (PayloadTooLarge, 413, "Payload too large"),
    (UnsupportedMediaType, 415, "Unsupported media type"),
    (IdempotencyMismatch, 422, "Idempotency key reused"),
    (RateLimited, 429, "Too many requests"),
    (TooManyStreams, 429, "Too many requests"),
    (AnswerKeyReused, 422, "Idempotency key reused"),
    (Rejected, 409, "Conflict"),
    (OpenRuns, 409, "Conflict"),
    (TooManyWebhooks, 409, "Conflict"),
    (TooManySchedules, 409, "Conflict"),
    (TooManyViews, 409, "Conflict"),
    (TooManyTriggers, 409, "Conflict"),
    (CannotReplay, 409, "Conflict"),
    (TooManySignals, 429, "Too many requests"),
    (NameTaken, 409, "Conflict"),
    (OwnerThere, 409, "Conflict"),
    (SignInFailed, 409, "Conflict"),
    (NotEnded, 409, "Conflict"),
    (ChildOf, 409, "Conflict"),
    (DefinitionExists, 409, "Conflict"),
    (DefinitionUnusable, 409, "Conflict"),
    (InvalidDefinition, 400, "Invalid input"),
    (NotUnderstood, 400, "Invalid input"),
    (StartRefused, 400, "Invalid input"),
    (InvalidAnswer, 400, "Invalid input"),
    (BadRequest, 400, "Invalid input"),
    (UnfitPerson, 400, "Invalid input"),
    (UnfitPassword, 400, "Invalid input"),
    (UnfitPasskey, 400, "Invalid input"),
    (PasskeyTaken, 400, "Invalid input"),
    (UnfitSecret, 400, "Invalid input"),
    (UnfitVariable, 400, "Invalid input"),
    (Archived, 400, "Invalid input"),
    (NotArchived, 409, "Conflict"),
    (TooManyPasswords, 503, "Service unavailable"),
    (ProviderUnavailable, 503, "Service unavailable"),
    (NotReady, 503, "Service unavailable"),
    (ExtraMissing, 503, "Service unavailable"),
    (Overloaded, 503, "Service unavailable"),
    (RunLost, 503, "Service unavailable"),
    (Unavailable, 503, "Service unavailable"),
    (ServerStops, 503, "Service unavailable"),
    (StorageError, 503, "Service unavailable"),
    (OffloadTimeout, 500, "Internal server error"),  # its notes go to the log
    (Corrupt, 500, "Internal server error"),
    (Damaged, 500, "Internal server error"),
)
"""The first row counts whose class the failure is an instance of."""


def is_known(failure: Exception) -> bool:
    """Return whether a failure has a row, so that its message may be shown."""
    status, _ = _row(failure)
    return status < HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.SERVICE_UNAVAILABLE


def log_if_unknown(request_id: str, failure: Exception) -> None:
    """Log a failure whose answer does not show it."""
    if not is_known(failure):
        log.request_failed(request_id, failure)


def error_response(failure: Exception, request_id: str) -> JSONResponse:
    """Return the answer for a failure; one without a row gives a 500 with only the request id."""
    status, word = _row(failure)
    document: dict[str, object] = {"error": word}
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        document["message"] = "the server failed; see its log under this requestId"
    else:
        problems: tuple[Problem, ...] = getattr(failure, "problems", ())
        document["message"] = "; ".join(
            f"{item.path}: {item.message}" if item.path else item.message for item in problems[:3]
        ) or str(failure)
        if problems:
            document["details"] = [
                {"path": item.path, "message": item.message} for item in problems
            ]
    document["requestId"] = request_id
    return JSONResponse(document, status, {"Link": _help(status, word)} | _headers(status, failure))


def _headers(status: int, failure: Exception) -> dict[str, str]:
    match status:
        case 401:
            return {"WWW-Authenticate": getattr(failure, "challenge", "Bearer")}
        case 405:
            return {"Allow": getattr(failure, "allowed", "")}
        case 429 | 503:
            return {"Retry-After": str(getattr(failure, "retry_after_s", 1))}
    return {}


def _help(status: int, word: str) -> str:
    """Return the link (RFC 8288) to the page of the guide about an error."""
    heading = "Not found" if status == HTTPStatus.NOT_FOUND else word
    return f'</guide/docs/errors/#{heading.lower().replace(" ", "-")}>; rel="help"'


def _row(failure: Exception) -> tuple[int, str]:
    for kind, status, word in TABLE:
        if isinstance(failure, kind):
            return status, word
    return 500, "Internal server error"
