"""Reads a road network out of an OpenStreetMap extract (PBF or XML), with pyosmium. What tags mean is said in `engine.roads.rules`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import osmium

from engine.errors import RouteFileError
from engine.roads.network import RoadNetwork
from engine.roads.rules import is_barrier, road_of

ATTRIBUTION = "© OpenStreetMap contributors, Open Database License (ODbL) 1.0, https://www.openstreetmap.org/copyright"

_UNITS_PER_GRID = 10  # OpenStreetMap counts in 1e-7 degrees, a network in 1e-6


@dataclass(slots=True)
class _Roads:
    """Directed edges as they are met; nodes are numbered in the order in which they are first met."""

    node_of_ref: dict[int, int] = field(default_factory=dict)
    lat_units: list[int] = field(default_factory=list)
    lng_units: list[int] = field(default_factory=list)
    name_index: dict[str, int] = field(default_factory=lambda: {"": 0})
    edges: list[tuple[int, int, float, int, int]] = field(default_factory=list)

    def node(self, ref: int, location: osmium.osm.Location) -> int:
        number = self.node_of_ref.setdefault(ref, len(self.lat_units))
        if number == len(self.lat_units):
            self.lat_units.append(location.y)
            self.lng_units.append(location.x)
        return number

    def add(self, way: Any, blocked: frozenset[int]) -> None:
        tags = {tag.k: tag.v for tag in way.tags}
        road = road_of(tags)
        if road is None:
            return
        name = self.name_index.setdefault(tags.get("name") or tags.get("ref") or "", len(self.name_index))
        before = None
        for point in way.nodes:
            # An extract cuts ways at its border: points outside have no location. A barrier cuts them too.
            here = self.node(point.ref, point.location) if point.location.valid() and point.ref not in blocked else None
            if before is not None and here is not None and before != here:
                if road.forward_mps:
                    self.edges.append((before, here, road.forward_mps, road.road_class, name))
                if road.backward_mps:
                    self.edges.append((here, before, road.backward_mps, road.road_class, name))
            before = here


def read_osm(path: str | Path, *, name: str | None = None) -> RoadNetwork:
    """Return the roads of an extract that the public may drive on.

    Parameters
    ----------
    path : a file that libosmium reads: ``.osm.pbf``, ``.osm``, ``.osm.gz``, ``.osm.bz2``.
    name : name of the network, the file's name up to its first dot if None.

    Raises
    ------
    RouteFileError : the file is missing, damaged, or holds no road.
    """
    path = Path(path)
    if not path.is_file():
        raise RouteFileError(str(path), "file", "not found")
    roads = _Roads()
    try:
        blocked = frozenset(_blocked_nodes(path))
        for way in _highways(path):
            roads.add(way, blocked)
    except (RuntimeError, ValueError, OSError) as error:  # what libosmium raises for damaged files
        raise RouteFileError(str(path), "content", f"no readable OpenStreetMap data: {error}") from error
    if not roads.edges:
        raise RouteFileError(str(path), "ways", "none of them is a road that the public may drive on")
    start, end, speed, road_class, street = zip(*roads.edges, strict=True)
    return RoadNetwork.from_edges(
        name=name or path.name.split(".")[0],
        lat_deg=_on_grid(roads.lat_units),
        lng_deg=_on_grid(roads.lng_units),
        edge_from=np.array(start),
        edge_to=np.array(end),
        speed_mps=np.array(speed),
        road_class=np.array(road_class),
        street=np.array(street),
        street_names=tuple(roads.name_index),
        attribution=ATTRIBUTION,
    )


def _on_grid(units: list[int]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.rint(np.array(units, dtype=np.float64) / _UNITS_PER_GRID) / 1e6


def _blocked_nodes(path: Path) -> Iterable[int]:
    nodes = osmium.FileProcessor(str(path), osmium.osm.NODE).with_filter(osmium.filter.KeyFilter("barrier"))
    return (node.id for node in nodes if is_barrier({tag.k: tag.v for tag in node.tags}))


def _highways(path: Path) -> osmium.FileProcessor:
    every = osmium.FileProcessor(str(path), osmium.osm.NODE | osmium.osm.WAY).with_locations()
    return every.with_filter(osmium.filter.EntityFilter(osmium.osm.WAY)).with_filter(osmium.filter.KeyFilter("highway"))
