"""Hints for syntax of other languages in an expression that does not parse."""

import re
from collections.abc import Collection

_LONGEST = 1_000
_TEXT = r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\""
_SIGNS = (  # compiled with the first text that has a mistake, as the patterns below
    (r"\$\{|#\{|\$\(", "expressions stand in `{{ }}`, as `{{ data.name }}`"),
    (r"\$json|\$node|\$input|\$\.", "the data of a run is `data`, as in `data.name`"),
    (r"\$", "names begin with a letter, as in `data.name`"),
    (r"&&", "write `and`"),
    (r"\|\|", "write `or`"),
    (r"===|!==", "write `==` or `!=`"),
    (r"\?\?", "write `data.name | default('other')`"),
    (r"\?\.", "write `data.a.b | default(none)`"),
    (r"\?[^?:]*:", "write `a if condition else b`"),
    (r"=>|->", "there are no functions of your own: use filters, or a set step"),
    (r"!(?!=)", "write `not`"),
    (r"(?<![=!<>])=(?!=)", "compare with `==`"),
    (r"\[\*\]|\.\*", "`| map(attribute='name') | list` takes an entry of each item"),
    (
        r"\bfor\s+\w+(?:\s*,\s*\w+)*\s+in\b",
        "use `| map(...)` and `| select(...)`, or `map` of a set step",
    ),
    (r"\blambda\b", "there are no functions of your own: use filters, or a set step"),
    (r"\bnew\b", "there is no `new`: the time is `now()`, an object `{'key': 1}`"),
    (r"\b[fr]''", "join texts with `~`, as `'a ' ~ data.name`"),
    (r"`", "texts stand in `'` or `\"`"),
    (r"\b(AND|OR|NOT)\b", "write `and`, `or`, `not`"),
    (r"\b(null|nil|undefined)\b", "write `none`"),
)


_UNMARKED = (
    r"(?s)\$\.[A-Za-z_]\S*|(data|steps|constants|vars)(\.[A-Za-z_]\w*|\[\S+\])+|"
    r".*[$#]\{\s*(data|steps|constants|vars|context|input|json)\b.*"
)


UNMARKED = "is a plain text; an expression stands in double braces, as {{ data.name }}"
"""The message about a text that looks like an expression."""


def unmarked_hint(text: str) -> str:
    """Return that a text without `{{ }}` looks like an expression; empty if it does not."""
    is_one = len(text) <= _LONGEST and re.fullmatch(_UNMARKED, text.strip())
    return UNMARKED if is_one else ""


def foreign_hint(text: str) -> str:
    """Return `; ` and the replacement for the first foreign sign, empty if there is none."""
    bare = re.sub(_TEXT, "''", text)
    return next((f"; {hint}" for sign, hint in _SIGNS if re.search(sign, bare)), "")


