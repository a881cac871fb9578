"""One word for one thing: what `docs/words.md` retires is the name of nothing any more."""

import io
import re
import tokenize
from pathlib import Path

from tests.architecture.test_layout import FILES, ROOT

TABLE = (ROOT / "docs" / "words.md").read_text()


def retired(table: str) -> set[str]:
    """Return the words of the table's last column."""
    rows = [line.split("|") for line in table.splitlines() if line.startswith("|")]
    return {word for row in rows for word in re.findall(r"`(\w+)`", row[-2])}


def names_in(source: str) -> set[str]:
    """Return every name in a source, without its strings and comments."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.string for token in tokens if token.type == tokenize.NAME}


def test_no_retired_word_is_a_name() -> None:
    words = retired(TABLE)
    assert len(words) >= 20
    found: dict[str, set[str]] = {}
    for file in FILES:
        if used := names_in(file.read_text()) & words:
            found[str(file.relative_to(ROOT))] = used
    assert found == {}


def test_the_search_for_retired_words_finds_one() -> None:
    words = retired("| a pause | pause | here | `NeedsAnswer`, `Asks` |\n")
    assert words == {"NeedsAnswer", "Asks"}
    assert names_in("x = Asks()  # not here: NeedsAnswer\n") & words == {"Asks"}


def test_the_files_that_the_table_names_are_there() -> None:
    named = re.findall(r"`((?:app|engine|journal|steps)/[\w/]*(?:\.py)?)`", TABLE)
    assert [name for name in named if not (ROOT / name).exists()] == []
    assert Path(ROOT, "docs/words.md").exists()
