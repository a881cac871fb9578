"""Hostile expressions: known attacks on template engines, and random ones from a grammar."""

import random
from collections.abc import Iterator

ROOTS = [
    "data", "data.s", "data.l", "data.d", "data.n", "steps", "run", "context", "'a'", "1", "1.5", "[]", "{}",
    "true", "none", "range(3)", "dict()", "(1, 2)", "(data.d | items)", "(data.l | sort)", "('a' | upper)",
    "data.l[0:2]", "(data.d | dictsort)", "(data.s | safe)", "('%s' | format)",
]  # fmt: skip
NAMES = [
    "__class__", "__mro__", "__bases__", "__base__", "__subclasses__", "__init__", "__globals__", "__dict__",
    "__builtins__", "__getattribute__", "__getattr__", "__getitem__", "__reduce__", "__reduce_ex__", "__doc__",
    "__module__", "__code__", "__closure__", "__func__", "__self__", "__call__", "__import__", "__iter__",
    "__len__", "__add__", "__mul__", "__format__", "__str__", "__repr__", "__eq__", "__hash__", "__dir__",
    "__init_subclass__", "__class_getitem__", "__slots__", "__weakref__", "__sizeof__", "__new__", "__del__",
    "gi_frame", "f_globals", "func_globals", "mro", "clear", "pop", "popitem", "update", "setdefault", "keys",
    "values", "items", "copy", "fromkeys", "get", "append", "extend", "insert", "remove", "reverse", "sort",
    "format", "format_map", "upper", "encode", "join", "split", "translate", "maketrans", "real", "imag",
    "to_bytes", "from_bytes", "hex", "as_integer_ratio", "denominator", "bit_length", "isoformat",
]  # fmt: skip
FUNCTIONS = [
    "lipsum", "cycler", "joiner", "namespace", "debug", "self", "super", "caller", "loop", "varargs", "kwargs",
    "get_flashed_messages", "request", "config", "g", "session", "url_for", "open", "eval", "exec", "compile",
    "import", "__import__", "print", "input", "globals", "locals", "getattr", "setattr", "type", "object",
    "vars", "dir", "help", "breakpoint", "os", "sys", "subprocess", "builtins", "__name__", "app", "env",
    "environ", "settings", "secrets", "tenant", "journal", "lambda", "yield", "await", "import os",
]  # fmt: skip
FILTERS = [
    "attr('__class__')", "attr('clear')", "map(attribute='__class__') | list", "map('attr', '__class__') | list",
    "selectattr('__class__') | list", "rejectattr('__class__') | list", "groupby('__class__')",
    "sort(attribute='__class__')", "map('upper') | list", "map('eval') | list", "map('tojson') | list",
    "format(1)", "format(a=1)", "xmlattr", "pprint", "safe", "escape", "random", "list", "string", "int",
    "float", "bool", "tojson(indent=10000000000)", "tojson(indent=-1)", "tojson(indent='x')", "tojson(2**62)",
    "to_json(1)", "from_json", "sha256", "date_add('9999999d')", "date_add('-9999999d')", "date_format('%Q')",
    "date_format('%999999999Y')", "replace('', 'x' * 1000)", "replace('x', data.b)", "join(data.b)",
    "indent(1000000000)", "indent(-1)", "batch(1000000000, 0)", "batch(0)", "batch(-1)", "slice(1000000000)",
    "slice(0)", "slice(-1)", "truncate(1000000000)", "center(1000000000)", "wordwrap(0)", "round(1000)",
    "round(-1000)", "round(2**70)", "sum", "min", "max", "first", "last", "reverse", "unique | list", "title",
    "capitalize", "urlencode", "split('')", "split('x', -1)", "lines", "zip(data.many) | list", "length",
    "chain(data.many) | list", "default(data.b, true)", "dictsort(by='x')", "dictsort(reverse=9)", "abs",
    "trim(data.b)", "items | list", "unknown", "__class__", "map", "select('eval')", "reject('unknown')",
]  # fmt: skip
BOMBS = [
    "'a' * 10**9", "('a' * 10**6) * 10**6", "10**10**10", "9**9**9**9", "2**10000", "2**-1", "0**-1", "1 // 0",
    "1 % 0", "1.0 / 0", "0 / 0", "(-9223372036854775807 - 1) // -1", "(-2**127) // -1", "-(-2**127)", "2**127 + 2**127",
    "9" * 4_000, "1e999", "-1e999", "1e-999", "0x" + "f" * 100, "1_000_000", "1" + "0" * 300 + ".5",
    "range(10**18)", "range(100000) | list | length", "range(0, 10, 0)", "range(-10**18, 10**18)", "range(10**400)",
    "[0] * 10**9", "data.many * 10**6", "[[0] * 10**5] * 10**5", "{'a': [0] * 10**8}", "data.b * 10**6",
    "(" * 2_000 + ")" * 2_000, "[" * 2_000 + "]" * 2_000, "{'a':" * 600 + "1" + "}" * 600, "-" * 4_000 + "1",
    "not " * 900 + "true", "1" + " + 1" * 1_000, "1" + " ** 1" * 800, "'a'" + " ~ 'a'" * 600, "data.b" + " ~ data.b" * 500,
    "data.b" + " + data.b" * 400, "data" + ".a" * 2_000, "data" + "['a']" * 700, "data.s" + " | upper" * 400,
    "data.b" + " | replace('x', 'xxxxxxxxxx')" * 100, "'x'" + " | replace('x', 'xxxxxxxxxx')" * 100,
    "1" + " if 1 else 1" * 300, "[data.b, data.b, data.b] | string | length", "data | string | length",
    "data.many | map('default', data.b, true) | map('upper') | list | length", "data.many | map('string') | join(data.b)",
    "data.strings | map('replace', '', data.b) | list", "data.many | join(data.b) | length", "data.deep | from_json",
    "('[' * 4000) | from_json", "data.half | from_json", "'NaN' | from_json", "'1e999' | from_json",
    "('9' * 5000) | from_json", "'2026-01-01' | date_format('%' * 199)", "'2026-01-01' | date_format(data.b)",
    "data.b | date_add('1d')", "data.b | sha256", "data.many | sort | unique | list | length", "data.b[::-1]",
    "data.l[::0]", "data.l[10**30:]", "data.l[-10**30:10**30]", "data.b[10**18]", "data.l[data.many]", "data[data]",
    "'%1000000000d' | format(1)", "'%*d' | format(10**9, 1)", "'%s' | format(data)", "'%(a)s' | format(data.d)",
    "'{0.__class__}' | format(1)", "data.u", "[data.u]", "data.u ~ data.u", "data.u | safe",
]  # fmt: skip
WORDS = [
    "{% for x in data %}{% endfor %}", "{%- set x = 1 %}", "{# comment #}", "1 }} {{ 2", "1 }}{% if 1 %}", "}}", "{{",
    "# line", "## line", "1 #}", "{% raw %}", "{% include '/etc/passwd' %}", "{% import 'os' %}", "{% extends 'x' %}",
    "include '/etc/passwd'", "1; 2", "1\n2", "1 // comment", "1 /* x */", "`id`", "$(id)", "${7*7}", "#{7*7}", "<%= 7 %>",
    "\\", "'\\", "'\\x", "'\\u", "'\\u{110000}'", "'\\ud800'", "'\\ud800\\udc00'", "'\\0'", "'a\0b'", "\0", "data\0.s",
    "\ufeffdata.s", "data\u200b.s", "d\u0430ta.s", "\uff44ata.s", "data\u2024s", "data.\u0061", "data.s\u202e", "\U0001f600",
    "data['\u0000']", "data.s is string is string", "data is callable", "data.s is defined is undefined", "", " ", "\t\n",
    "data.", ".data", "data..s", "data.s.", "data[", "data]", "data[]", "data.s(", "data.s()", "data()", "'a'()", "1()",
    "(lambda: 1)()", "[x for x in data]", "{x: 1 for x in data}", "data.s = 1", "data.s := 1", "x = 1", "data if", "if data",
    "data | ", "| data", "data || 1", "data && 1", "!data", "data ? 1 : 2", "data <=> 1", "1 in 1", "data in data",
    "@data", "data@data", "*data", "**data", "data.*", "data[*]", "data.s.0.1", "data.1", "1.data", "data.l.0.__class__",
    "secrets", "secrets.TOKEN", "secrets['TOKEN']", "data.secrets", "'secrets'", "(secrets)", "[secrets][0].TOKEN",
    "{'a': secrets}", "secrets | items", "data.s ~ secrets.TOKEN", "range(secrets)", "secrets is defined",
]  # fmt: skip


