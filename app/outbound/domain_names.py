"""International domain names, as DNS and mail use them."""

import idna


def domain_of(text: str) -> str:
    """Return a domain as mail and DNS use it (IDNA 2008, https://www.rfc-editor.org/info/rfc5891).

    The older rules (IDNA 2003) confuse names: they turn `straße.example` into `strasse.example`.

    Raises:
        ValueError: The domain is invalid; the message says why.
    """
    if text.isascii() and "xn--" not in text.lower():
        return text
    return idna.encode(text, uts46=True).decode("ascii")
