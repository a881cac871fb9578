"""The list of all filters, tests and functions: how each is called, and its result.

The check of definitions and the reference page of expressions are made from this list.
"""

from collections.abc import Iterable

from engine.counted import counted
from engine.value import value
from steps.language.syntax.nodes import Arguments, Literal, Node


@value(frozen=True, slots=True)
class Word:
    """A filter, a test or a function.

    Attributes:
        parameters: Its parameters in order; those with `?` may be left out, `...` takes any number.
        by_name: Whether MiniJinja takes them by name only; positional arguments are then renamed.
        meaning: Its result, for people.
        example: An expression, and its value after `->`.
        gives: The kind of its result if that is always the same.
        skipped: What stands for a parameter that is left out before one that is given, where
            MiniJinja takes no names.
    """

    name: str
    parameters: str
    meaning: str
    example: str
    gives: str | None = None
    by_name: bool = False
    also: tuple[str, ...] = ()
    skipped: Node | None = None

    @property
    def names(self) -> list[str]:
        """The parameters without their marks."""
        return [part.rstrip("?") for part in self.parameters.split() if part != "..."]

    @property
    def least(self) -> int:
        """The least number of arguments."""
        return sum(not part.endswith("?") and part != "..." for part in self.parameters.split())

    @property
    def takes_any(self) -> bool:
        """Whether it takes any number of arguments, with any names."""
        return "..." in self.parameters.split()

    def misuse(self, given: Arguments) -> str | None:
        """Return what is wrong with the arguments of a call; None if they are correct."""
        if any(getattr(value, "operator", "") in ("*", "**") for value in given.positional):
            return None
        unknown = [name for name, _ in given.named if name not in self.names]
        count = len(given.positional) + len(given.named)
        if unknown and not self.takes_any:
            return f"has no argument {unknown[0]}; it is called as {self.call}"
        known = [name for name, _ in given.named if name in self.names]
        if known and self.takes_any:
            return f"takes {known[0]} without its name: {self.call}"
        if count < self.least:
            wanted = "an argument" if self.least == 1 else f"{self.least} arguments"
            return f"needs {wanted}: {self.call}"
        if not self.takes_any and count > len(self.names):
            most = len(self.names)
            taken = f"{counted(most, 'argument')} at most" if most else "no argument"
            return f"takes {taken}: {self.call}"
        return None

    @property
    def call(self) -> str:
        """The form of a call."""
        inner = ", ".join(
            f"{part.rstrip('?')}=..." if part.endswith("?") else part
            for part in self.parameters.split()
        )
        return f"{self.name}({inner})" if inner else self.name


def positions(word: Word, given: Arguments) -> Arguments:
    """Return arguments as MiniJinja takes them: all by name, or positional where possible."""
    if word.takes_any or word.misuse(given) or not (given.named or word.by_name):
        return given
    if any(getattr(value, "operator", "") in ("*", "**") for value in given.positional):
        return given
    named = [*zip(word.names, given.positional, strict=False), *given.named]
    if word.by_name:
        return Arguments((), tuple(named))
    placed: dict[str, Node] = dict(named)
    last = max(at for at, name in enumerate(word.names) if name in placed)
    in_order: list[Node] = []
    for name in word.names[: last + 1]:
        value = placed.pop(name, word.skipped)
        if value is None:
            break  # skipping a parameter needs names
        in_order.append(value)
    return Arguments(tuple(in_order), tuple(placed.items()))