def fixed() -> Iterator[str]:
    """Return the known attacks."""
    for root in ROOTS:
        for name in NAMES:
            yield f"{root}.{name}"
        for name in NAMES[:24]:
            yield f"{root}['{name}']"
            yield f"{root} | attr('{name}')"
        for name in NAMES[40:]:
            yield f"{root}.{name}()"
        for filter_ in FILTERS:
            yield f"{root} | {filter_}"
    for name in FUNCTIONS:
        yield from (
            name,
            f"{name}()",
            f"{name}.__init__.__globals__",
            f"{name}('id')",
            f"'' | map('{name}')",
        )
    for filter_ in FILTERS:
        yield from (
            f"data.b | {filter_}",
            f"data.many | {filter_}",
            f"data.strings | map('{filter_}')",
        )
    yield from BOMBS
    yield from WORDS


def grown(seed: int, count: int) -> Iterator[str]:
    """Return random expressions, most of them almost valid."""
    dice = random.Random(seed)
    numbers = [
        "0",
        "-1",
        "1e308",
        "10**6",
        "2**63",
        "2**127",
        "1.5",
        "data.n",
        "data.huge",
        "data.f",
    ]
    binary = [
        "+",
        "-",
        "*",
        "/",
        "//",
        "%",
        "**",
        "~",
        "==",
        "<",
        "and",
        "or",
        "in",
        "not in",
        "is",
        "if",
        "|",
        ".",
    ]
    edge = [
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "'",
        '"',
        ",",
        ":",
        "{{",
        "}}",
        "\\",
        "\0",
        "\n",
        "if",
        "else",
        "|",
        "..",
    ]

    def value(depth: int) -> str:
        if depth > 4 or dice.random() < 0.3:
            return dice.choice(
                [dice.choice(ROOTS), dice.choice(numbers), "data.b", "data.many", "'x'"]
            )
        kind = dice.randrange(7)
        if kind == 0:
            return f"({value(depth + 1)} {dice.choice(binary)} {value(depth + 1)})"
        if kind == 1:
            return f"{value(depth + 1)} | {dice.choice(FILTERS)}"
        if kind == 2:
            return f"[{value(depth + 1)}, {value(depth + 1)}]"
        if kind == 3:
            return f"{{'k': {value(depth + 1)}}}"
        if kind == 4:
            return f"{value(depth + 1)}[{value(depth + 1)}]"
        if kind == 5:
            return (
                f"{value(depth + 1)}[{value(depth + 1)}:{value(depth + 1)}:{dice.choice(numbers)}]"
            )
        return f"({value(depth + 1)} if {value(depth + 1)} else {value(depth + 1)})"

    for _ in range(count):
        text = value(0)
        for _ in range(dice.choice([0, 0, 0, 1, 3])):
            at = dice.randrange(len(text) + 1)
            text = text[:at] + dice.choice(edge) + text[at:]
        yield text
