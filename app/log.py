"""What the log says: all wording and levels, and how it is written."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_SECRETS = re.compile(r"sk_[A-Za-z0-9_-]{8,}|(?i:bearer)\s+[A-Za-z0-9_.~+/=-]{8,}")
_log = structlog.get_logger("stepwell")


def configure(level: str, style: str) -> None:
    """Write JSON lines or coloured text to standard error."""
    renderer: Any = (
        structlog.dev.ConsoleRenderer()
        if style == "console"
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _mask,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _mask(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Leave no key or token in a line."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = _SECRETS.sub("***", value)
    return event


def server_started(address: str) -> None:
    """Say where the server listens."""
    _log.info("server started", address=address)


def server_stopping() -> None:
    """Say that the server stops taking requests."""
    _log.info("server stopping")


def recovered(count: int) -> None:
    """Say how many runs a restart had left behind."""
    _log.info("recovery done", runs=count)


def recovery_delayed(failure: Exception) -> None:
    """Say that recovery is tried again."""
    _log.warning("recovery delayed", why=str(failure))


def run_not_recovered(run_id: str, failure: Exception) -> None:
    """Say that a run is tried again later."""
    _log.error("run not recovered, trying again", run=run_id, exc_info=failure)


def run_lost(run_id: str, failure: Exception) -> None:
    """Say that a run is being read again from the journal."""
    _log.error("run lost, reading it again", run=run_id, exc_info=failure)


def run_stuck(run_id: str, why: Exception) -> None:
    """Say that a run cannot be carried on with the definitions of this server."""
    _log.error("run cannot be carried on", run=run_id, why=str(why))


def step_crashed(run_id: str, step_id: str, crash: Exception) -> None:
    """Say that a step type raised something that it should not."""
    _log.error("step crashed", run=run_id, step=step_id, exc_info=crash)


def timers_delayed(failure: Exception) -> None:
    """Say that due timers could not be read."""
    _log.warning("timers delayed", why=str(failure))


def timer_failed(run_id: str, failure: BaseException) -> None:
    """Say that a due run could not be woken; it is tried again."""
    _log.error("timer failed, trying again", run=run_id, why=str(failure))


def request_failed(request_id: str, failure: Exception) -> None:
    """Keep what a 500 does not show."""
    _log.error("request failed", request=request_id, exc_info=failure)


def request_served(method: str, path: str, status: int, request_id: str) -> None:
    """Note a request."""
    _log.debug("request", method=method, path=path, status=status, request=request_id)
