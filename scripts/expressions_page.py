"""The page about expressions, made from the list by which definitions are checked."""

from collections.abc import Iterator

from steps.language.allowance import CHARACTERS_A_UNIT, STEP
from steps.language.catalogue import FILTERS, FUNCTIONS, TESTS, Word
from steps.language.operations import METHODS

_TEXT = f"""# Expressions

The filters, tests and functions of
[expressions](definitions.md#expressions-and-templates), made from the list by which definitions
are checked: a name that is not here is found when a definition is saved, with the nearest one
that is. Arguments with `=` may be left out.

Operators, from the loosest to the tightest: `if` and `else`, `or`, `and`, `not`, the comparisons
`==` `!=` `<` `<=` `>` `>=` `in` `not in`, `+` `-`, `~` (joins texts), `*` `/` `//` `%`, `**`, then
filters and tests. Values of two kinds never are equal, `true` and `1` neither, and putting values
of two kinds in order is an error that names both: `"5" > 100`, `null <= 100`, and `max`, `min` or
`sort` over both kinds. It is found when a definition is saved where declared types tell. Numbers,
texts, booleans and lists have an order among themselves; objects and null have none.

`data.a.b is defined` and `data.a.b | default(...)` may be asked of any path, whichever part of it
is missing. A key with a hyphen stands in brackets: `steps['get-pet'].output`. Objects have the
methods {", ".join(f"`.{name}()`" for name in METHODS)}; other values have none.

Patterns (`regex_match` and the others) are RE2's, which never goes back in a text: it has no
references back and no looking ahead, `\\w`, `\\d` and `\\b` are ASCII, `\\pL` is any letter, and
`(?i)` at the beginning leaves case aside. In an expression a backslash is written twice. How long
a text may be depends on the pattern; one that is too long is an error, and never a wait.

Dates are ISO 8601 texts; zones are names of IANA, such as `Europe/Berlin`. A date without a time
is the beginning of that day, in UTC unless a zone is given. `now()` is when the attempt began,
and the same when it is made again after a crash.

All expressions of one step share an allowance of {STEP:,} units of work: a unit is one value that
is looked at, or {CHARACTERS_A_UNIT} characters of text. A step that needs more fails and says so.
"""


def lines() -> Iterator[str]:
    """Return the page line by line."""
    yield _TEXT
    for title, words in (("Filters", FILTERS), ("Tests", TESTS), ("Functions", FUNCTIONS)):
        yield f"## {title}\n"
        yield "| name | what it gives | example |\n| --- | --- | --- |"
        for word in dict.fromkeys(words.values()):
            yield _row(word)
        yield ""
    yield "A test is asked with `is` or `is not`; `select`, `reject`, `selectattr` and `rejectattr`"
    yield "take one by its name, and `map` takes a filter: `data.lines | map('upper') | list`."


def _row(word: Word) -> str:
    also = f", also {', '.join(f'`{name}`' for name in word.also)}" if word.also else ""
    text, _, value = word.example.partition(" -> ")
    cells = (f"`{word.call}`{also}", word.meaning, f"`` {text} `` gives `` {value} ``")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
