"""Numbers of things in messages: `1 run`, `2 runs`."""


def counted(number: int, one: str, several: str | None = None) -> str:
    """Return a number with its noun, thousands separated.

    Args:
        number: How many.
        one: The noun, or the words, for one of them.
        several: The same for another number; else `one` with an s.
    """
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"
