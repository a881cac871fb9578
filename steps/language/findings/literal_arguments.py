"""Finds literal arguments that a filter always refuses: an unknown unit, zone or pattern."""

from collections.abc import Callable, Iterator

from steps.language.catalogue import FILTERS, TESTS
from steps.language.filters.offered import FILTERS as OWN
from steps.language.filters.offered import TESTS as OWN_TESTS
from steps.language.filters.offered import begin
from steps.language.operands import separator
from steps.language.syntax.nodes import Arguments, Call, Filter, Literal, Name, Node, Test, Unary

_DAY = "2000-01-03"
_SAMPLES: dict[str, object] = {
    "business_days": _DAY, "date_add": _DAY, "date_add_business_days": _DAY,
    "date_add_months": _DAY, "date_diff": _DAY, "date_format": _DAY, "date_in": _DAY,
    "date_parts": _DAY, "date_trunc": _DAY, "divisibleby": 0, "endingwith": "", "startingwith": "",
    "format_number": 0, "hmac": "", "matching": "",
    "regex_findall": "", "regex_match": "", "regex_sub": "", "regex_split": "", "tojson": 0,
}  # fmt: skip
"""A sample value on which a filter or a test is tried."""

_STAND_INS: dict[str, object] = {
    "until": _DAY, "other": _DAY, "duration": "1d", "days": 1, "months": 1, "pattern": "",
    "zone": "UTC", "unit": "day", "key": "", "replacement": "",
}  # fmt: skip
"""A placeholder for an argument that is known only in a run."""

_COSTLY = frozenset("{")
"""A pattern with so many repetitions takes long to compile."""


def refused_in(node: Node) -> Iterator[str]:
    """Return why a filter, a test or `now()` refuses its literal arguments."""
    match node:
        case Filter(_, "split", given):
            named = dict(given.named).get("separator", Literal("none", None))
            yield from _refused_by(separator, next(iter(given.positional), named))
        case Filter(_, name, given) if name in _SAMPLES:
            yield from _refused(name, FILTERS[name].names, given)
        case Test(_, name, given) if name in _SAMPLES:
            yield from _refused(name, TESTS[name].names, given)
        case Call(Name("now"), given):
            yield from _refused("date_in", ["zone"], given)


def _refused(name: str, parameters: list[str], given: Arguments) -> Iterator[str]:
    arguments = [*zip(parameters, given.positional, strict=False), *given.named]
    literals = {key: value for key, node in arguments for value in _value(node)}
    if not literals or not literals.keys() <= set(parameters):
        return
    if _COSTLY & set(str(literals.get("pattern", ""))):
        return
    needed = {key: _STAND_INS[key] for key, _ in arguments if key in _STAND_INS}
    call = OWN.get(name) or OWN_TESTS[name]
    begin()
    try:
        call(_SAMPLES[name], **{**needed, **literals})
    except ValueError as wrong:
        yield f"{name}: {wrong}" if name not in str(wrong) else str(wrong)
    except (ArithmeticError, KeyError, TypeError):
        return  # the error concerns the sample, not the arguments


def _refused_by(check: Callable[[object], object], node: Node) -> Iterator[str]:
    for value in _value(node):
        try:
            check(value)
        except ValueError as wrong:
            yield str(wrong)


def _value(node: Node) -> Iterator[object]:
    match node:
        case Literal(_, value):
            yield value
        case Unary("-", Literal(_, int() | float() as value)):
            yield -value
