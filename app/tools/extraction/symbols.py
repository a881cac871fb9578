"""Characters of symbol fonts: codes of a private range whose meaning is what the font draws."""

_WINGDINGS = {
    0x20: " ", 0x28: "\u260e", 0x2A: "\u2709", 0x4A: "\u263a", 0x4B: "\U0001f610",
    0x4C: "\u2639", 0x6C: "\u25cf", 0x6E: "\u25a0", 0x6F: "\u2610", 0x71: "\u2751", 0x75: "\u25c6",
    0x9F: "\u2022", 0xA7: "\u25aa", 0xA8: "\u2610", 0xD8: "\u27a2", 0xE0: "\u2192",
    0xFB: "\u2717", 0xFC: "\u2713", 0xFD: "\u2612", 0xFE: "\u2611",
}  # fmt: skip
_WINGDINGS_2 = {
    0x20: " ", 0x4F: "\u2717", 0x50: "\u2713", 0x51: "\u2612", 0x52: "\u2611", 0xA3: "\u2610",
}  # fmt: skip
_WEBDINGS = {0x20: " ", 0x61: "\u2713", 0x63: "\u2610", 0x72: "\u2717"}
_SYMBOL_LETTERS = "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖαβχδεφγηιϕκλμνοπθρστυϖωξψζ"
_SYMBOL = dict(zip([*range(0x41, 0x5B), *range(0x61, 0x7B)], _SYMBOL_LETTERS, strict=True)) | {
    0x20: " ", 0xA3: "\u2264", 0xB0: "\u00b0", 0xB1: "\u00b1", 0xB3: "\u2265", 0xB4: "\u00d7",
    0xB7: "\u2022", 0xB9: "\u2260",
}  # fmt: skip
_BULLETS = {0xB7: "\u2022", 0xA7: "\u25aa", 0xD8: "\u27a2", 0xFC: "\u2713"}
"""What lists are marked with; the font is not always told."""
_PRIVATE = range(0xE000, 0xF900)


def symbol(font: str, code: int) -> str | None:
    """Return the character that a symbol font draws for a code, None where it is not known."""
    byte = code & 0xFF
    name = font.lower()
    if name.startswith("wingdings 2"):
        return _WINGDINGS_2.get(byte)
    if name.startswith("webdings"):
        return _WEBDINGS.get(byte)
    if name.startswith("wingdings"):
        return _WINGDINGS.get(byte)
    if name.startswith("symbol"):
        return _SYMBOL.get(byte) or (chr(byte) if byte in range(0x20, 0x40) else None)
    return _BULLETS.get(byte) if code in _PRIVATE else chr(code)
