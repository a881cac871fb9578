"""A condition as a setting: one bare expression, as edges have it."""

from typing import Annotated

from pydantic import AfterValidator

from steps.language.expression import Expression, ExpressionError, bare_condition


def _compiles(text: str) -> str:
    try:
        Expression(bare_condition(text))
    except ExpressionError as wrong:
        raise ValueError(str(wrong)) from wrong
    return text


Condition = Annotated[str, AfterValidator(_compiles)]
