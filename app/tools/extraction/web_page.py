"""HTML, by Beautiful Soup."""

import re
from collections.abc import Iterator

from bs4 import BeautifulSoup
from bs4.element import NavigableString, Tag

from app.tools.extraction.document import Document
from app.tools.extraction.plain_text import decoded

_UNSEEN = ("script", "style", "template", "noscript", "head", "iframe", "object")
_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "fieldset",
    "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr",
    "li", "main", "nav", "ol", "option", "p", "pre", "section", "table", "tr", "ul",
})  # fmt: skip
_CELLS = frozenset({"td", "th"})
_SPACE = re.compile(r"\s+")


def read(content: bytes, document: Document) -> None:
    """Read what a person would see, without scripts and styles; nothing is fetched.

    A block begins a line, and the cells of a row are parted by tabs.
    """
    text, document.encoding = decoded(content)
    page = BeautifulSoup(text, "html.parser")
    if page.title is not None:
        document.describe({"title": page.title.get_text(" ", strip=True)})
    for name in ("author", "description", "keywords"):
        found = page.find("meta", attrs={"name": name})
        if found is not None:
            document.describe({name: found.get("content")})
    for unseen in page.find_all(_UNSEEN):
        unseen.decompose()
    for line in "".join(_pieces(page)).split("\n"):
        if line.strip() and not document.take(f"{line.strip()}\n"):
            break


def _pieces(page: Tag) -> Iterator[str]:
    """Return the text, once through the page however deep it nests."""
    around: list[Tag] = [page]
    for node in page.descendants:
        while around[-1] is not node.parent:
            yield _edge(around.pop())
        if isinstance(node, Tag):
            yield "\n" if node.name in _BLOCKS else ""
            around.append(node)
        elif type(node) is NavigableString:
            yield _SPACE.sub(" ", node)


def _edge(left: Tag) -> str:
    return "\n" if left.name in _BLOCKS else "\t" if left.name in _CELLS else ""
