"""Renders Markdown as HTML that is safe to show: a subset, in which everything is escaped first.

Headings, paragraphs, lists, quotes, code, emphasis and links to `http`, `https` and `mailto`. HTML
in the text is shown as text, and images as links: nothing is loaded from elsewhere.
"""

import re
from collections.abc import Callable, Iterator
from html import escape

from minijinja import safe

_HEADING = re.compile(r"#{1,6} +(.+)")
_BULLET = re.compile(r"[-*+] +(.*)")
_NUMBER = re.compile(r"[0-9]{1,9}[.)] +(.*)")
_RULE = re.compile(r"(?:\*{3,}|-{3,}|_{3,})")
_CODE = re.compile(r"`([^`\n]{1,2000})`")
_LINK = re.compile(
    r"!?\[([^\[\]\n]{1,500})\]\((https?://[^\s()<>]{1,2000}|mailto:[^\s()<>]{1,300})\)"
)
_STRONG = re.compile(r"\*\*(?=\S)([^*\n]{1,2000}?\S)\*\*|__(?=\S)([^_\n]{1,2000}?\S)__")
_EMPHASIS = re.compile(r"(?<![\w*])\*(?=\S)([^*\n]{1,2000}?)\*(?![\w*])")
_HELD = re.compile("\x00([0-9]+)\x00")


def markdown(text: str) -> str:
    """Return the HTML of a text; every tag in it is made here."""
    return safe("".join(_blocks(text.replace("\x00", "").replace("\r\n", "\n").split("\n"))))


def _blocks(lines: list[str]) -> Iterator[str]:
    at = 0
    while at < len(lines):
        line = lines[at].strip()
        if not line:
            at += 1
        elif line.startswith("```"):
            end = _end(lines, at, lambda one: one != "```")
            yield f"<pre>{escape(chr(10).join(lines[at + 1 : end]))}</pre>"
            at = end + 1
        elif heading := _HEADING.fullmatch(line):
            title = heading[1].rstrip("#").rstrip() or heading[1]
            yield f"<p><strong>{_inline(title)}</strong></p>"
            at += 1
        elif _RULE.fullmatch(line):
            yield "<hr>"
            at += 1
        elif (kind := _list_of(line)) is not None:
            end = _end(lines, at, lambda one: _list_of(one) == kind)
            pattern = _BULLET if kind == "ul" else _NUMBER
            items = [_item(pattern, lines[n].strip()) for n in range(at, end)]
            yield f"<{kind}>{''.join(items)}</{kind}>"
            at = end
        elif line.startswith(">"):
            end = _end(lines, at, lambda one: one.startswith(">"))
            inner = [lines[n].strip().removeprefix(">").strip() for n in range(at, end)]
            yield f"<blockquote>{'<br>'.join(map(_inline, inner))}</blockquote>"
            at = end
        else:
            end = _end(lines, at, _is_plain)
            yield f"<p>{'<br>'.join(_inline(lines[n].strip()) for n in range(at, end))}</p>"
            at = end


def _end(lines: list[str], at: int, belongs: Callable[[str], bool]) -> int:
    end = at + 1
    while end < len(lines) and belongs(lines[end].strip()):
        end += 1
    return end


def _is_plain(line: str) -> bool:
    special = line.startswith(("```", ">")) or _HEADING.fullmatch(line) or _RULE.fullmatch(line)
    return bool(line) and not special and _list_of(line) is None


def _list_of(line: str) -> str | None:
    if _BULLET.fullmatch(line) and not _RULE.fullmatch(line):
        return "ul"
    return "ol" if _NUMBER.fullmatch(line) else None


def _item(pattern: re.Pattern[str], line: str) -> str:
    found = pattern.fullmatch(line)
    return f"<li>{_inline(found[1] if found else line)}</li>"


def _inline(text: str) -> str:
    """Return one line; finished HTML is set aside, so that nothing is processed twice."""
    held: list[str] = []

    def hold(html: str) -> str:
        held.append(html)
        return f"\x00{len(held) - 1}\x00"

    text = _CODE.sub(lambda found: hold(f"<code>{escape(found[1])}</code>"), text)
    text = _LINK.sub(lambda found: hold(_anchor(found[1], found[2])), text)
    text = escape(text)
    text = _STRONG.sub(lambda found: f"<strong>{found[1] or found[2]}</strong>", text)
    text = _EMPHASIS.sub(r"<em>\1</em>", text)
    while _HELD.search(text):
        text = _HELD.sub(lambda found: held[int(found[1])], text)
    return text


def _anchor(label: str, address: str) -> str:
    rel = "noopener noreferrer nofollow"
    shown = escape(_HELD.sub("", label))
    return f'<a href="{escape(address, quote=True)}" rel="{rel}" target="_blank">{shown}</a>'
