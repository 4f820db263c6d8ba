"""Joins the edges of a graph into long lines, for drawing.

It knows nodes and labels, not what they mean.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import numpy.typing as npt


def merged_lines(
    edge_from: npt.NDArray[np.int64], edge_to: npt.NDArray[np.int64], label: npt.NDArray[np.int64]
) -> list[tuple[int, list[int]]]:
    """Return lines of nodes that together cover every edge once, in either direction.

    A line continues as long as its label does.

    A line ends where its label has no further edge that is not in a line already. Of an edge and its reverse the
    smaller label counts.

    Returns
    -------
    ``(label, nodes)`` pairs, sorted by label.
    """
    low, high = np.minimum(edge_from, edge_to), np.maximum(edge_from, edge_to)
    order = np.lexsort((label, high, low))
    low, high, label = low[order], high[order], label[order]
    first = np.ones(order.size, dtype=np.bool_)
    first[1:] = (np.diff(low) != 0) | (np.diff(high) != 0)
    by_label: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
    for one, other, mark in zip(low[first].tolist(), high[first].tolist(), label[first].tolist(), strict=True):
        by_label[mark].append((one, other))
    return [(mark, line) for mark in sorted(by_label) for line in _lines_of(by_label[mark])]


def _lines_of(edges: list[tuple[int, int]]) -> list[list[int]]:
    neighbours: defaultdict[int, set[int]] = defaultdict(set)
    for one, other in edges:
        neighbours[one].add(other)
        neighbours[other].add(one)
    # Begin at the ends and forks; what is left then are closed rings.
    starts = [node for node, joined in neighbours.items() if len(joined) != 2]
    lines = []
    for start in [*starts, *neighbours]:
        while neighbours[start]:
            lines.append(_follow(neighbours, start))
    return lines


def _follow(neighbours: defaultdict[int, set[int]], start: int) -> list[int]:
    """Take one line out of the edges: from a node on until there is no way on."""
    line = [start]
    while ahead := neighbours[line[-1]]:
        step = min(ahead)
        ahead.discard(step)
        neighbours[step].discard(line[-1])
        line.append(step)
    return line
