"""HTML, by the parser of the standard library: what a person would see, and nothing is fetched."""

import re
from html.parser import HTMLParser

from app.tools.extraction.charsets import declared_charset, decoded
from app.tools.extraction.document import Document
from app.tools.extraction.flow import Flow

_UNSEEN = frozenset({"script", "style", "template", "noscript", "iframe", "title"})
_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "br", "caption", "center", "dd",
    "details", "dialog", "dir", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer",
    "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "legend", "li", "listing", "main",
    "menu", "nav", "ol", "optgroup", "option", "p", "pre", "search", "section", "summary", "ul",
    "xmp",
})  # fmt: skip
_LINES = frozenset({"pre", "textarea", "listing", "xmp"})
_OF_RUBY = frozenset({"ruby", "rb", "rt", "rp", "rtc"})
_IS_XML = re.compile(
    r"\s*<\?xml|(?:\s|<!doctype[^>]*>|<!--.*?-->)*<html[^>]*xmlns", re.IGNORECASE | re.DOTALL
)
_TOLD = ("author", "description", "keywords")


def read(content: bytes, document: Document) -> None:
    """Read a page, in the encoding that it names.

    A block begins a line, and the cells of a row are parted by tabs.
    """
    text, document.encoding = decoded(content, declared_charset(content))
    page = Page(Flow(document, cell_break="\n"))
    page.read(text)
    document.describe(page.told)


def write_page(text: str, flow: Flow) -> None:
    """Write the text of a page that is part of something else."""
    Page(flow).read(text)


class Page(HTMLParser):
    """Reads events, with no tree: however deep a page nests, it costs what its length costs.

    Attributes:
        told: What the page says of itself, as the tool's metadata.
    """

    def __init__(self, flow: Flow) -> None:
        super().__init__(convert_charrefs=True)
        self._flow = flow
        self._unseen: list[str] = []
        self._lines = 0
        self._is_xml = False
        self._reading = ""
        self.told: dict[str, object] = {}

    def read(self, text: str) -> None:
        """Read all of it; in XHTML an element may end itself."""
        self._is_xml = _IS_XML.match(text) is not None
        self.feed(text)
        self.close()
        self._flow.end()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin an element."""
        if tag in _UNSEEN:
            self._unseen.append(tag)
        elif tag == "meta":
            self._tell(dict(attrs))
        elif self._unseen and self._unseen[-1] != "rp":
            return
        elif tag in _OF_RUBY:
            self._ruby(tag)
        elif tag == "table":
            self._flow.begin_table()
        elif tag == "tr":
            self._flow.begin_row()
        elif tag in ("td", "th"):
            self._flow.begin_cell()
        elif tag in _BLOCKS:
            self._flow.block()
        elif tag == "input":
            self._input(dict(attrs))
        if tag in _LINES:
            self._lines += 1

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Read `<br/>` as `<br>`; in HTML, `<script/>` does not end itself."""
        self.handle_starttag(tag, attrs)
        if self._is_xml and tag in _UNSEEN:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        """End an element."""
        if tag in _OF_RUBY:
            self._ruby(f"/{tag}")
        elif tag in self._unseen:
            del self._unseen[self._unseen.index(tag) :]
            return
        if self._unseen:
            return
        if tag in _LINES and self._lines:
            self._lines -= 1
        if tag == "table":
            self._flow.end_table()
        elif tag in _BLOCKS:
            self._flow.block()

    def _ruby(self, tag: str) -> None:
        """Put the reading of letters in brackets; the end tags within may be left out."""
        if self._unseen and self._unseen[-1] == "rp":
            self._unseen.pop()
        if self._reading and not self._unseen:
            self._flow.write(")")
        self._reading = ""
        if tag == "rt" and not self._unseen:
            self._flow.write("(")
            self._reading = tag
        elif tag == "rp":
            self._unseen.append(tag)

    def handle_data(self, data: str) -> None:
        """Take characters."""
        if self._unseen:
            if self._unseen == ["title"] and "title" not in self.told:
                self.told["title"] = data.strip()
        elif self._lines:
            self._flow.write_lines(data)
        else:
            self._flow.write_collapsed(data)

    def _tell(self, attributes: dict[str, str | None]) -> None:
        name = (attributes.get("name") or "").lower()
        if name in _TOLD:
            self.told.setdefault(name, attributes.get("content"))

    def _input(self, attributes: dict[str, str | None]) -> None:
        kind = (attributes.get("type") or "text").lower()
        if kind in ("checkbox", "radio"):
            self._flow.write("\u2611" if "checked" in attributes else "\u2610")
        elif kind not in ("hidden", "password", "image", "file"):
            self._flow.write_collapsed(attributes.get("value") or "")
