"""Links between the pages lead somewhere."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    file for pattern in ("*.md", "docs/**/*.md", "examples/**/*.md") for file in ROOT.glob(pattern)
)


def anchors(file: Path) -> set[str]:
    """Return the names that the headings of a page have in links."""
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
def test_links_lead_somewhere(file: Path) -> None:
    assert broken(file, file.read_text()) == []


def test_a_broken_link_is_found() -> None:
    page = ROOT / "README.md"
    text = "[a](nowhere.md) [b](LICENSE) [c](#nowhere) [d](https://example.com/x)"
    assert broken(page, text) == ["nowhere.md", "#nowhere"]
