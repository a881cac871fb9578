"""Imports the providers' libraries, if they are installed."""

from collections.abc import Iterator
from contextlib import contextmanager

from app.settings.extras import ExtraMissing, extra
from steps.contract.step_type import StepBroke


@contextmanager
def installed_models() -> Iterator[None]:
    """Import a provider's library inside this block. Raises `StepBroke` if it is missing."""
    try:
        with extra("llm", "asking a model"):
            yield
    except ExtraMissing as missing:
        raise StepBroke("ModelRejected", str(missing), retryable=False) from missing
