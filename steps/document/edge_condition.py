"""Conditions of edges: bare expressions that say whether a run may take an edge."""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import TypeAlias

from engine import ConditionFailed, Json
from steps.language.expression import Expression, ExpressionError, bare_condition, expression_of
from steps.language.opened_data import opens_here

_UNSEALED = "the data has sensitive fields, so the reason is not shown"


def condition(text: str, given: Mapping[str, Json] | None = None) -> "Condition":
    """Compile an edge's condition, which may also name what is given; `{{ }}` is tolerated.

    Raises `ExpressionError`.
    """
    return Condition(expression_of(bare_condition(text)), given or {})


class Condition:
    """A condition of an edge, ready to be asked."""

    __slots__ = ("_expression", "_given")

    def __init__(self, expression: Expression, given: Mapping[str, Json]) -> None:
        self._expression, self._given = expression, given

    def __call__(self, scope: Mapping[str, Json]) -> bool:
        """Say whether it holds in a scope. Raises `ConditionFailed`."""
        known = _answers.get()
        if known is None:
            return self._holds(scope)
        if self not in known:
            try:
                known[self] = self._holds(scope)
            except ConditionFailed as failed:
                known[self] = failed
        answer = known[self]
        if isinstance(answer, ConditionFailed):
            raise answer
        return answer

    def is_long(self, scope: Mapping[str, Json]) -> bool:
        """Say whether it looks at so much of a scope that others should not wait for it."""
        return self._expression.is_long(scope)

    def _holds(self, scope: Mapping[str, Json]) -> bool:
        names = {**scope, **self._given} if self._given else scope
        if (opens := opens_here()) is not None and isinstance(data := scope["data"], dict):
            names = {**names, "data": opens(data)}
        try:
            return bool(self._expression.evaluate(names))
        except ExpressionError as failed:
            # What is open only here must not be told by what has failed.
            hidden = ExpressionError(self._expression.text, _UNSEALED)
            raise ConditionFailed(str(hidden if opens else failed)) from None


Answers: TypeAlias = dict[Condition, bool | ConditionFailed]
_answers: ContextVar[Answers | None] = ContextVar("answers", default=None)


class answered_by:  # noqa: N801 - read as a verb: with answered_by(answers)
    """Ask each condition once inside: the answers are kept in `answers`, and taken from there."""

    __slots__ = ("_answers", "_token")

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def __enter__(self) -> None:
        self._token = _answers.set(self._answers)

    def __exit__(self, *_: object) -> None:
        _answers.reset(self._token)
