"""What triggers give to a run, as it is written: how long it may be, and its templates."""

import json
from typing import Any

from steps.language.expression import ExpressionError
from steps.language.template import Template

_LONGEST_BYTES = 16 * 1024


def must_be_short(data: Any) -> None:
    """Raise `ValueError` if data is longer than a trigger may hold."""
    if len(json.dumps(data)) > _LONGEST_BYTES:
        raise ValueError(f"may have {_LONGEST_BYTES} bytes at most, as JSON")


def data_template(data: Any, names: frozenset[str] = frozenset()) -> Template:
    """Return data as a template that may use these names too. Raises `ValueError`."""
    must_be_short(data)
    try:
        return Template(data, also=names)
    except ExpressionError as wrong:
        raise ValueError(str(wrong)) from wrong
