"""Texts without accents, as searches compare them."""

import unicodedata


def unaccented(text: str) -> str:
    """Return a text in lower case and without the marks of its letters."""
    if not text.isascii():
        letters = unicodedata.normalize("NFD", text)
        text = "".join(one for one in letters if not unicodedata.combining(one))
    return text.lower()