FOREIGN_FILTERS = {
    "number": "float", "len": "length", "size": "length", "json": "to_json", "to_yaml": "to_json",
    "currency": "format_number", "money": "format_number", "number_format": "format_number",
    "date": "date_format", "strftime": "date_format", "format_date": "date_format",
    "to_date": "date_parse", "parse_date": "date_parse", "dateAdd": "date_add",
    "upcase": "upper", "downcase": "lower", "titlecase": "title", "strip": "trim",
    "base64": "b64encode", "base64_encode": "b64encode", "base64_decode": "b64decode",
    "uniq": "unique", "group_by": "groupby", "sort_by": "sort", "sortBy": "sort", "mean": "avg",
    "pluck": "map(attribute='name')", "where": "selectattr", "filter": "select",
    "concat": "join", "if": "data.a if data.b else data.c",
    "ternary": "data.a if data.b else data.c",
    "substr": "[0:5] behind the value", "substring": "[0:5] behind the value",
    "contains": "'x' in data.list", "has": "'x' in data.list",
    "startswith": "is startingwith('x')", "endswith": "is endingwith('x')",
    "keys": ".keys() behind the value", "values": ".values() behind the value",
    "append": "+ [...] behind the value", "push": "+ [...] behind the value",
    "floor": "round(0, 'floor')", "ceil": "round(0, 'ceil')", "md5": "sha256", "sha1": "sha256",
    "hash": "sha256", "jsonpath": "data.a.b[0]", "uuid": "run.id", "random": "run.id | sha256",
    "wordcount": "split | length", "word_count": "split | length", "words": "split",
    "combine": "merge", "extend": "merge", "assign": "merge", "update": "merge",
    "match": "regex_match", "test": "regex_match", "matches": "regex_match",
    "sorted": "sort", "order_by": "sort", "orderBy": "sort", "sum_of": "sum", "total": "sum",
    "average": "avg", "any": "select | length > 0",
    "duration": "date_add", "add_days": "date_add", "date_sub": "date_add('-1d')",
    "time_diff": "date_diff", "date_delta": "date_diff", "datediff": "date_diff",
    "parse_json": "from_json", "fromjson": "from_json", "json_decode": "from_json",
    "json_encode": "to_json", "stringify": "to_json", "parse_csv": "from_csv",
    "url_encode": "urlencode", "url_decode": "urldecode", "encodeURIComponent": "urlencode",
    "escape_html": "escape", "html": "escape", "capitalise": "capitalize",
    "padStart": "'%05d' | format(data.n)", "zfill": "'%05d' | format(data.n)",
    "rjust": "'%10s' | format(data.a)", "ljust": "'%-10s' | format(data.a)",
    "center": "'%10s' | format(data.a)", "pad": "'%10s' | format(data.a)",
    "regex_search": "regex_match", "regex_replace": "regex_sub", "replace_regex": "regex_sub",
    "replace_all": "regex_sub", "re_sub": "regex_sub",
}  # fmt: skip
"""The equivalents of filters in other languages, with the filter's name where it is one."""

FOREIGN_TESTS = {
    "null": "none", "nil": "none", "empty": "`data.list | length == 0`", "list": "sequence",
    "array": "sequence", "object": "mapping", "dict": "mapping", "text": "string",
    "bool": "boolean", "date": "matching('^[0-9]{4}-[0-9]{2}-[0-9]{2}')",
}  # fmt: skip
"""The equivalents of tests in other languages."""

_NAMES = {
    "today": "now() | date_format('%Y-%m-%d')", "date": "now() | date_format('%Y-%m-%d')",
    "len": "value | length", "str": "value | string", "uuid": "run.id", "json": "value | from_json",
    "Math": "a filter, such as `| round`, `| abs` or `[1, 2] | max`",
    "Object": "`.keys()` or `.items()`",
    "JSON": "`| to_json` or `| from_json`", "Date": "now()", "datetime": "now()",
    "Number": "value | float", "String": "value | string", "parseInt": "value | int",
    "parseFloat": "value | float", "typeof": "`is string`, `is number` and other tests",
    "env": "vars.NAME, a variable of the tenant",
    "secret": "secrets.NAME", "payload": "data", "input": "data", "trigger": "data",
    "body": "response.body",
    "output": "steps['id'].output", "outputs": "steps['id'].output", "tasks": "steps['id'].output",
    "nodes": "steps['id'].output", "execution": "run", "workflow": "run", "loop": "index",
    "each": "item", "NULL": "none", "Null": "none", "null": "none", "nil": "none",
    "undefined": "none",
}  # fmt: skip


def foreign_name_hint(name: str, filters: Collection[str]) -> str:
    """Return `; ` and the replacement for a foreign name, empty if none is known."""
    if name in _NAMES:
        return f"; here it is {_NAMES[name]}"
    if name in ("max", "min", "sum", "avg"):
        return f"; it is a filter: [1, 2] | {name}"
    if name == "concat":
        return "; texts are joined with `~`, lists with `+`"
    if name not in filters and FOREIGN_FILTERS.get(name) in filters:
        return f"; here it is a filter: value | {FOREIGN_FILTERS[name]}"
    return f"; it is a filter: value | {name}" if name in filters else ""