_FILTERS = (
    Word("abs", "", "a number without its sign", "-3 | abs -> 3", "number"),
    Word("attr", "name", "the entry of an object, where the name is calculated",
         "{'a': 1} | attr('a') -> 1"),
    Word("avg", "attribute?", "the mean of numbers, or of an attribute of all items; null of none",
         "[1, 2] | avg -> 1.5"),
    Word("b64decode", "", "the text encoded by base64 (standard or URL-safe)",
         "'w6k=' | b64decode | length -> 1", "string"),
    Word("b64encode", "url?", "the text as base64; URL-safe if `url` is true",
         "'a?>' | b64encode(url=true) -> \"YT8-\"", "string"),
    Word("batch", "count fill_with?", "the list divided into lists of `count` items each",
         "[1, 2, 3] | batch(2) | list -> [[1, 2], [3]]", "array"),
    Word("bool", "", "true or false, as a condition would treat the value", "[] | bool -> false",
         "boolean"),
    Word("business_days", "until holidays?",
         "the number of working days from a date up to but not including another; "
         "Saturdays, Sundays and `holidays` do not count",
         "'2026-01-02' | business_days('2026-01-06') -> 2", "number"),
    Word("capitalize", "", "a text with a capital first letter", "'aB' | capitalize -> \"Ab\"",
         "string"),
    Word("chain", "...", "several lists or objects as one", "[1] | chain([2]) | list -> [1, 2]"),
    Word("count", "", "the same as `length`", "[1, 2] | count -> 2", "integer"),
    Word("date_add", "duration",
         "an ISO date moved by a duration such as `7d` or `-2h`; a date without a time "
         "stays a date if it is moved by whole days",
         "'2026-01-31' | date_add('1d') -> \"2026-02-01\"", "string"),
    Word("date_add_business_days", "days holidays?",
         "the date after this number of working days",
         "'2026-01-02' | date_add_business_days(2, ['2026-01-05']) -> \"2026-01-07\"", "string"),
    Word("date_add_months", "months",
         "the date after this number of months; if that month is too short, its last day",
         "'2026-01-31' | date_add_months(1) -> \"2026-02-28\"", "string"),
    Word("date_diff", "other unit?",
         "the time from the other date to this one, in `days`, or in `seconds`, `minutes`,"
         " `hours`, `weeks`, or in whole `months`, `quarters` or `years`",
         "'2026-03-01' | date_diff('2026-01-31', 'months') -> 1", "number"),
    Word("date_format", "pattern", "an ISO date formatted by a strftime pattern",
         "'2026-01-31' | date_format('%d.%m.%Y') -> \"31.01.2026\"", "string"),
    Word("date_in", "zone",
         "a moment as local time in an IANA time zone; a date without a time means the "
         "beginning of that day there", "'2026-07-01T12:00:00Z' | date_in('Europe/Berlin') -> "
         '"2026-07-01T14:00:00+02:00"', "string"),
    Word("date_parse", "pattern zone?",
         "the ISO date of a text that was formatted by a strftime pattern, in UTC or in a "
         "time zone", "'31.12.2026' | date_parse('%d.%m.%Y') -> \"2026-12-31\"", "string"),
    Word("date_parts", "zone?",
         "`year`, `quarter`, `month`, `week`, `day`, `dayOfYear`, `weekday` (1 is Monday);"
         " for a moment also `hour`, `minute`, `second`",
         "('2026-12-31' | date_parts).weekday -> 4", "object"),
    Word("date_trunc", "unit zone?",
         "the beginning of the `hour`, `day`, `week`, `month`, `quarter` or `year` that "
         "contains a date", "'2026-08-20' | date_trunc('quarter') -> \"2026-07-01\"",
         "string"),
    Word("default", "default_value? boolean?",
         "another value if something does not exist, whichever part of its path is "
         "missing; with `true` also if it is empty, null, 0 or false",
         "data.a.b | default('none') -> \"none\"", also=("d",)),
    Word("dictsort", "case_sensitive? by? reverse?",
         "the pairs of an object, sorted by key, or by value with `by='value'`",
         "{'b': 1, 'a': 2} | dictsort -> [[\"a\", 2], [\"b\", 1]]",
         "array", by_name=True),
    Word("escape", "", "a text escaped for HTML", "'a<b' | escape -> \"a&lt;b\"", "string",
         also=("e",)),
    Word("filesizeformat", "binary?",
         "a number of bytes in kB, MB and so on; `binary` for KiB, MiB",
         '1500 | filesizeformat -> "1.5 kB"', "string"),
    Word("first", "", "the first item", "[1, 2] | first -> 1"),
    Word("flatten", "levels?",
         "a list with the items of its nested lists, one level deep or `levels`",
         "[1, [2, [3]]] | flatten -> [1, 2, [3]]", "array"),
    Word("float", "default?", "the number as a decimal number; a text is read as one",
         "'1.5' | float -> 1.5", "number"),
    Word("format_number", "decimals? group? point?",
         "the number with this many decimals; `group` separates thousands, `point` the "
         "decimals", "1234.5 | format_number(2, '.', ',') -> \"1.234,50\"", "string"),
    Word("from_csv", "separator? header?",
         "the rows of a CSV text: as objects, named by the first row, or as lists if "
         "`header` is false", "'a,b\\n1,2' | from_csv -> [{\"a\": \"1\", \"b\": \"2\"}]", "array"),
    Word("from_hex", "", "the text encoded by hexadecimal digits",
         "'6869' | from_hex -> \"hi\"", "string"),
    Word("from_items", "", "an object made of pairs of name and value; the reverse of `items`",
         "[['a', 1]] | from_items -> {\"a\": 1}", "object"),
    Word("format", "...",
         "a text with values inserted at its placeholders, as with Python's `%`",
         "'%s: %d' | format('a', 1) -> \"a: 1\"", "string"),
    Word("from_json", "", "the value of a JSON text", "'[1]' | from_json -> [1]"),
    Word("from_timestamp", "", "the moment for a number of Unix seconds, in UTC",
         '0 | from_timestamp -> "1970-01-01T00:00:00Z"', "string"),
    Word("groupby", "attribute default? case_sensitive?",
         "the items of a list in groups: pairs of the shared value and a list of the items; values "
         "of several types are groups of their own, but booleans beside numbers are an error",
         "[{'a': 1}] | groupby('a') | length -> 1", "array", by_name=True),
    Word("hmac", "key algorithm? encoding?",
         "the HMAC of a text by `sha256`, `sha1` or `sha512`, as `hex` or `base64`",
         "'a' | hmac('key') | length -> 64", "string"),
    Word("indent", "width? first? blank?", "a text with indented lines",
         "'a\\nb' | indent(2) -> \"a\\n  b\"", "string"),
    Word("index_by", "attribute",
         "an object of the items, with the value of the attribute as key; of several items with "
         "one value the last counts",
         "[{'id': 'x'}] | index_by('id') -> {\"x\": {\"id\": \"x\"}}", "object"),
    Word("int", "default? base?", "the value as a whole number; a text is read as one",
         "'5' | int -> 5", "integer"),
    Word("items", "", "the pairs of an object", "{'a': 1} | items | list -> [[\"a\", 1]]", "array"),
    Word("join", "d? attribute?", "the items of a list as one text, with `d` between them",
         "[1, 2] | join(', ') -> \"1, 2\"", "string"),
    Word("last", "", "the last item", "[1, 2] | last -> 2"),
    Word("length", "", "the number of items, entries or characters", "'abc' | length -> 3",
         "integer"),
    Word("lines", "", "the lines of a text", "'a\\nb' | lines -> [\"a\", \"b\"]", "array"),
    Word("list", "", "the results of a filter as a list",
         "range(2) | list -> [0, 1]", "array"),
    Word("lower", "", "a text in lower case", "'A' | lower -> \"a\"", "string"),
    Word("map", "...", "the result of a filter for each item, or the attribute of each item",
         "[{'a': 1}] | map(attribute='a') | list -> [1]", "array"),
    Word("max", "case_sensitive? attribute?", "the largest item; all items must be of one type",
         "[1, 3, 2] | max -> 3", by_name=True),
    Word("merge", "...",
         "an object with the entries of others added; on equal keys the later object wins",
         "{'a': 1, 'b': 1} | merge({'b': 2}) -> {\"a\": 1, \"b\": 2}", "object"),
    Word("min", "case_sensitive? attribute?", "the smallest item; all items must be of one type",
         "[1, 3, 2] | min -> 1", by_name=True),
    Word("pluralize", "singular? plural?", "the plural ending if the number is not 1",
         '2 | pluralize -> "s"', "string", skipped=Literal("''", "")),
    Word("pprint", "", "a value as JSON text of several lines",
         '[1] | pprint -> "[\\n  1\\n]"', "string"),
    Word("regex_findall", "pattern", "all matches of a pattern; if it has groups, their texts",
         "'a1 b2' | regex_findall('([0-9])') -> [\"1\", \"2\"]", "array"),
    Word("regex_match", "pattern",
         "the first match, with `text`, `groups` (in order) and `named` groups; null if "
         "there is none", "('a-1' | regex_match('-([0-9])')).groups -> [\"1\"]"),
    Word("regex_split", "pattern limit?", "the parts of a text between the matches of a pattern",
         "'a, b,c' | regex_split(', *') -> [\"a\", \"b\", \"c\"]", "array"),
    Word("regex_sub", "pattern replacement",
         "a text with each match replaced; `\\1` in the replacement stands for the first "
         "group", "'a1' | regex_sub('([a-z])([0-9])', '\\\\2\\\\1') -> \"1a\"", "string"),
    Word("reject", "...", "the items for which a test is false",
         "[1, 2] | reject('odd') | list -> [2]", "array"),
    Word("rejectattr", "attribute ...", "the items for whose attribute a test is false",
         "[{'a': 1}] | rejectattr('a', 'odd') | list -> []", "array"),
    Word("replace", "old new", "a text with each `old` replaced by `new`",
         "'abc' | replace('b', '-') -> \"a-c\"", "string"),
    Word("reverse", "", "a list or a text in reverse order", "[1, 2] | reverse -> [2, 1]"),
    Word("round", "precision? method?",
         "the number rounded to this many decimals; halves are rounded away from zero; "
         "`method` can be `'floor'` or `'ceil'`", "2.675 | round(2) -> 2.68",
         "number"),
    Word("safe", "", "the text unchanged", "'<' | safe -> \"<\"", "string"),
    Word("select", "...",
         "the items for which a test is true; without a test, the items that count as true",
         "[0, 1, 2] | select('gt', 1) | list -> [2]", "array"),
    Word("selectattr", "attribute ...", "the items for whose attribute a test is true",
         "[{'a': 1}, {'a': 2}] | selectattr('a', 'eq', 2) | list -> [{\"a\": 2}]", "array"),
    Word("sha256", "", "the hexadecimal SHA-256 of a text",
         "'a' | sha256 | truncate(length=6, killwords=true, end='') -> \"ca9781\"", "string"),
    Word("slice", "count fill_with?", "the list divided into `count` lists",
         "[1, 2, 3] | slice(2) | list -> [[1, 2], [3]]", "array"),
    Word("sort", "reverse? case_sensitive? attribute?",
         "a list in order; all items, or their `attribute`, must be of one type",
         "[3, 1] | sort(reverse=true) -> [3, 1]", "array",
         by_name=True),
    Word("split", "separator? limit?", "the parts of a text between separators",
         "'a,b' | split(',') -> [\"a\", "
         '"b"]', "array", skipped=Literal("none", None)),
    Word("string", "", "a value as a text", '1 | string -> "1"', "string"),
    Word("striptags", "", "a text without HTML tags", "'<b>a</b>' | striptags -> \"a\"",
         "string"),
    Word("sum", "attribute? start?",
         "the sum of numbers, or of an attribute of all items, calculated in decimal",
         "[0.1, 0.2] | sum -> 0.3", "number"),
    Word("timestamp", "", "a moment as Unix seconds", "'1970-01-01T00:01:00Z' | timestamp -> "
         "60", "number"),
    Word("title", "", "a text in which each word begins with a capital letter",
         "'a b' | title -> \"A B\"", "string"),
    Word("to_csv", "columns? separator? header?",
         "rows as a CSV text; for objects with these `columns`, or with all keys that "
         "occur", "[{'a': 1, 'b': none}] | to_csv -> \"a,b\\r\\n1,\\r\\n\"", "string"),
    Word("to_hex", "", "the text as hexadecimal digits", "'hi' | to_hex -> \"6869\"",
         "string"),
    Word("to_json", "", "a value as JSON text", "{'a': 1} | to_json -> \"{\\\"a\\\":1}\"",
         "string"),
    Word("tojson", "indent?", "a value as a JSON text that is safe in HTML",
         '[1] | tojson -> "[1]"', "string"),
    Word("trim", "characters?",
         "a text without whitespace, or without these characters, at its beginning and end",
         "' a ' | trim -> \"a\"", "string"),
    Word("truncate", "length? killwords? end? leeway?",
         "a text shortened to this many characters, with `end` in place of what was cut "
         "off",
         "'abcdefgh ij' | truncate(5, true, '') -> \"abcde\"", "string", by_name=True),
    Word("unique", "case_sensitive? attribute?", "a list without repeated items; booleans beside "
         "numbers are an error",
         "[1, 1, 2] | unique | list -> [1, 2]", "array", by_name=True),
    Word("upper", "", "a text in upper case", "'a' | upper -> \"A\"", "string"),
    Word("urldecode", "", "the text of a URL-encoded part of an address",
         "'a+%C3%A9' | urldecode | length -> 3",
         "string"),
    Word("urlencode", "", "a text, or the pairs of an object, encoded for an address",
         "'a b' | urlencode -> \"a%20b\"", "string"),
    Word("urlsplit", "",
         "the parts of an address: `scheme`, `username`, `host`, `port`, `path`, `query` "
         "(an object) and `fragment`", "('https://a.example/p?x=1' | urlsplit).query.x -> \"1\"",
         "object"),
    Word("wordwrap", "width? break_long_words? wrapstring? break_on_hyphens?", "a text whose lines "
         "are no longer than `width`", "'a b' | wordwrap(1) -> \"a\\nb\"", "string", by_name=True),
    Word("zip", "...", "lists of the first items, of the second items, and so on",
         "[1] | zip([2]) | list -> [[1, 2]]", "array"),
)  # fmt: skip

