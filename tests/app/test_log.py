"""No line of the log shows a secret, whatever its source."""

import subprocess
import sys

import pytest

SCRIPT = """
import logging
from pathlib import Path
from app.telemetry import log, log_output
from app.secrets.mask import Mask

log_output.configure("debug", {style!r})
log_output.mask_with(Path("one"), Mask(["forgotten"]).text)
log_output.mask_with(Path("one"), Mask(["first-canary"]).text)
log_output.mask_with(Path("two"), Mask(["canary \\"value\\""]).text)

def fail():
    raise RuntimeError('it holds canary "value" and sk_0123456789')

try:
    fail()
except RuntimeError as failure:
    log.step_crashed("run", "step", failure)
    log.timer_failed("run", failure)
    logging.getLogger("asyncio").error("never retrieved, forgotten first-canary: %s", failure, exc_info=failure)
log.request_served("GET", "/api/canary%20%22value%22", 200, "id")
"""


@pytest.mark.parametrize("style", ["json", "console"])
def test_tracebacks_paths_and_log_lines_of_libraries_are_masked(style: str) -> None:
    shown = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(style=style)],
        capture_output=True, text=True, check=True,
    ).stderr  # fmt: skip
    assert shown.count("RuntimeError") >= 2
    assert "Traceback" in shown
    assert "never retrieved" in shown
    assert shown.count("***") >= 6
    assert "value" not in shown
    assert "first-canary" not in shown  # a second folder's mask does not replace the first one's
    assert "forgotten ***" in shown  # only a newer mask of the same folder does
    assert "0123456789" not in shown
