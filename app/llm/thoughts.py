"""What a model thinks aloud before it answers, which is no part of the answer."""

import re

_WORDS = r"think|thinking|thought|thoughts|reasoning|reflection"
_BLOCK = re.compile(rf"\s*<({_WORDS})\b[^<>]*>.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_BEGUN = re.compile(rf"\s*<(?:{_WORDS})\b[^<>]*>", re.IGNORECASE)
_ENDED = re.compile(rf"</(?:{_WORDS})\s*>", re.IGNORECASE)


def without_thoughts(text: str) -> str:
    """Return an answer without the thoughts that it begins with.

    Some models' templates open the thoughts, so that the answer has their end only.
    """
    rest = text
    while block := _BLOCK.match(rest):
        rest = rest[block.end() :]
    if begun := _BEGUN.match(rest):
        # They never end: nothing else was said.
        return "" if not _ENDED.search(rest, begun.end()) else rest
    ended = _ENDED.search(rest)
    if ended and not re.search(rf"<(?:{_WORDS})\b", rest[: ended.start()], re.IGNORECASE):
        rest = rest[ended.end() :]
    return rest.lstrip() if rest is not text else text