_TESTS = (
    Word("boolean", "", "true or false", "true is boolean -> true"),
    Word("defined", "", "exists; false if any part of its path is missing",
         "data.a.b is defined -> false"),
    Word("divisibleby", "number", "divisible by a number without remainder",
         "4 is divisibleby(2) -> true"),
    Word("endingwith", "text", "ending with a text; anything but a text is an error",
         "'ab' is endingwith('b') -> true"),
    Word("eq", "other", "equal; values of different types are never equal", "'1' is eq(1) -> false",
         also=("equalto", "==")),
    Word("escaped", "", "a text that is escaped for HTML", "('a' | escape) is escaped -> true",
         also=("safe",)),
    Word("even", "", "an even number; anything but a number is an error", "2 is even -> true"),
    Word("false", "", "false", "false is false -> true"),
    Word("filter", "", "the name of a filter", "'upper' is filter -> true"),
    Word("float", "", "a number with decimals", "1.5 is float -> true"),
    Word("ge", "other", "greater or equal, of the same type", "2 is ge(2) -> true", also=(">=",)),
    Word("gt", "other", "greater, of the same type", "2 is gt(1) -> true",
         also=("greaterthan", ">")),
    Word("in", "list", "contained in a list, a text or an object", "1 is in([1, 2]) -> true"),
    Word("integer", "", "a whole number", "1 is integer -> true", also=("int",)),
    Word("iterable", "", "a value with items", "[1] is iterable -> true"),
    Word("le", "other", "less or equal, of the same type", "1 is le(2) -> true", also=("<=",)),
    Word("lower", "", "a text in lower case", "'a' is lower -> true"),
    Word("lt", "other", "less, of the same type", "1 is lt(2) -> true", also=("lessthan", "<")),
    Word("matching", "pattern", "a text in which a pattern matches",
         "'a1' is matching('[0-9]') -> true"),
    Word("mapping", "", "an object", "{} is mapping -> true"),
    Word("ne", "other", "not equal", "1 is ne(2) -> true", also=("!=",)),
    Word("none", "", "null", "none is none -> true"),
    Word("number", "", "a number", "1.5 is number -> true"),
    Word("odd", "", "an odd number; anything but a number is an error", "1 is odd -> true"),
    Word("sameas", "other", "the same value", "1 is sameas(1) -> true"),
    Word("sequence", "", "a list", "[] is sequence -> true"),
    Word("startingwith", "text", "beginning with a text; anything but a text is an error",
         "'ab' is startingwith('a') -> true"),
    Word("string", "", "a text", "'a' is string -> true"),
    Word("test", "", "the name of a test", "'odd' is test -> true"),
    Word("true", "", "true", "true is true -> true"),
    Word("undefined", "", "does not exist; true if any part of its path is missing",
         "data.a.b is undefined -> true"),
    Word("upper", "", "a text in upper case", "'A' is upper -> true"),
)  # fmt: skip

_FUNCTIONS = (
    Word("dict", "...", "an object of named values", 'dict(a=1) -> {"a": 1}', "object"),
    Word("now", "zone?",
         "the time at which the attempt began, in ISO 8601, in UTC or in an IANA time "
         "zone; the same if the attempt is repeated after a crash; in a condition, the "
         "time at which the step ended",
         "now() | date_format('%Y') | length -> 4", "string"),
    Word("range", "start stop? step?",
         "whole numbers from 0, or from `start`, up to but not including `stop`",
         "range(3) | list -> [0, 1, 2]", "array"),
)  # fmt: skip


def _by_name(words: Iterable[Word]) -> dict[str, Word]:
    return {name: word for word in words for name in (word.name, *word.also)}


FILTERS = _by_name(_FILTERS)
TESTS = _by_name(_TESTS)
FUNCTIONS = _by_name(_FUNCTIONS)
ORDERING_TESTS = {
    "<": ("lt", "lessthan"),
    "<=": ("le",),
    ">": ("gt", "greaterthan"),
    ">=": ("ge",),
}
"""Tests that do the same as a comparison sign."""
