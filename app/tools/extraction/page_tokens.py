"""HTML as tags and text, as browsers part them (https://html.spec.whatwg.org/#tokenization)."""

import re
from collections.abc import Mapping
from html import unescape
from typing import Protocol

_TAG = re.compile(r"<(/?)([a-zA-Z][^\t\n\f\r />]*)")
_NAME = re.compile(r"[\s/]*([^\s/>][^\s/>=]*)\s*(=?)\s*")
_ENDS = re.compile(r"[\s/]*")
_BARE = re.compile(r"[^\s>]*")
_COMMENT_END = re.compile(r"--!?>")
_EMPTY_COMMENT = re.compile(r"<!---?>")
_SCRIPT = re.compile(r"<!--|-->|<(/?)script(?=[\s/>])", re.IGNORECASE)
_CDATA, _CDATA_END = "<![CDATA[", "]]>"
_RAW = frozenset({"style", "xmp", "iframe", "noembed", "noframes", "noscript"})
_ESCAPABLE = frozenset({"textarea", "title"})
_FOREIGN = frozenset({"svg", "math"})


class Handler(Protocol):
    """Receives the contents of a page. Names are in small letters."""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Begin an element."""
        ...

    def end(self, tag: str) -> None:
        """End an element."""
        ...

    def text(self, text: str) -> None:
        """Take characters."""
        ...


def parse(page: str, handler: Handler, *, is_xml: bool) -> None:
    """Pass what a page holds to the handler; in XHTML an element may end itself."""
    _Tokens(page, handler, is_xml=is_xml).parse()


class _Tokens:
    def __init__(self, page: str, handler: Handler, *, is_xml: bool) -> None:
        self._page = page
        self._handler = handler
        self._is_xml = is_xml
        self._foreign = 0
        self._is_broken = False

    def parse(self) -> None:
        at = 0
        while at < len(self._page):
            begin = self._find("<", at)
            if begin > at:
                self._handler.text(unescape(self._page[at:begin]))
            at = self._markup(begin) if begin < len(self._page) else begin

    def _markup(self, at: int) -> int:
        """Pass on what begins with a `<`; return where it ends."""
        page = self._page
        if tag := _TAG.match(page, at):
            return self._tag(tag)
        if page.startswith("<!--", at):
            if empty := _EMPTY_COMMENT.match(page, at):
                return empty.end()
            end = _COMMENT_END.search(page, at + 4)
            return end.end() if end else len(page)
        if page.startswith(_CDATA, at) and (self._is_xml or self._foreign):
            end_at = self._find(_CDATA_END, at)
            self._handler.text(page[at + len(_CDATA) : end_at])
            return end_at + len(_CDATA_END)
        if page.startswith(("<!", "<?", "</"), at) and at + 2 < len(page):
            return self._find(">", at) + 1
        self._handler.text("<")
        return at + 1

    def _find(self, what: str, at: int) -> int:
        found = self._page.find(what, at)
        return len(self._page) if found < 0 else found

    def _tag(self, tag: re.Match[str]) -> int:
        name = tag[2].lower()
        attributes, at = self._attributes(tag.end())
        if at > len(self._page):
            # It never ends: a quote was left open, or it is none. Quotes count no more.
            self._is_broken = True
            self._handler.text("<")
            return tag.start() + 1
        if name in _FOREIGN:
            self._foreign = max(0, self._foreign + (-1 if tag[1] else 1))
        if tag[1]:
            self._handler.end(name)
            return at
        self._handler.start(name, attributes)
        if self._page[at - 2] == "/" and (self._is_xml or self._foreign):
            if name in _FOREIGN:
                self._foreign -= 1
            self._handler.end(name)
            return at
        return self._content(name, at)

    def _attributes(self, at: int) -> tuple[dict[str, str], int]:
        """Return the attributes of a tag, and where it ends: beyond the page if it does not."""
        found: dict[str, str] = {}
        page = self._page
        if self._is_broken:
            return found, self._find(">", at) + 1
        while named := _NAME.match(page, at):
            at = named.end()
            value = ""
            if named[2] and page[at : at + 1] in ("'", '"'):
                end = self._find(page[at], at + 1)
                value, at = page[at + 1 : end], end + 1
            elif named[2] and (bare := _BARE.match(page, at)):
                value, at = bare[0], bare.end()
            found.setdefault(named[1].lower(), unescape(value))
        rest = _ENDS.match(page, at)
        at = rest.end() if rest else at
        return found, at + 1 if page.startswith(">", at) else len(page) + 1

    def _content(self, name: str, at: int) -> int:
        """Pass on the content of an element that holds no tags; return where it ends."""
        if name == "plaintext":
            end = len(self._page)
        elif name == "script":
            end = self._script_end(at)
        elif name in _RAW or name in _ESCAPABLE:
            found = re.compile(rf"</{name}(?=[\s/>])", re.IGNORECASE).search(self._page, at)
            end = found.start() if found else len(self._page)
        else:
            return at
        content = self._page[at:end]
        if content:
            self._handler.text(unescape(content) if name in _ESCAPABLE else content)
        return end

    def _script_end(self, at: int) -> int:
        """Return where a script ends: in a comment, one that it writes ends before it."""
        in_comment = in_inner = False
        for found in _SCRIPT.finditer(self._page, at):
            if found[0].startswith("<!--"):
                in_comment = True
            elif found[0] == "-->":
                in_comment = in_inner = False
            elif not found[1]:
                in_inner = in_comment
            elif in_inner:
                in_inner = False
            else:
                return found.start()
        return len(self._page)
