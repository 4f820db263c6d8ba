"""Random shortest-time paths through a graph, many at once and seeded.

It knows the arrays of a graph, not what they are the roads of.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from engine.arrays import Floats, Ints
from engine.chance import seeded_generator
from engine.errors import InvalidInput, NoPath

_PATHS_PER_SOURCE = (
    2  # a tree of shortest paths costs far more than walking it; a fleet should still not start in few places
)
_TRIES_PER_SOURCE = 8
_CELLS_PER_CHUNK = 1_000_000  # sources times nodes searched at once: 12 bytes each
_GREATEST_DETOUR = 4.0
_EARTH_RADIUS_M = 6_371_000.0


@dataclass(frozen=True, slots=True)
class PathGraph:
    """V nodes and E edges sorted by (from, to).

    Attributes
    ----------
    seconds : sparse (V, V), time from node to node.
    vectors : float64 (V, 3), unit vectors from the centre of the Earth to the nodes.
    edge_keys : int64 (E,), ``from * V + to``, rising.
    length_m : float64 (E,).
    may_end : bool (V,), whether a path may begin or end at a node.
    """

    seconds: csr_array
    vectors: Floats
    edge_keys: Ints
    length_m: Floats
    may_end: npt.NDArray[np.bool_]


def random_paths(graph: PathGraph, n: int, seed: int, min_length_m: float, max_length_m: float) -> list[Ints]:
    """Return n paths, each the int64 nodes from its beginning to its end, with lengths within the bounds.

    Every node begins at most two paths until all have begun some. A path of less than half the graph's mean speed is
    not looked for.

    Raises
    ------
    InvalidInput : n, seed or a length that cannot be.
    NoPath : hardly a path has such a length.
    """
    if n < 0 or seed < 0:
        raise InvalidInput(f"number of routes and seed must be >= 0, found {n} and {seed}")
    if not 0 <= min_length_m < max_length_m:
        raise InvalidInput(f"lengths of routes must be 0 <= min < max, found {min_length_m:g} to {max_length_m:g} m")
    rng = seeded_generator(seed)
    paths: list[Ints] = []
    tried = 0
    enough = 200 + 20 * n
    for sources in _chunks_of_sources(graph, rng, n):
        if len(paths) >= n:
            break
        if tried >= enough:
            raise NoPath(
                f"found only {len(paths)} of {n} routes of {min_length_m:g} to {max_length_m:g} m from {tried} places"
            )
        tried += sources.size
        paths += _paths_from(graph, rng, sources, min_length_m, max_length_m)
    return paths[:n]


def _chunks_of_sources(graph: PathGraph, rng: np.random.Generator, n: int) -> Iterator[Ints]:
    """Yield nodes to begin at, without end: every node once in random order, then again."""
    nodes = np.flatnonzero(graph.may_end)
    size = max(1, min(_CELLS_PER_CHUNK // graph.may_end.size, -(-n // _PATHS_PER_SOURCE)))
    while True:
        order = rng.permutation(nodes)
        for start in range(0, order.size, size):
            yield order[start : start + size]


def _paths_from(
    graph: PathGraph, rng: np.random.Generator, sources: Ints, min_length_m: float, max_length_m: float
) -> list[Ints]:
    """Return up to `_PATHS_PER_SOURCE` paths from each source, in the order of the sources."""
    mean_mps = graph.length_m.sum() / graph.seconds.data.sum()
    _, before = dijkstra(graph.seconds, indices=sources, return_predecessors=True, limit=2 * max_length_m / mean_mps)
    drawn = [
        _draw_ends(graph, rng, int(source), before[row], min_length_m, max_length_m)
        for row, source in enumerate(sources)
    ]
    rows = np.repeat(np.arange(sources.size), [ends.size for ends in drawn])
    steps = _walk_back(before, rows, np.concatenate(drawn))
    length_m = _lengths(graph, steps)
    fits = np.flatnonzero((length_m >= min_length_m) & (length_m <= max_length_m))
    place_in_row = np.arange(fits.size) - np.searchsorted(rows[fits], rows[fits])
    return [_path(steps[:, column]) for column in fits[place_in_row < _PATHS_PER_SOURCE]]


def _draw_ends(
    graph: PathGraph,
    rng: np.random.Generator,
    source: int,
    before: npt.NDArray[np.int32],
    min_length_m: float,
    max_length_m: float,
) -> Ints:
    """Return different nodes, in random order, about as far from a source as wanted."""
    crow_m = _EARTH_RADIUS_M * np.arccos(np.clip(graph.vectors @ graph.vectors[source], -1.0, 1.0))
    candidates = np.flatnonzero(
        graph.may_end & (before >= 0) & (crow_m <= max_length_m * 1.01) & (crow_m >= min_length_m / _GREATEST_DETOUR)
    )
    if candidates.size == 0:
        return candidates
    _, first = np.unique(drawn := candidates[rng.integers(candidates.size, size=_TRIES_PER_SOURCE)], return_index=True)
    return drawn[np.sort(first)]


def _walk_back(before: npt.NDArray[np.int32], rows: Ints, ends: Ints) -> Ints:
    """Return the nodes of many paths, int64 (steps, paths), from their ends to their beginnings.

    Shorter paths repeat their beginning.
    """
    steps = [ends]
    while True:
        previous = before[rows, steps[-1]].astype(np.int64)
        arrived = previous < 0
        if arrived.all():
            return np.array(steps)
        steps.append(np.where(arrived, steps[-1], previous))


def _lengths(graph: PathGraph, steps: Ints) -> Floats:
    moves = steps[1:] != steps[:-1]
    keys = steps[1:][moves] * graph.may_end.size + steps[:-1][moves]
    metres = np.zeros(moves.shape)
    metres[moves] = graph.length_m[np.searchsorted(graph.edge_keys, keys)]
    return np.asarray(metres.sum(axis=0))


def _path(backwards: Ints) -> Ints:
    moves = np.count_nonzero(backwards[1:] != backwards[:-1])
    return backwards[moves::-1]
