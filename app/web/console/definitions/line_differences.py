"""Finds the lines that differ between two texts, in time proportional to their length.

The shortest list of changes (Myers 1986) costs the product of lines and changes. Lines that occur
once in each text therefore divide the texts first, as in a patience diff. The gaps between them are
searched as long as the budget of the whole comparison lasts; the rest counts as changed.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence

from engine.value import value

_STEPS_OF_A_LINE = 8
_LEAST_STEPS = 50_000


@value(frozen=True, slots=True)
class Block:
    """Lines of the old text, from `old` to before `old_end`, and those that replace them."""

    old: int
    old_end: int
    new: int
    new_end: int


class _Allowance:
    """How many steps of the search are left."""

    def __init__(self, steps: int) -> None:
        self.left = steps


def differences(old: Sequence[str], new: Sequence[str]) -> list[Block]:
    """Return the differences in order; everything between two blocks is equal."""
    allowance = _Allowance(_LEAST_STEPS + _STEPS_OF_A_LINE * (len(old) + len(new)))
    found: list[Block] = []
    at = Block(0, 0, 0, 0)
    for old_at, new_at in [*_anchors(old, new), (len(old), len(new))]:
        gap = _trimmed(old, new, Block(at.old_end, old_at, at.new_end, new_at))
        found += _within(old, new, gap, allowance)
        at = Block(old_at, old_at + 1, new_at, new_at + 1)
    return list(_joined(found))


def _anchors(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Return the most pairs of equal lines, unique in each text, in the same order in both."""
    once_old, once_new = Counter(old), Counter(new)
    places = {line: at for at, line in enumerate(new) if once_new[line] == 1}
    pairs = [
        (at, places[line]) for at, line in enumerate(old) if once_old[line] == 1 and line in places
    ]
    # The longest increasing sequence of positions in the new text, by patience sorting.
    tops: list[int] = []
    indices: list[int] = []
    before: list[int | None] = []
    for index, (_, place) in enumerate(pairs):
        pile = bisect_left(tops, place)
        before.append(indices[pile - 1] if pile else None)
        tops[pile : pile + 1] = [place]
        indices[pile : pile + 1] = [index]
    row: list[tuple[int, int]] = []
    at = indices[-1] if indices else None
    while at is not None:
        row.append(pairs[at])
        at = before[at]
    return row[::-1]


def _trimmed(old: Sequence[str], new: Sequence[str], gap: Block) -> Block:
    """Return the gap without equal lines at its two ends."""
    first_old, first_new, last_old, last_new = gap.old, gap.new, gap.old_end, gap.new_end
    while first_old < last_old and first_new < last_new and old[first_old] == new[first_new]:
        first_old, first_new = first_old + 1, first_new + 1
    while first_old < last_old and first_new < last_new and old[last_old - 1] == new[last_new - 1]:
        last_old, last_new = last_old - 1, last_new - 1
    return Block(first_old, last_old, first_new, last_new)


def _within(
    old: Sequence[str], new: Sequence[str], gap: Block, allowance: _Allowance
) -> Iterator[Block]:
    """Find the blocks of a gap."""
    if gap.old == gap.old_end and gap.new == gap.new_end:
        return
    if gap.old == gap.old_end or gap.new == gap.new_end:
        yield gap
        return
    rows = _search(old[gap.old : gap.old_end], new[gap.new : gap.new_end], allowance)
    if rows is None:
        yield gap
        return
    for removed, x, y in _moves(rows, gap):
        at_old, at_new = gap.old + x, gap.new + y
        yield Block(at_old, at_old + removed, at_new, at_new + (not removed))


def _search(
    old: Sequence[str], new: Sequence[str], allowance: _Allowance
) -> list[dict[int, int]] | None:
    """Return how far each diagonal gets with 0, 1, 2, ... changes; None if the budget ends."""
    reach = {1: 0}
    rows: list[dict[int, int]] = []
    while allowance.left > 0:
        changes = len(rows)
        rows.append(dict(reach))
        allowance.left -= 2 * changes + 1
        for diagonal in range(-changes, changes + 1, 2):
            x = _next(reach, diagonal, changes)
            y = x - diagonal
            while x < len(old) and y < len(new) and old[x] == new[y]:
                x, y = x + 1, y + 1
                allowance.left -= 1
            reach[diagonal] = x
            if x >= len(old) and y >= len(new):
                return rows
    return None


def _next(reach: dict[int, int], diagonal: int, changes: int) -> int:
    """Return where a diagonal begins: a line was added, or one was removed."""
    if _is_added(reach, diagonal, changes):
        return reach[diagonal + 1]
    return reach[diagonal - 1] + 1


def _is_added(reach: dict[int, int], diagonal: int, changes: int) -> bool:
    if diagonal == -changes:
        return True
    return diagonal != changes and reach[diagonal - 1] < reach[diagonal + 1]


def _moves(rows: list[dict[int, int]], gap: Block) -> list[tuple[bool, int, int]]:
    """Return every change in order: whether a line was removed, and its position in the gap."""
    x, y = gap.old_end - gap.old, gap.new_end - gap.new
    moves: list[tuple[bool, int, int]] = []
    for changes in range(len(rows) - 1, 0, -1):
        reach, diagonal = rows[changes], x - y
        is_added = _is_added(reach, diagonal, changes)
        before = diagonal + 1 if is_added else diagonal - 1
        x = reach[before]
        y = x - before
        moves.append((not is_added, x, y))
    return moves[::-1]


def _joined(blocks: Sequence[Block]) -> Iterator[Block]:
    """Join blocks that touch."""
    last: Block | None = None
    for block in blocks:
        if last and (last.old_end, last.new_end) == (block.old, block.new):
            last = Block(last.old, block.old_end, last.new, block.new_end)
            continue
        if last:
            yield last
        last = block
    if last:
        yield last
