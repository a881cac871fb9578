"""A condition as a setting: one bare expression, as edges have it."""

from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator

from steps.language.expression import Expression, ExpressionError, bare_condition


def _compiles(text: str) -> str:
    try:
        Expression(bare_condition(text))
    except ExpressionError as wrong:
        raise ValueError(str(wrong)) from wrong
    return text


@lru_cache(1_000)
def compiled_condition(text: str, also: frozenset[str] = frozenset()) -> Expression:
    """Return the expression of a condition, compiled only once for all runs.

    Raises `ExpressionError`.
    """
    return Expression(bare_condition(text), also=also)


Condition = Annotated[str, AfterValidator(_compiles)]
