"""Signs of other languages in an expression that cannot be read, and what to write instead."""

import re
from collections.abc import Collection

_LONGEST = 1_000
_TEXT = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_SIGNS = (
    (re.compile(r"\$\{|#\{|\$\("), "expressions stand in `{{ }}`, as `{{ data.name }}`"),
    (re.compile(r"\$json|\$node|\$input|\$\."), "the data of a run is `data`, as in `data.name`"),
    (re.compile(r"\$"), "names begin with a letter, as in `data.name`"),
    (re.compile(r"&&"), "write `and`"),
    (re.compile(r"\|\|"), "write `or`"),
    (re.compile(r"===|!=="), "write `==` or `!=`"),
    (re.compile(r"\?\?"), "write `data.name | default('other')`"),
    (re.compile(r"\?\."), "write `data.a.b | default(none)`"),
    (re.compile(r"\?.*:"), "write `a if condition else b`"),
    (re.compile(r"=>|->"), "there are no functions of your own: use filters, or a set step"),
    (re.compile(r"!(?!=)"), "write `not`"),
    (re.compile(r"(?<![=!<>])=(?!=)"), "compare with `==`"),
    (re.compile(r"`"), "texts stand in `'` or `\"`"),
    (re.compile(r"\b(AND|OR|NOT)\b"), "write `and`, `or`, `not`"),
    (re.compile(r"\b(null|nil|undefined)\b"), "write `none`"),
)


_UNMARKED = re.compile(
    r"\$\.[A-Za-z_]\S*|(data|steps|constants|vars)(\.[A-Za-z_]\w*|\[\S+\])+|"
    r".*[$#]\{\s*(data|steps|constants|vars|context|input|json)\b.*",
    re.DOTALL,
)


def unmarked_hint(text: str) -> str:
    """Say that a text without `{{ }}` looks like an expression; empty where it does not."""
    is_one = len(text) <= _LONGEST and _UNMARKED.fullmatch(text.strip())
    told = "is a plain text; an expression stands in double braces, as {{ data.name }}"
    return told if is_one else ""


def foreign_hint(text: str) -> str:
    """Return `; ` with what to write instead of the first such sign, empty where there is none."""
    bare = _TEXT.sub("''", text)
    return next((f"; {told}" for sign, told in _SIGNS if sign.search(bare)), "")


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
    "regex_search": "regex_match",
}  # fmt: skip
"""What stands here for filters of other languages, and the name of the filter where it is one."""

FOREIGN_TESTS = {
    "null": "none", "nil": "none", "empty": "`data.list | length == 0`", "list": "sequence",
    "array": "sequence", "object": "mapping", "dict": "mapping", "text": "string",
    "bool": "boolean", "date": "matching('^[0-9]{4}-[0-9]{2}-[0-9]{2}')",
}  # fmt: skip
"""What stands here for tests of other languages."""

_NAMES = {
    "today": "now() | date_format('%Y-%m-%d')", "date": "now() | date_format('%Y-%m-%d')",
    "len": "value | length", "str": "value | string", "uuid": "run.id", "json": "value | from_json",
    "env": "vars.NAME, a variable of the tenant",
    "secret": "secrets.NAME", "payload": "data", "input": "data", "trigger": "data",
    "body": "response.body",
    "output": "steps['id'].output", "outputs": "steps['id'].output", "tasks": "steps['id'].output",
    "nodes": "steps['id'].output", "execution": "run", "workflow": "run", "loop": "index",
    "each": "item", "null": "none", "nil": "none", "undefined": "none",
}  # fmt: skip


def foreign_name_hint(name: str, filters: Collection[str]) -> str:
    """Return `; ` with what to write instead of a name, empty where that is not known."""
    if name in _NAMES:
        return f"; here it is {_NAMES[name]}"
    return f"; it is a filter: value | {name}" if name in filters else ""
