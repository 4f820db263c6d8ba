"""How fast a network gives random shortest-time routes.

Rival: Dijkstra by the book, with heapq in pure Python, on a sample that is scaled up.
"""

from __future__ import annotations

import heapq
import time

import numpy as np

from benchmarks.size import sized
from engine.roads import RoadNetwork, shipped_network
from engine.roads.route import Route

ROUTES = sized(10_000, toy=40)
SAMPLE = sized(20, toy=2)


def _by_the_book(ways: list[list[tuple[int, float]]], source: int, end: int) -> list[int]:
    """Return the nodes of the path of the shortest time; stops as soon as the end is reached."""
    best, before, queue = {source: 0.0}, {source: source}, [(0.0, source)]
    while queue:
        seconds, node = heapq.heappop(queue)
        if node == end:
            break
        if seconds > best[node]:
            continue
        for other, step in ways[node]:
            if seconds + step < best.get(other, float("inf")):
                best[other], before[other] = seconds + step, node
                heapq.heappush(queue, (seconds + step, other))
    path = [end]
    while path[-1] != source:
        path.append(before[path[-1]])
    return path[::-1]


def _rival_seconds(network: RoadNetwork, routes: list[Route]) -> float:
    """Return how long the rival takes for the paths of some routes, without making routes of them."""
    ways: list[list[tuple[int, float]]] = [[] for _ in range(network.n_nodes)]
    for a, b, step in zip(
        network.edge_from.tolist(),
        network.edge_to.tolist(),
        (network.length_m / network.speed_mps).tolist(),
        strict=True,
    ):
        ways[a].append((b, step))
    ends = [
        (network.nearest_node(r.lat_deg[0], r.lng_deg[0]), network.nearest_node(r.lat_deg[-1], r.lng_deg[-1]))
        for r in routes
    ]
    start = time.perf_counter()
    for source, end in ends:
        _by_the_book(ways, source, end)
    return time.perf_counter() - start


def run() -> list[dict[str, object]]:
    """Return the figures; bar: 10,000 routes in under 20 s on one core."""
    network = shipped_network()
    start = time.perf_counter()
    routes = network.random_routes(ROUTES, seed=1)
    ours = time.perf_counter() - start
    rival = _rival_seconds(network, routes[:: ROUTES // SAMPLE]) * ROUTES / SAMPLE
    start = time.perf_counter()
    messages = [route.to_message() for route in routes[:1000]]
    encode_s = time.perf_counter() - start
    start = time.perf_counter()
    for message in messages:
        Route.from_message(message)
    decode_s = time.perf_counter() - start
    alone = {"rival": None, "rival_value": None, "ratio": None}
    return [
        {
            "name": "roads_routes",
            "value": ours,
            "unit": "s for 10,000 routes",
            "rival": f"heapq Dijkstra in pure Python, paths only, scaled from {SAMPLE}",
            "rival_value": rival,
            "ratio": rival / ours,
        },
        {
            "name": "roads_routes.distinct_starts",
            "value": len({(r.lat_deg[0], r.lng_deg[0]) for r in routes}),
            "unit": "places",
            **alone,
        },
        {
            "name": "roads_routes.median_length",
            "value": float(np.median([r.length_m for r in routes])),
            "unit": "m",
            **alone,
        },
        {"name": "roads_routes.to_message_s", "value": 1000 / encode_s, "unit": "routes/s", **alone},
        {"name": "roads_routes.from_message_s", "value": 1000 / decode_s, "unit": "routes/s", **alone},
    ]
