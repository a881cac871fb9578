"""Conditions of edges: bare expressions that decide whether a run may take an edge."""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import TypeAlias

from engine import ConditionFailed, Json, scope_with
from steps.language.expression import Expression, ExpressionError, bare_condition, expression_of
from steps.language.opened_data import opens_here

_UNSEALED = "the data has sensitive fields, so the reason is not shown"


def condition(text: str, given: Mapping[str, Json] | None = None) -> "Condition":
    """Compile an edge's condition, which may also name `given`; `{{ }}` is tolerated.

    Raises `ExpressionError`.
    """
    return Condition(expression_of(bare_condition(text)), given or {})


class Condition:
    """A compiled condition of an edge."""

    __slots__ = ("_expression", "_given")

    def __init__(self, expression: Expression, given: Mapping[str, Json]) -> None:
        self._expression, self._given = expression, given

    def __call__(self, scope: Mapping[str, Json]) -> bool:
        """Return whether the condition is true in a scope. Raises `ConditionFailed`."""
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
        """Return whether it reads so much of a scope that it should not block the event loop."""
        return self._expression.is_long(scope)

    def _holds(self, scope: Mapping[str, Json]) -> bool:
        names = scope_with(scope, self._given) if self._given else scope
        if (opens := opens_here()) is not None and isinstance(data := scope["data"], dict):
            names = scope_with(names, {"data": opens(data)})
        try:
            return bool(self._expression.evaluate(names))
        except ExpressionError as failed:
            # The error must not reveal data that is unsealed only here.
            hidden = ExpressionError(self._expression.text, _UNSEALED)
            raise ConditionFailed(str(hidden if opens else failed)) from None


Answers: TypeAlias = dict[Condition, bool | ConditionFailed]
_answers: ContextVar[Answers | None] = ContextVar("answers", default=None)


class answered_by:  # noqa: N801 - read as a verb: with answered_by(answers)
    """Evaluate each condition once inside: the results are kept in `answers` and reused."""

    __slots__ = ("_answers", "_token")

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def __enter__(self) -> None:
        self._token = _answers.set(self._answers)

    def __exit__(self, *_: object) -> None:
        _answers.reset(self._token)
