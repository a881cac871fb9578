"""Links between pages, and the file and module names on them, are valid."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    file for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md") for file in ROOT.glob(pattern)
)


def anchors(file: Path) -> set[str]:
    """Return the anchors of the headings of a page."""
    text = re.sub(r"```.*?```", "", file.read_text(), flags=re.DOTALL)
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", head.lower()).replace(" ", "-") for head in heads}


def broken(file: Path, text: str) -> list[str]:
    found = []
    text = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        place, _, anchor = target.partition("#")
        if "://" in target:
            continue
        other = (file.parent / place).resolve() if place else file
        if not other.exists() or (anchor and anchor not in anchors(other)):
            found.append(target)
    return found


@pytest.mark.parametrize("file", PAGES, ids=lambda file: str(file.relative_to(ROOT)))
def test_links_are_valid(file: Path) -> None:
    assert broken(file, file.read_text()) == []


def test_a_broken_link_is_found() -> None:
    page = ROOT / "README.md"
    text = "[a](nowhere.md) [b](LICENSE) [c](#nowhere) [d](https://example.com/x)"
    assert broken(page, text) == ["nowhere.md", "#nowhere"]


OURS = {
    str(file.relative_to(ROOT))
    for folder in (
        "app",
        "benchmarks",
        "engine",
        "journal",
        "scripts",
        "steps",
        "stepwell",
        "tests",
    )
    for file in (ROOT / folder, *(ROOT / folder).rglob("*"))
}


def missing(text: str) -> list[str]:
    """Return the full paths named on a page that do not exist."""
    by_path = r"`((?:app|benchmarks|engine|journal|scripts|steps|stepwell/_|tests)/[\w/.-]*)`"
    return [name for name in re.findall(by_path, text) if name.rstrip("/") not in OURS]


def unknown(text: str) -> list[str]:
    """Return the modules and folders named on a page by a partial path that do not exist."""
    known = "".join(f"/{path}\n" for path in OURS)
    named = re.findall(r"`([a-z_]+(?:/[a-z_]+)*(?:\.py|/))`", text)
    return [name for name in named if f"/{name.rstrip('/')}\n" not in known]


@pytest.mark.parametrize("file", PAGES, ids=lambda file: str(file.relative_to(ROOT)))
def test_the_files_named_on_a_page_exist(file: Path) -> None:
    assert missing(file.read_text()) == []


@pytest.mark.parametrize("name", ["README.md", "docs/architecture.md"])
def test_the_modules_named_in_the_floor_plan_exist(name: str) -> None:
    assert unknown((ROOT / name).read_text()) == []


def test_a_name_of_a_missing_file_is_found() -> None:
    assert missing("`app/clock.py` `journal/rows/` `steps/nowhere.py`") == ["steps/nowhere.py"]
    named = "`rows/chain.py` `cli/` `nowhere/chain.py` `nowhere/` `execution/chain.py`"
    assert unknown(named) == ["nowhere/chain.py", "nowhere/", "execution/chain.py"]
