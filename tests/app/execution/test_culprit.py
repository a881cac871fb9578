"""Which run is blamed for the end of the process."""

from pathlib import Path

import pytest

from app.execution.driving.culprit import FILE, Culprit


@pytest.mark.parametrize(
    ("interruptions", "most", "counts"),
    [(0, 5, True), (3, 5, True), (4, 5, False), (0, 1, True), (1, 2, False)],
)
def test_an_unknown_culprit_counts_against_all_runs_but_never_as_their_last_attempt(
    tmp_path: Path, interruptions: int, most: int, counts: bool
) -> None:
    culprit = Culprit(tmp_path, most)
    culprit.read()
    assert culprit.is_blamed("a", interruptions) is counts


def test_a_known_culprit_alone_is_blamed_and_for_one_start_only(tmp_path: Path) -> None:
    Culprit(tmp_path, 5).hold_against("a")
    next_one = Culprit(tmp_path, 5)
    next_one.read()
    assert (next_one.is_blamed("a", 4), next_one.is_blamed("b", 0)) == (True, False)
    after = Culprit(tmp_path, 5)
    after.read()
    assert after.is_blamed("b", 0)


def test_blame_of_child_runs_adds_up_over_starts(tmp_path: Path) -> None:
    found = []
    for start in range(8):
        culprit = Culprit(tmp_path, 2)
        culprit.read()
        if start != 3:  # one start between has no known culprit
            found.append(culprit.blame_steps_above([("map", 1), ("above", 2)]))
        culprit.hold_against(f"item-{start}")
        if start == 3:
            culprit.forget()
    assert found == [[], [], [], [(("map", 1), 4)], [], [], []]
    assert culprit.blame_steps_above([("map", 1), ("above", 2)]) == [
        (("map", 1), 4), (("above", 2), 8),
    ]  # fmt: skip
    culprit.nobody()
    after = Culprit(tmp_path, 2)
    after.read()
    assert after.blame_steps_above([("map", 1), ("above", 2)]) == []


def test_a_graceful_stop_is_blamed_on_no_run(tmp_path: Path) -> None:
    first = Culprit(tmp_path, 5)
    first.read()
    first.hold_against("a")
    first.nobody()
    second = Culprit(tmp_path, 5)
    second.read()
    assert not second.is_blamed("a", 0)


def test_a_process_that_resumed_no_run_changes_nothing(tmp_path: Path) -> None:
    Culprit(tmp_path, 5).nobody()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"run": ', "\xff"])
def test_an_unreadable_mark_is_ignored(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text, encoding="latin-1")
    culprit = Culprit(tmp_path, 5)
    culprit.read()
    assert culprit.is_blamed("a", 0)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_no_failure(tmp_path: Path) -> None:
    culprit = Culprit(tmp_path / "gone", 5)
    culprit.read()
    culprit.hold_against("a")
    culprit.nobody()
    culprit.forget()
