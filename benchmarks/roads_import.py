"""How fast an OpenStreetMap extract becomes a network.

Rival: the same edges gathered by a Python handler that sees every object of the file.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import osmium

from benchmarks.size import sized
from engine.roads import RoadNetwork, load_routes, read_osm
from engine.roads.rules import road_of

DATA = Path(os.environ.get("CODE_DELIVERY_TEST_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
REPEATS = sized(3, toy=1)
EXTRACT = DATA / "osm" / "liechtenstein.osm.pbf"


class _EveryObject(osmium.SimpleHandler):
    """Keeps the place of every node in a dictionary, and reads every way: the way of most tutorials."""

    def __init__(self) -> None:
        super().__init__()
        self.places: dict[int, tuple[float, float]] = {}
        self.edges: list[tuple[int, int]] = []

    def node(self, node: osmium.osm.Node) -> None:
        self.places[node.id] = (node.location.lat, node.location.lon)

    def way(self, way: osmium.osm.Way) -> None:
        road = road_of({tag.k: tag.v for tag in way.tags})
        if road is not None:
            refs = [node.ref for node in way.nodes]
            self.edges += pairwise(refs)


def _seconds(work: Callable[[], object], repeat: int = REPEATS) -> float:
    """Return the shortest of some runs."""
    best = float("inf")
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def _network() -> RoadNetwork:
    return read_osm(EXTRACT).largest_component()


def run() -> list[dict[str, object]]:
    """Return the figures; bar: under 3 s."""
    if not EXTRACT.is_file():
        raise FileNotFoundError(f"{EXTRACT}: set CODE_DELIVERY_TEST_DATA to the folder of test data")
    ours = _seconds(_network)
    rival = _seconds(lambda: _EveryObject().apply_file(str(EXTRACT)))
    trace = DATA / "traces" / "geolife.csv"
    points = sum(int(route.given.sum()) for route in load_routes(trace).routes)
    csv_s = _seconds(lambda: load_routes(trace))
    return [
        {
            "name": "roads_import",
            "value": ours,
            "unit": "s",
            "rival": "SimpleHandler over every node and way, raw pairs only",
            "rival_value": rival,
            "ratio": rival / ours,
        },
        {
            "name": "roads_import.edges",
            "value": _network().n_edges,
            "unit": "edges",
            "rival": None,
            "rival_value": None,
            "ratio": None,
        },
        {
            "name": "roads_import.csv_points_s",
            "value": points / csv_s,
            "unit": "points/s",
            "rival": None,
            "rival_value": None,
            "ratio": None,
        },
    ]
