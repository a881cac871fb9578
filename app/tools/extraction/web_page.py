"""HTML: what a person would see, and nothing is fetched."""

import re
from collections.abc import Mapping

from app.tools.extraction.charsets import declared_charset, decoded
from app.tools.extraction.document import Document
from app.tools.extraction.flow import Flow
from app.tools.extraction.page_formulas import Formulas
from app.tools.extraction.page_tokens import parse

_UNSEEN = frozenset({
    "script", "style", "template", "noscript", "iframe", "noembed", "title", "datalist", "canvas",
    "video", "audio", "desc",
})  # fmt: skip
_OBJECTS = {
    "img": "a picture",
    "canvas": "a picture",
    "video": "a video",
    "audio": "a sound",
    "iframe": "a page within the page",
    "frame": "a page within the page",
}
_BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "br", "caption", "center", "dd",
    "details", "dialog", "dir", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer",
    "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "legend", "li", "listing", "main",
    "menu", "nav", "ol", "optgroup", "option", "p", "pre", "search", "section", "summary", "ul",
    "xmp",
})  # fmt: skip
_ENDED = frozenset({
    "a", "article", "aside", "b", "blockquote", "button", "center", "details", "dialog", "div",
    "em", "fieldset", "figure", "font", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6",
    "header", "i", "label", "main", "nav", "ol", "section", "select", "span", "strong", "table",
    "ul",
})  # fmt: skip
"""Elements whose end tags may not be left out, so that it is seen where a hidden one ends."""
_AFTER_PARAGRAPH = (_BLOCKS | {"table", "td", "tr"}) - {"br", "option", "optgroup"}
"""What ends a paragraph that has no end tag."""
_IS_NOT_SHOWN = re.compile(r"(?:^|;)\s*display\s*:\s*none\b", re.IGNORECASE)
_LINES = frozenset({"pre", "textarea", "listing", "xmp"})
_OF_RUBY = frozenset({"ruby", "rb", "rt", "rp", "rtc"})
_IS_XML = re.compile(
    r"\s*<\?xml|(?:\s|<!doctype[^>]*>|<!--.*?-->)*<html[^>]*xmlns", re.IGNORECASE | re.DOTALL
)
_DESCRIBED = ("author", "description", "keywords")
_UNSEEN_SIZES = ("0", "1", "0px", "1px")
_MOST_SPANNED = 65_534


def read(content: bytes, document: Document) -> None:
    """Read a page, in the encoding that it names.

    A block begins a line, and the cells of a row are parted by tabs.
    """
    text, document.encoding = decoded(content, declared_charset(content))
    page = _Page(document, Flow(document, cell_break="\n"))
    page.read(text)
    document.describe(page.metadata)


def write_page(text: str, document: Document, flow: Flow) -> None:
    """Write the text of a page that is part of something else."""
    _Page(document, flow).read(text)


