"""Write the tables of the last run into docs/performance.md, between its two marks."""

from pathlib import Path

BEGIN = "<!-- figures: begin -->"
END = "<!-- figures: end -->"


class NoPlace(Exception):
    """The page has no marks for the figures."""


def put(page: Path, figures: str) -> None:
    """Replace the text between the marks. Raises `NoPlace`."""
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise NoPlace(f"{page} must have {BEGIN} and {END}, each on a line of its own")
    page.write_text(f"{before}{BEGIN}\n\n{figures}\n{END}{after}", encoding="utf-8")
