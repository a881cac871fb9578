"""Lays out a graph: layers from top to bottom, few crossings, straight edges.

The usual four steps (Sugiyama, Tagawa, Toda 1981): reverse the edges that close loops, give each
step the layer below all that lead to it, order each layer by its neighbours, and place each step as
near to them as the order allows. An edge across several layers has a bend in each.
"""

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias

from engine.value import value

NODE_WIDTH, NODE_HEIGHT = 228, 54
LABEL_WIDTH = 156
_BEND_WIDTH = 20
_GAP = 28
LAYER_GAP = 62
_ORDER_SWEEPS = 8
_PLACE_SWEEPS = 12
_OF_STEP, _OF_BEND, _OF_END = 100_000.0, 4.0, 0.1
"""How much the place of a step counts, of a bend between bends, and of one beside a step."""

_MOST_PIECES = 9_000
"""The most pieces, each from one layer to the next, of all edges of a diagram together."""


class TooManyPieces(Exception):
    """The edges cross so many layers that nobody could follow them in a diagram."""


@dataclass(slots=True)
class Node:
    """A step, or a bend of an edge: its layer, horizontal centre, and where it continues down.

    A bend is as high as its layer, since an edge runs straight down beside the steps there.
    """

    width: float
    height: float = 0
    layer: int = 0
    x: float = 0
    top: float = 0
    above: list["Node"] = field(default_factory=list)
    below: list["Node"] = field(default_factory=list)
    place: int = 0
    is_bend: bool = False


@value(frozen=True, slots=True)
class DrawnEdge:
    """An edge to be laid out; `is_labelled` leaves room for text at its first bend."""

    source: str
    target: str
    is_labelled: bool = False


@value(frozen=True, slots=True)
class Layout:
    """A graph with coordinates.

    Attributes:
        paths: For each edge its nodes from source to target; None for one that leads back to its
            own step.
        width: From the left of the leftmost to the right of the rightmost.
        height: From the top of the first layer to the bottom of the last.
    """

    steps: Mapping[str, Node]
    paths: Sequence[tuple[Node, ...] | None]
    width: float
    height: float


Size: TypeAlias = tuple[float, float]


def lay_out(
    steps: Sequence[str], edges: Sequence[DrawnEdge], first: str, sizes: Mapping[str, Size]
) -> Layout:
    """Return coordinates for every step and edge; `first` is at the top.

    `sizes` has the width and height of those that are larger than others.

    The work is near-linear in the pieces of all edges. Their number may be the product of edges and
    layers, so it is limited.

    Raises:
        TooManyPieces: There are more than a diagram can show.
    """
    nodes = {name: Node(*sizes.get(name, (NODE_WIDTH, NODE_HEIGHT))) for name in steps}
    turned, forward = _layered(nodes, edges, first)
    if sum(nodes[low].layer - nodes[high].layer for _, high, low in forward) > _MOST_PIECES:
        raise TooManyPieces
    paths: list[tuple[Node, ...] | None] = [None] * len(edges)
    everything = list(nodes.values())
    for index, upper, lower in forward:
        path = _bends(nodes[upper], nodes[lower], edges[index].is_labelled, index in turned)
        everything += path[1:-1]
        for high, low in pairwise(path):
            high.below.append(low)
            low.above.append(high)
        paths[index] = tuple(reversed(path)) if index in turned else tuple(path)
    layers = _ordered(everything)
    _place(layers)
    left = min((node.x - node.width / 2 for node in everything), default=0)
    for node in everything:
        node.x -= left
    width = max((node.x + node.width / 2 for node in everything), default=0)
    return Layout(nodes, paths, width, _stacked(layers))


def layers_of(steps: Sequence[str], edges: Sequence[DrawnEdge], first: str) -> dict[str, int]:
    """Return the layer of each step, counted from the top; linear in steps and edges."""
    nodes = {name: Node(NODE_WIDTH) for name in steps}
    _layered(nodes, edges, first)
    return {name: node.layer for name, node in nodes.items()}


def _layered(
    nodes: Mapping[str, Node], edges: Sequence[DrawnEdge], first: str
) -> tuple[set[int], list[tuple[int, str, str]]]:
    """Give each step its layer; return the reversed edges, and all steps from top to bottom."""
    turned = _closing(list(nodes), edges, first)
    forward = [
        (index, edge.target, edge.source) if index in turned else (index, *_ends(edge))
        for index, edge in enumerate(edges)
        if edge.source != edge.target
    ]
    _assign_layers(nodes, forward)
    return turned, forward


def _stacked(layers: Sequence[Sequence[Node]]) -> float:
    """Put each layer below the one before, as high as its highest node; return the total."""
    top = 0.0
    for layer in layers:
        height = max((node.height for node in layer), default=0) or NODE_HEIGHT
        for node in layer:
            node.top = top
            if node.is_bend:
                node.height = height
        top += height + LAYER_GAP
    return max(0.0, top - LAYER_GAP)


def _ends(edge: DrawnEdge) -> tuple[str, str]:
    return edge.source, edge.target


