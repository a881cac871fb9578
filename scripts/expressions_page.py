"""The page about expressions, generated from the list that the definition checks use."""

from collections.abc import Iterator

from steps.language.allowance import CHARACTERS_A_UNIT, STEP
from steps.language.catalogue import FILTERS, FUNCTIONS, TESTS, Word
from steps.language.operations import METHODS

_TEXT = f"""# Expressions

This page lists every filter, test and function of
[expressions](definitions.md#expressions-and-templates). Definitions are checked against the same
list: a save reports any other name, and suggests the nearest one. Arguments with `=` are
optional.

Operators, from the loosest to the tightest: `if` and `else`, `or`, `and`, `not`, the comparisons
`==` `!=` `<` `<=` `>` `>=` `in` `not in`, `+` `-`, `~` (joins texts), `*` `/` `//` `%`, `**`, then
filters and tests. Values of different types are never equal, not even `true` and `1`. Ordering
values of different types is an error that names both types: `"5" > 100`, `null <= 100`, and `max`,
`min` or `sort` over a mixture. If the declared types show the error, a save reports it. Numbers,
texts, booleans and lists can be ordered among themselves; objects and null cannot.

`data.a.b is defined` and `data.a.b | default(...)` work for any path, whichever part of it
is missing. Anywhere else a missing value is an error, also as a member of a list or an object.
Keys of an object that are not texts are written as in JSON. Write a key with a hyphen in
brackets: `steps['get-pet'].output`. Objects have the
methods {", ".join(f"`.{name}()`" for name in METHODS)}; other values have none.

Patterns (`regex_match` and the others) have the syntax of RE2, which never backtracks: there are
no back-references and no lookahead. `\\w`, `\\d` and `\\b` are ASCII, `\\pL` is any letter, and
`(?i)` at the beginning ignores case. Write each backslash twice in an expression. How long
a text may be depends on the pattern; a text that is too long is an error and costs no time.

Dates are ISO 8601 texts; zones are IANA names, such as `Europe/Berlin`. A date without a time
is the beginning of that day, in UTC unless you give a zone. `now()` is when the attempt began; it
stays the same if the attempt is executed again after a crash.

All expressions of one step share an allowance of {STEP:,} units of work. A unit is one value that
is read, or {CHARACTERS_A_UNIT} characters of text. A step that needs more fails with a message that
says so.
"""


def lines() -> Iterator[str]:
    """Yield the lines of the page."""
    yield _TEXT
    for title, words in (("Filters", FILTERS), ("Tests", TESTS), ("Functions", FUNCTIONS)):
        yield f"## {title}\n"
        yield "| name | what it gives | example |\n| --- | --- | --- |"
        for word in dict.fromkeys(words.values()):
            yield _row(word)
        yield ""
    yield "Write a test after `is` or `is not`. `select`, `reject`, `selectattr` and `rejectattr`"
    yield "take the name of a test, `map` the name of a filter: `data.lines | map('upper') | list`."


def _row(word: Word) -> str:
    also = f", also {', '.join(f'`{name}`' for name in word.also)}" if word.also else ""
    text, _, value = word.example.partition(" -> ")
    cells = (f"`{word.call}`{also}", word.meaning, f"`` {text} `` gives `` {value} ``")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