class _Page:
    """Reads tags and text, with no tree: however deep a page nests, it costs its length.

    Attributes:
        metadata: The page's own metadata in the form of the tool.
    """

    def __init__(self, document: Document, flow: Flow) -> None:
        self._document = document
        self._flow = flow
        self._formulas = Formulas(flow)
        self._unseen, self._depth = "", 0
        self._lines = 0
        self._reading = ""
        self.metadata: dict[str, object] = {}

    def read(self, text: str) -> None:
        """Read all of it."""
        parse(text, self, is_xml=_IS_XML.match(text) is not None)
        self._flow.end()

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Begin an element."""
        if self._unseen == "p" and tag in _AFTER_PARAGRAPH:
            self._unseen = ""  # its end tag was left out
        if self._unseen not in ("", "rp"):
            self._depth += tag == self._unseen
            return
        if tag in _OBJECTS:
            self._leave_out(_OBJECTS[tag], attributes)
        is_hidden = _is_hidden(tag, attributes)
        if is_hidden:
            self._document.leave_out("a part of the page that is hidden")
        if is_hidden or tag in _UNSEEN or self._formulas.hides(tag):
            self._unseen, self._depth = tag, 1
        elif tag == "meta":
            self._tell(attributes)
        else:
            self._begin(tag, attributes)

    def _begin(self, tag: str, attributes: Mapping[str, str]) -> None:
        flow = self._flow
        if tag in _LINES:
            self._lines += 1
        if tag in _OF_RUBY:
            self._ruby(tag)
        elif tag == "table":
            flow.begin_table()
        elif tag == "tr":
            flow.begin_row()
        elif tag in ("td", "th"):
            flow.begin_cell()
            flow.span(_number(attributes, "colspan"), _number(attributes, "rowspan"))
        elif tag in _BLOCKS:
            flow.block()
            if tag == "optgroup":
                flow.write_collapsed(attributes.get("label", ""))
        elif tag == "input":
            self._input(attributes)
        else:
            self._formulas.start(tag)

    def end(self, tag: str) -> None:
        """End an element."""
        if tag in _OF_RUBY:
            self._ruby(f"/{tag}")
        elif self._unseen == "p" and tag in _AFTER_PARAGRAPH:
            self._unseen = ""
        elif self._unseen:
            self._depth -= tag == self._unseen
            if not self._depth:
                self._unseen = ""
            return
        if self._unseen:
            return
        self._formulas.end(tag)
        if tag in _LINES and self._lines:
            self._lines -= 1
        if tag == "table":
            self._flow.end_table()
        elif tag in _BLOCKS:
            self._flow.block()

    def text(self, text: str) -> None:
        """Take characters."""
        if self._unseen:
            if self._unseen == "title" and "title" not in self.metadata:
                self.metadata["title"] = text.strip()
        elif self._lines:
            self._flow.write_lines(text)
        else:
            self._flow.write_collapsed(text)

    def _ruby(self, tag: str) -> None:
        """Put the reading of letters in brackets; the end tags within may be left out."""
        if self._unseen == "rp":
            self._unseen = ""
        if self._reading and not self._unseen:
            self._flow.write(")")
        self._reading = ""
        if tag == "rt" and not self._unseen:
            self._flow.write("(")
            self._reading = tag
        elif tag == "rp":
            self._unseen, self._depth = tag, 1

    def _leave_out(self, what: str, attributes: Mapping[str, str]) -> None:
        """Record what is shown and is no text: not what only counts views, nor what is attached."""
        sizes = attributes.get("width", "").strip(), attributes.get("height", "").strip()
        is_attached = attributes.get("src", "").lower().startswith("cid:")
        if not is_attached and not any(size in _UNSEEN_SIZES for size in sizes):
            self._document.leave_out(what)

    def _tell(self, attributes: Mapping[str, str]) -> None:
        name = attributes.get("name", "").lower()
        if name in _DESCRIBED:
            self.metadata.setdefault(name, attributes.get("content"))

    def _input(self, attributes: Mapping[str, str]) -> None:
        kind = (attributes.get("type") or "text").lower()
        if kind in ("checkbox", "radio"):
            self._flow.write("\u2611" if "checked" in attributes else "\u2610")
        elif kind not in ("hidden", "password", "image", "file") and attributes.get("value"):
            self._flow.write_collapsed(f" {attributes['value']} ")


def _is_hidden(tag: str, attributes: Mapping[str, str]) -> bool:
    """Say whether an element says of itself that it is not shown."""
    is_hidden = attributes.get("hidden", "until-found").lower() != "until-found"
    return (tag in _ENDED or tag == "p") and (
        is_hidden or _IS_NOT_SHOWN.search(attributes.get("style", "")) is not None
    )


def _number(attributes: Mapping[str, str], name: str) -> int:
    """Return how many columns or rows a cell spans; 0 rows are all that follow."""
    text = attributes.get(name, "1").strip()
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 1  # noqa: PLR2004 - digits
    return min(number, _MOST_SPANNED) or _MOST_SPANNED
