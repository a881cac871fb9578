"""Removes the thoughts that a model writes before its answer."""

import re

_WORDS = r"think|thinking|thought|thoughts|reasoning|reflection"
_BLOCK = re.compile(rf"\s*<({_WORDS})\b[^<>]*>.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_BEGUN = re.compile(rf"\s*<(?:{_WORDS})\b[^<>]*>", re.IGNORECASE)
_OPENS = re.compile(rf"<(?:{_WORDS})\b", re.IGNORECASE)
_ENDED = re.compile(rf"</(?:{_WORDS})\s*>", re.IGNORECASE)


def without_thoughts(text: str) -> str:
    """Return an answer without the thoughts at its beginning.

    Some models' templates open the thoughts themselves, so the answer contains only their end mark.
    """
    at = 0
    while block := _BLOCK.match(text, at):
        at = block.end()
    if begun := _BEGUN.match(text, at):
        # The thoughts never end: nothing else was said.
        return text[at:] if _ENDED.search(text, begun.end()) else ""
    ended = _ENDED.search(text, at)
    if ended and not _OPENS.search(text, at, ended.start()):
        at = ended.end()
    return text[at:].lstrip() if at else text
