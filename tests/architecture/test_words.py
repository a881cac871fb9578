"""No name in the code and no text of the console uses a word that `docs/words.md` retires."""

import io
import re
import tokenize
from pathlib import Path

from tests.architecture.test_layout import FILES, ROOT

CONSOLE = ROOT / "app" / "web" / "console"
TABLE = (ROOT / "docs" / "words.md").read_text()


def retired(table: str) -> set[str]:
    """Return the words in the table's last column."""
    return {word for cell in _last_cells(table) for word in re.findall(r"`(\w+)`", cell)}


def retired_phrases(table: str) -> set[str]:
    """Return the quoted phrases in the table's last column."""
    return {phrase for cell in _last_cells(table) for phrase in re.findall(r'"([^"]+)"', cell)}


def _last_cells(table: str) -> list[str]:
    return [line.split("|")[-2] for line in table.splitlines() if line.startswith("|")]


def names_in(source: str) -> set[str]:
    """Return every name in a source, ignoring strings and comments."""
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


def test_the_console_shows_no_retired_phrase() -> None:
    phrases = retired_phrases(TABLE)
    assert len(phrases) >= 10
    read = [*CONSOLE.rglob("*.py"), *CONSOLE.glob("templates/*.html"), *CONSOLE.glob("static/*.js")]
    assert len(read) >= 50
    found = {file.name: used for file in read if (used := phrases_in(file.read_text(), phrases))}
    assert found == {}


def phrases_in(text: str, phrases: set[str]) -> set[str]:
    """Return the phrases found in a text, ignoring line breaks."""
    plain = " ".join(text.split())
    return {phrase for phrase in phrases if phrase in plain}


def test_the_search_for_retired_phrases_finds_one() -> None:
    phrases = retired_phrases('| problems | 5 problems | "to mend", "mends" |\n')
    assert phrases == {"to mend", "mends"}
    assert phrases_in("<span>5 to\n  mend</span>", phrases) == {"to mend"}


def test_the_search_for_retired_words_finds_one() -> None:
    words = retired("| a pause | pause | here | `NeedsAnswer`, `Asks` |\n")
    assert words == {"NeedsAnswer", "Asks"}
    assert names_in("x = Asks()  # not here: NeedsAnswer\n") & words == {"Asks"}


def test_the_files_named_in_the_table_exist() -> None:
    named = re.findall(r"`((?:app|engine|journal|steps)/[\w/]*(?:\.py)?)`", TABLE)
    assert [name for name in named if not (ROOT / name).exists()] == []
    assert Path(ROOT, "docs/words.md").exists()
