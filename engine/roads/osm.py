"""Reads a road network from an OpenStreetMap extract (PBF or XML), with pyosmium.

`engine.roads.rules` says what tags mean.

Files differ in where they keep the locations of road points: in nodes before or after the ways, sorted or not, with
negative ids where an editor has not yet uploaded them, or on the ways themselves. All are read. Points without any are
counted: some tools cut the roads at an extract's border.
"""

from __future__ import annotations

import logging
from array import array
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import osmium

from engine.arrays import Floats, Ints
from engine.errors import RouteFileError
from engine.roads.network import RoadNetwork
from engine.roads.route_ids import id_of
from engine.roads.rules import is_barrier, road_of

logger = logging.getLogger(__name__)

ATTRIBUTION = "© OpenStreetMap contributors, Open Database License (ODbL) 1.0, https://www.openstreetmap.org/copyright"

_MAX_NAME = 48
_UNITS_PER_GRID = 10  # OpenStreetMap counts in 1e-7 degrees, a network in 1e-6
_MAX_LAT_UNITS, _MAX_LNG_UNITS = 900_000_000, 1_800_000_000  # libosmium's mark for "no location" lies beyond
_LOST_POINTS = 5  # road points that may be without a location in any file,
_LOST_SHARE = 0.1  # and their share in a greater one: docs/decisions says why

_REMEDY = "get the ways with all their nodes (Overpass: `(._;>;); out;`, osmium: `extract --strategy complete_ways`)"


def _whole() -> array[int]:
    return array("q")


def _speeds() -> array[float]:
    return array("d")


@dataclass(frozen=True, slots=True)
class Extract:
    """The network of an extract, and what was left out, each as ``<path> <place>: <reason>``."""

    network: RoadNetwork
    skipped: list[str]


@dataclass(slots=True)
class _Roads:
    """Roads in columns, in the order in which they are read.

    `ref`, `lat_units` and `lng_units` have one entry for each point of a road, the others one for each road.
    """

    forward_mps: array[float] = field(default_factory=_speeds)
    backward_mps: array[float] = field(default_factory=_speeds)
    road_class: array[int] = field(default_factory=_whole)
    street: array[int] = field(default_factory=_whole)
    name_index: dict[str, int] = field(default_factory=lambda: {"": 0})
    n_points: array[int] = field(default_factory=_whole)
    ref: array[int] = field(default_factory=_whole)
    lat_units: array[int] = field(default_factory=_whole)
    lng_units: array[int] = field(default_factory=_whole)

    def add(self, way: Any) -> None:
        """Add a way, if it is a road."""
        tags = {tag.k: tag.v for tag in way.tags}
        road = road_of(tags)
        if road is None:
            return
        name = " ".join((tags.get("name") or tags.get("ref") or "").split())
        self.street.append(self.name_index.setdefault(name, len(self.name_index)))
        self.road_class.append(road.road_class)
        self.forward_mps.append(road.forward_mps)
        self.backward_mps.append(road.backward_mps)
        self.n_points.append(len(way.nodes))
        for point in way.nodes:
            location = point.location
            self.ref.append(point.ref)
            self.lat_units.append(location.y)
            self.lng_units.append(location.x)

    def located(self) -> npt.NDArray[np.bool_]:
        """Return which of the points have a location."""
        lat_units, lng_units = np.array(self.lat_units, dtype=np.int64), np.array(self.lng_units, dtype=np.int64)
        located: npt.NDArray[np.bool_] = (np.abs(lat_units) <= _MAX_LAT_UNITS) & (np.abs(lng_units) <= _MAX_LNG_UNITS)
        return located

    def locate(self, path: Path) -> None:
        """Locate the points that pyosmium's index has no location for.

        The location is that of a node with a negative id, which the index does not take, or the way's own.
        """
        without = np.flatnonzero(~self.located()).tolist()
        places = _other_places(path, {self.ref[point] for point in without}) if without else {}
        for point in without:
            if place := places.get(self.ref[point]):
                self.lat_units[point], self.lng_units[point] = place

    def network(self, name: str, blocked: Collection[int]) -> RoadNetwork | None:
        """Return the network of the roads; None if nothing can be driven.

        A road is cut where a point has no location or is blocked.
        """
        ref, placed = np.array(self.ref), self.located()
        placed &= ~np.isin(ref, np.array([*blocked], dtype=np.int64))
        first, number = _in_order_met(ref[placed])
        node = np.full(ref.size, -1)
        node[placed] = number
        way = np.repeat(np.arange(len(self.n_points)), np.array(self.n_points))
        joined = (way[:-1] == way[1:]) & (node[:-1] >= 0) & (node[1:] >= 0) & (node[:-1] != node[1:])
        here, there, way = node[:-1][joined], node[1:][joined], way[1:][joined]
        speed = np.column_stack((np.array(self.forward_mps)[way], np.array(self.backward_mps)[way])).ravel()
        driven = speed > 0
        if not driven.any():
            return None
        return RoadNetwork.from_edges(
            name=name,
            lat_deg=_on_grid(np.array(self.lat_units)[placed][first]),
            lng_deg=_on_grid(np.array(self.lng_units)[placed][first]),
            edge_from=np.column_stack((here, there)).ravel()[driven],
            edge_to=np.column_stack((there, here)).ravel()[driven],
            speed_mps=speed[driven],
            road_class=np.repeat(np.array(self.road_class)[way], 2)[driven],
            street=np.repeat(np.array(self.street)[way], 2)[driven],
            street_names=tuple(self.name_index),
            attribution=ATTRIBUTION,
        )