def _closing(steps: Sequence[str], edges: Sequence[DrawnEdge], first: str) -> set[int]:
    """Return the edges that lead back to a step on the path to their source (depth first)."""
    out: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for index, edge in enumerate(edges):
        out[edge.source].append((index, edge.target))
    known = set(steps)
    done: set[str] = set()
    closing: set[int] = set()
    for root in (first, *steps):
        if root in done or root not in known:
            continue
        stack, path = [(root, iter(out[root]))], {root}
        while stack:
            name, rest = stack[-1]
            following = next(rest, None)
            if following is None:
                stack.pop()
                path.discard(name)
                done.add(name)
            elif following[1] in path:
                closing.add(following[0])
            elif following[1] not in done:
                path.add(following[1])
                stack.append((following[1], iter(out[following[1]])))
    return closing


def _assign_layers(nodes: Mapping[str, Node], forward: Iterable[tuple[int, str, str]]) -> None:
    out: dict[str, list[str]] = defaultdict(list)
    left = dict.fromkeys(nodes, 0)
    for _, upper, lower in forward:
        out[upper].append(lower)
        left[lower] += 1
    free = [name for name, count in left.items() if count == 0]
    while free:
        name = free.pop()
        for lower in out[name]:
            nodes[lower].layer = max(nodes[lower].layer, nodes[name].layer + 1)
            left[lower] -= 1
            if left[lower] == 0:
                free.append(lower)


def _bends(upper: Node, lower: Node, is_labelled: bool, is_turned: bool) -> list[Node]:
    bends = [
        Node(_BEND_WIDTH, layer=layer, is_bend=True)
        for layer in range(upper.layer + 1, lower.layer)
    ]
    if bends and is_labelled:
        bends[-1 if is_turned else 0].width = LABEL_WIDTH
    return [upper, *bends, lower]


def _ordered(nodes: Sequence[Node]) -> list[list[Node]]:
    """Return the layers, each in the best order found by the sweeps."""
    layers: list[list[Node]] = [[] for _ in range(max((s.layer for s in nodes), default=-1) + 1)]
    for node in nodes:
        layers[node.layer].append(node)
    _number(layers)
    best, fewest = [list(layer) for layer in layers], _crossings(layers)
    for sweep in range(_ORDER_SWEEPS):
        is_down = sweep % 2 == 0
        for layer in layers if is_down else reversed(layers):
            layer.sort(key=lambda node: _middle(node.above if is_down else node.below, node))
            for place, node in enumerate(layer):
                node.place = place
        count = _crossings(layers)
        if count < fewest:
            best, fewest = [list(layer) for layer in layers], count
    _number(best)
    return best


def _number(layers: Iterable[list[Node]]) -> None:
    for layer in layers:
        for place, node in enumerate(layer):
            node.place = place


def _middle(neighbours: Sequence[Node], node: Node) -> float:
    if not neighbours:
        return node.place
    return sum(other.place for other in neighbours) / len(neighbours)


def _crossings(layers: Iterable[Sequence[Node]]) -> int:
    count = 0
    for layer in layers:
        ends = [low.place for high in layer for low in sorted(high.below, key=lambda s: s.place)]
        passed: list[int] = []
        for end in ends:
            count += len(passed) - bisect_right(passed, end)
            insort(passed, end)
    return count


def _place(layers: Sequence[Sequence[Node]]) -> None:
    for layer in layers:
        at = 0.0
        for node in layer:
            node.x = at + node.width / 2
            at += node.width + _GAP
    for sweep in range(_PLACE_SWEEPS):
        is_down = sweep % 2 == 0
        for layer in layers if is_down else reversed(layers):
            wanted = [_wanted(node, node.above if is_down else node.below) for node in layer]
            weights = [_weight(node, node.above if is_down else node.below) for node in layer]
            for node, x in zip(layer, _apart(layer, wanted, weights), strict=True):
                node.x = x


def _wanted(node: Node, neighbours: Sequence[Node]) -> float:
    """Return the middle of the steps beside it, else of the bends.

    A step between a step and a bend would stand half a column aside, and what follows it too: a
    long chain with shortcuts would become a staircase.
    """
    near = [n for n in neighbours if not n.is_bend] or neighbours
    return sum(n.x for n in near) / len(near) if near else node.x


def _weight(node: Node, neighbours: Sequence[Node]) -> float:
    """Return how much a place counts: long edges run straight, and give way where they end."""
    if not node.is_bend:
        return _OF_STEP
    return _OF_BEND if all(n.is_bend for n in neighbours) else _OF_END


def _apart(layer: Sequence[Node], wanted: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Return the positions nearest to the wanted ones that keep order and distance.

    Least squares under an order is isotonic regression, by pooling neighbours that violate it.
    """
    offsets, offset = [], 0.0
    for index, node in enumerate(layer):
        if index:
            offset += (layer[index - 1].width + node.width) / 2 + _GAP
        offsets.append(offset)
    pools: list[tuple[float, float, int]] = []
    for want, weight, at in zip(wanted, weights, offsets, strict=True):
        pool = (want - at, weight, 1)
        while pools and pools[-1][0] > pool[0]:
            value, mass, count = pools.pop()
            whole = mass + pool[1]
            pool = ((value * mass + pool[0] * pool[1]) / whole, whole, count + pool[2])
        pools.append(pool)
    values = [value for value, _, count in pools for _ in range(count)]
    return [value + at for value, at in zip(values, offsets, strict=True)]
