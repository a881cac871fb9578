"""How the log is written: its level and form, what is masked, and who else receives it."""

import logging
import re
import sys
from collections.abc import Callable, MutableMapping
from pathlib import Path
from typing import Any

import structlog

_SECRETS = re.compile(r"sk_[A-Za-z0-9_-]{8,}|(?i:bearer)\s+[A-Za-z0-9_.~+/=-]{8,}")
_log = structlog.get_logger("stepwell")
_masks: dict[Path, Callable[[str], str]] = {}
REQUESTS_SHOWN = {"so": True}
"""Whether requests are logged; read for each request, so kept outside the logger."""

_lines: list[Callable[[MutableMapping[str, Any]], None]] = []
"""What else receives each masked line, besides standard error."""


def send_lines_to(taker: Callable[[MutableMapping[str, Any]], None]) -> Callable[[], None]:
    """Also pass each line to `taker`; return a function that stops this."""
    _lines.append(taker)
    return lambda: _lines.remove(taker)


def mask_with(data: Path, mask: Callable[[str], str]) -> None:
    """Pass every text of every line through `mask`, for as long as the process lives.

    A process has one log and may serve several data folders. Each folder has the mask of its own
    secrets; a mask given again for a folder replaces the earlier one.
    """
    _masks[data.absolute()] = mask


class _Foreign(logging.Handler):
    """Formats log records of libraries like our own lines, also masked."""

    def emit(self, record: logging.LogRecord) -> None:
        _log.log(
            record.levelno,
            record.getMessage(),
            logger=record.name,
            exc_info=record.exc_info or None,
        )


def configure(level: str, style: str) -> None:
    """Write JSON lines or coloured text to standard error."""
    renderer: Any = (
        structlog.dev.ConsoleRenderer()
        if style == "console"
        else structlog.processors.JSONRenderer()
    )
    REQUESTS_SHOWN["so"] = logging.getLevelNamesMapping()[level.upper()] <= logging.DEBUG
    logging.basicConfig(handlers=[_Foreign()], level=logging.WARNING, force=True)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _mask,
            _send,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def _mask(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Remove keys, tokens and secrets from a line."""
    for name, value in event.items():
        if value is None or isinstance(value, bool | int | float):
            continue
        text = _SECRETS.sub("***", str(value))
        for mask in tuple(_masks.values()):
            text = mask(text)
        event[name] = text
    return event


def _send(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for taker in _lines:
        taker(event)
    return event


class _Forward(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        """Log a record of a library that was taken over, at debug level."""
        _log.debug("library", logger=record.name, message=record.getMessage()[:2_000])


def take_over(library: str) -> None:
    """Log a library's messages at debug level; by itself it writes to standard error."""
    logger = logging.getLogger(library)
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    logger.handlers = [_Forward()]
