"""Texts without accents, as searches compare them."""

import re
import unicodedata

_FOREIGN = re.compile(r"[^\x00-\x7f]+")


def unaccented(text: str) -> str:
    """Return a text in lower case and without the marks of its letters."""
    if not text.isascii():
        text = _FOREIGN.sub(_unmarked, unicodedata.normalize("NFD", text))
    return text.lower()


def _unmarked(letters: re.Match[str]) -> str:
    return "".join(one for one in letters[0] if not unicodedata.combining(one))