def read_osm(path: str | Path, *, name: str | None = None) -> RoadNetwork:
    """Return the roads of an extract that the public may drive on, and log what was left out.

    `read_extract` returns both.
    """
    extract = read_extract(path, name=name)
    for line in extract.skipped:
        logger.warning("%s", line)
    return extract.network


def read_extract(path: str | Path, *, name: str | None = None, skip_invalid: bool = False) -> Extract:
    """Return the roads of an extract that the public may drive on.

    Parameters
    ----------
    path : a file that libosmium reads: ``.osm.pbf``, ``.osm``, ``.osm.gz``, ``.osm.bz2``.
    name : name of the network, the file's name up to its first dot if None; becomes part of ids, so a name that cannot
        be one is changed, see `engine.roads.route_ids`.
    skip_invalid : leave out road points without a location however many they are.

    Raises
    ------
    RouteFileError : the file is missing, damaged, holds no road, or has no location for too many points of its roads.
    """
    path = Path(path)
    if not path.is_file():
        raise RouteFileError(str(path), "file", "not found")
    roads = _Roads()
    try:
        blocked = _read(path, roads)
    except (RuntimeError, ValueError, OSError) as error:  # what libosmium raises for damaged files
        raise RouteFileError(str(path), "content", f"no readable OpenStreetMap data: {error}") from error
    n_points, n_lost = len(roads.ref), int(np.count_nonzero(~roads.located()))
    network = roads.network(id_of(name or path.name.split(".")[0], "network", _MAX_NAME), blocked)
    if n_lost and (network is None or (n_lost > max(_LOST_POINTS, _LOST_SHARE * n_points) and not skip_invalid)):
        found = (
            f"{100 * n_lost / n_points:.0f} % of the road points have no location: "
            f"{n_lost:,} of {n_points:,}, at most {100 * _LOST_SHARE:.0f} % may"
        )
        raise RouteFileError(
            str(path), "ways", f"{found}; {_REMEDY}" + (", or import with --skip-invalid" if network else "")
        )
    if network is None:
        raise RouteFileError(str(path), "ways", "none of them is a road that the public may drive on")
    lost = (
        f"{path} ways: {n_lost:,} of {n_points:,} road points ({100 * n_lost / n_points:.1f} %) are left out: "
        "they have no location"
    )
    return Extract(network, [lost] if n_lost else [])


def _in_order_met(refs: Ints) -> tuple[Ints, Ints]:
    """Return where each distinct node occurs first, in that order, and every node's number in it."""
    _, first, index = np.unique(refs, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return first[order], np.argsort(order)[index]


def _on_grid(units: Ints) -> Floats:
    return np.rint(units / _UNITS_PER_GRID) / 1e6


def _read(path: Path, roads: _Roads) -> frozenset[int]:
    """Read the roads of a file, and return the nodes that stop vehicles.

    Nodes are read first, wherever they are in the file.
    """
    locations = osmium.NodeLocationsForWays(osmium.index.create_map("flex_mem"))
    locations.ignore_errors()
    barriers = _objects(path, osmium.osm.NODE, locations, osmium.filter.KeyFilter("barrier"))
    blocked = frozenset(node.id for node in barriers if is_barrier({tag.k: tag.v for tag in node.tags}))
    for way in _objects(path, osmium.osm.WAY, osmium.filter.KeyFilter("highway"), locations):
        roads.add(way)
    roads.locate(path)
    return blocked


def _other_places(path: Path, refs: set[int]) -> dict[int, tuple[int, int]]:
    """Return the latitude and longitude of nodes.

    They come from the ways' own locations, and for negative ids from the nodes.
    """
    places = {}
    for way in _objects(path, osmium.osm.WAY, osmium.filter.KeyFilter("highway")):
        places.update(
            {
                point.ref: (point.location.y, point.location.x)
                for point in way.nodes
                if point.ref in refs and point.location.valid()
            }
        )
    if min(refs) < 0:
        places.update(
            {node.id: (node.location.y, node.location.x) for node in _objects(path, osmium.osm.NODE) if node.id in refs}
        )
    return places


def _objects(path: Path, kind: osmium.osm.osm_entity_bits, *handlers: Any) -> Iterable[Any]:
    """Return the objects of a kind that pass some handlers of pyosmium, each being handed to them in turn."""
    objects = osmium.FileProcessor(str(path), kind)
    for handler in handlers:
        objects.with_filter(handler)
    return objects
