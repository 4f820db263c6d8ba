"""A road network: nodes joined by directed edges that take time.

It knows nothing of OpenStreetMap, of files or of fleets.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial import KDTree

from engine.arrays import Floats, Ints
from engine.earth.geodesy import check_coordinates, inverse
from engine.errors import InvalidInput, NoPath, RouteFileError
from engine.roads.array_file import read_arrays, write_arrays
from engine.roads.lines import merged_lines
from engine.roads.paths import PathGraph, random_paths
from engine.roads.route import Route
from engine.roads.rules import ROAD_CLASSES

_MIN_EDGE_M = 0.01  # two nodes at one place: an edge of no time would be no edge to scipy
_FAST_CLASSES = [ROAD_CLASSES.index(name) for name in ("motorway", "motorway_link", "trunk", "trunk_link")]


@dataclass(frozen=True, eq=False)
class RoadNetwork:
    """V nodes on a grid of 1e-6 degrees, and E directed edges; made by `from_edges`.

    Edges are sorted by (from, to), and there is at most one between two nodes in each direction.

    Attributes
    ----------
    name : first part of the ids of its routes.
    lat_deg, lng_deg : float64 (V,).
    edge_from, edge_to : int64 (E,), node numbers.
    speed_mps : float64 (E,), speed at which the edge is driven, and its limit.
    road_class : int64 (E,), index into `engine.roads.rules.ROAD_CLASSES`.
    street : int64 (E,), index into `street_names`, whose first is empty.
    length_m : float64 (E,), geodesic.
    attribution : what must be shown wherever the network is.
    """

    name: str
    lat_deg: Floats
    lng_deg: Floats
    edge_from: Ints
    edge_to: Ints
    speed_mps: Floats
    road_class: Ints
    street: Ints
    street_names: tuple[str, ...]
    length_m: Floats
    attribution: str

    @classmethod
    def from_edges(
        cls,
        *,
        name: str,
        lat_deg: Floats,
        lng_deg: Floats,
        edge_from: npt.ArrayLike,
        edge_to: npt.ArrayLike,
        speed_mps: npt.ArrayLike,
        road_class: npt.ArrayLike,
        street: npt.ArrayLike | None = None,
        street_names: tuple[str, ...] = ("",),
        attribution: str = "",
    ) -> RoadNetwork:
        """Return the network of some edges, sorted.

        Of several edges between the same nodes the fastest stays; loops are left out.

        Raises
        ------
        InvalidInput : arrays that do not fit each other, a node, class or street that does not exist, a speed that is
            not > 0.
        InvalidCoordinate : a node that is not on Earth.
        """
        check_coordinates(lat_deg, lng_deg, f"network {name}")
        start, end, kind = (np.asarray(a, dtype=np.int64) for a in (edge_from, edge_to, road_class))
        speed = np.asarray(speed_mps, dtype=np.float64)
        names = np.zeros(start.size, dtype=np.int64) if street is None else np.asarray(street, dtype=np.int64)
        _check_edges(name, start, end, speed, kind, names, lat_deg.size, len(street_names))
        order = np.lexsort((-speed, end, start))
        order = order[start[order] != end[order]]
        if order.size == 0:
            raise InvalidInput(f"network {name} needs an edge between two different nodes")
        first = np.ones(order.size, dtype=np.bool_)
        first[1:] = (np.diff(start[order]) != 0) | (np.diff(end[order]) != 0)
        kept = order[first]
        start, end = start[kept], end[kept]
        length, _ = inverse(lat_deg[start], lng_deg[start], lat_deg[end], lng_deg[end])
        return cls(
            name, lat_deg, lng_deg, start, end, speed[kept], kind[kept], names[kept], street_names, length, attribution
        )

    @property
    def n_nodes(self) -> int:
        """Number of nodes, V."""
        return int(self.lat_deg.size)

    @property
    def n_edges(self) -> int:
        """Number of directed edges, E."""
        return int(self.edge_from.size)

    @cached_property
    def time_graph(self) -> csr_array:
        """Seconds from node to node as a sparse matrix (V, V)."""
        seconds = np.maximum(self.length_m, _MIN_EDGE_M) / self.speed_mps
        return csr_array((seconds, (self.edge_from, self.edge_to)), shape=(self.n_nodes, self.n_nodes))

    @cached_property
    def _edge_keys(self) -> Ints:
        return self.edge_from * self.n_nodes + self.edge_to

    @cached_property
    def _tree(self) -> KDTree:
        return KDTree(_unit_vectors(self.lat_deg, self.lng_deg))

    @cached_property
    def _path_graph(self) -> PathGraph:
        may_end = np.zeros(self.n_nodes, dtype=np.bool_)
        slow = ~np.isin(self.road_class, _FAST_CLASSES)
        may_end[self.edge_from[slow if slow.any() else slice(None)]] = True
        return PathGraph(
            self.time_graph, _unit_vectors(self.lat_deg, self.lng_deg), self._edge_keys, self.length_m, may_end
        )

    def edges_between(self, edge_from: Ints, edge_to: Ints) -> Ints:
        """Return the numbers of the edges that join pairs of nodes; each must exist."""
        return np.searchsorted(self._edge_keys, edge_from * self.n_nodes + edge_to)

    def nearest_node(self, lat_deg: float, lng_deg: float) -> int:
        """Return the node nearest to a point.

        Raises
        ------
        InvalidCoordinate : the point is not on Earth.
        """
        check_coordinates([lat_deg], [lng_deg], "place")
        _, nodes = self._tree.query(_unit_vectors(np.array([lat_deg]), np.array([lng_deg])), k=[1])
        return int(np.ravel(nodes)[0])

    def largest_component(self) -> RoadNetwork:
        """Return the largest part in which every node can be reached from every other."""
        _, label = connected_components(self.time_graph, directed=True, connection="strong")
        inside = label == np.argmax(np.bincount(label))
        number = np.cumsum(inside) - 1
        kept = inside[self.edge_from] & inside[self.edge_to]
        used, street = np.unique(np.append(0, self.street[kept]), return_inverse=True)
        return RoadNetwork.from_edges(
            name=self.name,
            lat_deg=self.lat_deg[inside],
            lng_deg=self.lng_deg[inside],
            edge_from=number[self.edge_from[kept]],
            edge_to=number[self.edge_to[kept]],
            speed_mps=self.speed_mps[kept],
            road_class=self.road_class[kept],
            street=street[1:],
            street_names=tuple(self.street_names[i] for i in used),
            attribution=self.attribution,
        )

    def shortest_route(self, from_node: int, to_node: int, *, id: str = "", title: str = "") -> Route:  # noqa: A002 - the field's name
        """Return the route of the shortest time between two nodes.

        Parameters
        ----------
        id : id of the route, ``<network>-<from>-<to>`` if empty.
        title : the streets at both ends if empty.

        Raises
        ------
        NoPath : the second node cannot be reached from the first.
        InvalidInput : a node that does not exist.
        InvalidRoute : both are the same place.
        """
        for node in (from_node, to_node):
            if not 0 <= node < self.n_nodes:
                raise InvalidInput(f"network {self.name}: node must be from 0 to {self.n_nodes - 1}, found {node}")
        _, before = dijkstra(self.time_graph, indices=np.array(from_node), return_predecessors=True)
        if from_node != to_node and before[to_node] < 0:
            raise NoPath(f"network {self.name}: no way from node {from_node} to node {to_node}")
        path = [to_node]
        while path[-1] != from_node:
            path.append(int(before[path[-1]]))
        return self.route_of(np.array(path[::-1], dtype=np.int64), id or f"{self.name}-{from_node}-{to_node}", title)

    def route_of(self, path: Ints, route_id: str, title: str = "") -> Route:
        """Return the route along a path of nodes that edges join one after another."""
        edges = self.edges_between(path[:-1], path[1:])
        return Route.from_points(
            route_id,
            title or self._ends(edges, route_id),
            self.lat_deg[path],
            self.lng_deg[path],
            limit_mps=self.speed_mps[edges],
            source=self.name,
        )

    def _ends(self, edges: Ints, otherwise: str) -> str:
        named = self.street[edges][self.street[edges] > 0]
        if named.size == 0:
            return otherwise
        first, last = self.street_names[named[0]], self.street_names[named[-1]]
        return first if first == last else f"{first} → {last}"

    def random_routes(
        self, n: int, seed: int, *, min_length_m: float = 500.0, max_length_m: float = 30_000.0
    ) -> list[Route]:
        """Return n routes of the shortest time between random nodes; the same arguments give the same routes.

        Their ids are ``<network>-<seed>-<number>``. Motorways are driven on, but nothing begins or ends there.

        Parameters
        ----------
        min_length_m, max_length_m : bounds of a route's length.

        Raises
        ------
        InvalidInput : n, seed or a length that cannot be.
        NoPath : the network has hardly a route of such a length.
        """
        paths = random_paths(self._path_graph, n, seed, min_length_m, max_length_m)
        return [self.route_of(path, f"{self.name}-{seed}-{number}") for number, path in enumerate(paths)]

    def streets_geojson(self) -> dict[str, Any]:
        """Return the streets as a GeoJSON FeatureCollection of LineStrings.

        Properties are ``class`` and, where the street has one, ``name``.
        """
        kind_and_name = self.road_class * len(self.street_names) + self.street
        lines = merged_lines(self.edge_from, self.edge_to, kind_and_name)
        return {
            "type": "FeatureCollection",
            "attribution": self.attribution,
            "features": [self._feature(*divmod(label, len(self.street_names)), nodes) for label, nodes in lines],
        }

    def _feature(self, road_class: int, street: int, nodes: list[int]) -> dict[str, Any]:
        points = np.column_stack((self.lng_deg[nodes], self.lat_deg[nodes]))
        name = {"name": self.street_names[street]} if street else {}
        return {
            "type": "Feature",
            "properties": {"class": ROAD_CLASSES[road_class], **name},
            "geometry": {"type": "LineString", "coordinates": points.tolist()},
        }

    def save(self, path: str | Path) -> None:
        """Write the network to a compact ``.npz`` file; the same network gives the same file."""
        speeds, speed_index = np.unique(self.speed_mps, return_inverse=True)
        write_arrays(
            Path(path),
            {
                "attribution": np.array(self.attribution),
                "name": np.array(self.name),
                "lat_e6": np.rint(self.lat_deg * 1e6).astype(np.int32),
                "lng_e6": np.rint(self.lng_deg * 1e6).astype(np.int32),
                "edge_count": np.bincount(self.edge_from, minlength=self.n_nodes).astype(np.uint16),
                "edge_to": self.edge_to.astype(np.int32),
                "speeds_mps": speeds,
                "speed": speed_index.astype(np.uint16),
                "road_classes": np.array(ROAD_CLASSES),
                "road_class": self.road_class.astype(np.uint8),
                "street_names": np.frombuffer("\n".join(self.street_names).encode(), dtype=np.uint8),
                "street": self.street.astype(np.int32),
            },
        )

    @classmethod
    def load(cls, path: str | Path) -> RoadNetwork:
        """Return the network in a file that `save` wrote.

        Raises
        ------
        RouteFileError : the file is missing, damaged, or no such file.
        """
        found = read_arrays(Path(path))
        try:
            classes = np.array([ROAD_CLASSES.index(name) for name in found["road_classes"].tolist()])
            return cls.from_edges(
                name=str(found["name"]),
                lat_deg=found["lat_e6"] / 1e6,
                lng_deg=found["lng_e6"] / 1e6,
                edge_from=np.repeat(np.arange(found["edge_count"].size), found["edge_count"]),
                edge_to=found["edge_to"],
                speed_mps=found["speeds_mps"][found["speed"]],
                road_class=classes[found["road_class"]],
                street=found["street"],
                street_names=tuple(found["street_names"].tobytes().decode().split("\n")),
                attribution=str(found["attribution"]),
            )
        except KeyError as error:
            raise RouteFileError(str(path), "content", f"no road network: array {error} is missing") from error
        except (ValueError, IndexError, TypeError) as error:
            raise RouteFileError(str(path), "content", f"no road network: {error}") from error


def _unit_vectors(lat_deg: Floats, lng_deg: Floats) -> Floats:
    lat, lng = np.radians(lat_deg), np.radians(lng_deg)
    return np.column_stack((np.cos(lat) * np.cos(lng), np.cos(lat) * np.sin(lng), np.sin(lat)))


def _check_edges(
    name: str, start: Ints, end: Ints, speed: Floats, kind: Ints, street: Ints, n_nodes: int, n_streets: int
) -> None:
    place = f"network {name}"
    if not start.shape == end.shape == speed.shape == kind.shape == street.shape or start.ndim != 1 or start.size == 0:
        raise InvalidInput(
            f"{place} needs arrays of one length >= 1, "
            f"found {start.shape}, {end.shape}, {speed.shape}, {kind.shape}, {street.shape}"
        )
    for label, array, bound in (
        ("node", start, n_nodes),
        ("node", end, n_nodes),
        ("class", kind, len(ROAD_CLASSES)),
        ("street", street, n_streets),
    ):
        if array.min() < 0 or array.max() >= bound:
            raise InvalidInput(f"{place} {label} must be from 0 to {bound - 1}, found {array.min()} to {array.max()}")
    if not (np.isfinite(speed) & (speed > 0)).all():
        raise InvalidInput(f"{place} speeds must be > 0 m/s and finite")
