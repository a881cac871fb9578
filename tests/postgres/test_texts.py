"""Text that PostgreSQL cannot store unchanged, search words, and translated SQL."""

from pathlib import Path

import pytest

from journal import Journal, verify
from journal.postgres.dialect import translated, vector, words_of
from tests.harness.journals import completed, fill
from tests.harness.postgres import PostgresServer


async def test_a_null_character_in_a_name_is_replaced(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    await fill(journal, "acme", lambda number: completed(number, workflow="a\0b"), [1])
    _, run = await journal.events.run("dynamic-workflow-1")
    assert run.workflow_id == "a\0b"
    with journal.look() as connection:
        assert verify(connection, lambda _: None).faults == []
        (kept,) = connection.execute("SELECT workflow_id FROM runs").fetchone()
        assert kept == "a\ufffdb"
    await journal.close()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Müller & Söhne", ["muller", "sohne"]),
        ("Straße 5, 3.OG", ["strasse", "5", "3", "og"]),
        ("Ελληνικά_ñandú", ["ελληνικα", "nandu"]),
        ("a'b\\c", ["a", "b", "c"]),
        ("!!", []),
    ],
)
def test_words_ignore_accents_and_case(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_words_with_any_characters_can_be_stored(postgres: PostgresServer) -> None:
    odd = vector(["@te'nant\\", "a:b*", "&|!<->"])
    ((kept,),) = postgres.execute(f"SELECT length($q${odd}$q$::tsvector)")
    assert kept == 3


def test_placeholders_in_string_literals_are_not_translated() -> None:
    said = translated("SELECT '?', ':a', 'it''s 5 %' FROM runs WHERE id = ? AND name IS ?")
    assert said.text == (
        "SELECT '?', ':a', 'it''s 5 %%' FROM runs WHERE id = %s AND name IS NOT DISTINCT FROM %s"
    )


def test_subqueries_without_a_name_get_one() -> None:
    said = translated(
        "SELECT a FROM (SELECT b FROM (SELECT ')' AS b FROM runs LIMIT ?) ORDER BY b) WHERE a > 1"
        " AND c IN (SELECT d FROM (SELECT 1 AS d) AS named) AND e = (SELECT 2)"
    )
    assert said.text == (
        "SELECT a FROM (SELECT b FROM (SELECT ')' AS b FROM runs LIMIT %s) AS part_1 ORDER BY b)"
        " AS part_0 WHERE a > 1 AND c IN (SELECT d FROM (SELECT 1 AS d) AS named)"
        " AND e = (SELECT 2)"
    )


async def test_json_paths_lead_through_lists(tmp_path: Path) -> None:
    journal = await Journal.open(tmp_path)
    document = '[{"a": {"b": "first"}}, {"a": {"b": "last"}, "c": 5}]'
    for path, value in (
        ("$[0].a.b", "first"),
        ("$[#-1].a.b", "last"),
        ("$[1].c", "5"),
        ("$[7].a", None),
    ):
        with journal.look() as connection:
            (found,) = connection.execute("SELECT json_extract(?, ?)", (document, path)).fetchone()
        assert found == value, path
    await journal.close()
