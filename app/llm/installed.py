"""The libraries of models, where they are installed."""

from collections.abc import Iterator
from contextlib import contextmanager

from app.settings.extras import ExtraMissing, extra
from steps.contract.step_type import StepBroke


@contextmanager
def installed_models() -> Iterator[None]:
    """Import inside of it what speaks to a provider. Raises `StepBroke` where it is missing."""
    try:
        with extra("llm", "asking a model"):
            yield
    except ExtraMissing as missing:
        raise StepBroke("ModelRejected", str(missing), retryable=False) from missing
