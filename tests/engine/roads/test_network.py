"""Routes over a network: legal, shortest, seeded."""

from __future__ import annotations

import heapq
import json
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import InvalidCoordinate, InvalidInput, NoPath, RouteFileError
from engine.roads import RoadNetwork, ancestor_routes, shipped_network
from engine.roads.array_file import write_arrays
from engine.roads.derive import derive_ancestor, derive_network, main
from engine.roads.lines import merged_lines
from engine.roads.route import Route


@pytest.fixture(scope="module")
def country() -> RoadNetwork:
    return shipped_network("liechtenstein")


def network(edges: dict[tuple[int, int], float], n_nodes: int = 0, **more: Any) -> RoadNetwork:
    """Return a network of nodes 111 m apart on a meridian, from edges and their speeds."""
    count = n_nodes or 1 + max(max(pair) for pair in edges)
    start, end = zip(*edges, strict=True)
    return RoadNetwork.from_edges(
        name="net",
        lat_deg=np.rint(np.arange(count) * 1e3) / 1e6,
        lng_deg=np.zeros(count),
        edge_from=start,
        edge_to=end,
        speed_mps=list(edges.values()),
        road_class=more.pop("road_class", [10] * len(edges)),
        **more,
    )


GRAPHS = st.dictionaries(
    st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda pair: pair[0] != pair[1]),
    st.sampled_from([5.0, 10.0, 30.0]),
    min_size=1,
    max_size=30,
)


def naive_seconds(net: RoadNetwork, source: int) -> dict[int, float]:
    """Return Dijkstra's times by the book."""
    ways: dict[int, list[tuple[int, float]]] = {}
    for a, b, metres, speed in zip(
        net.edge_from.tolist(), net.edge_to.tolist(), net.length_m.tolist(), net.speed_mps.tolist(), strict=True
    ):
        ways.setdefault(a, []).append((b, metres / speed))
    best, queue = {source: 0.0}, [(0.0, source)]
    while queue:
        time, node = heapq.heappop(queue)
        for other, seconds in ways.get(node, []):
            if time + seconds < best.get(other, np.inf):
                best[other] = time + seconds
                heapq.heappush(queue, (best[other], other))
    return best


def seconds_of(route: Route) -> float:
    return float((np.diff(route.cumulative_m) / route.limit_mps).sum())


@given(GRAPHS)
@settings(deadline=None)
def test_a_route_takes_the_shortest_time_or_there_is_none(edges: dict[tuple[int, int], float]) -> None:
    net = network(edges, 8)
    for source in range(8):
        best = naive_seconds(net, source)
        for end in set(range(8)) - {source}:
            if end in best:
                assert seconds_of(net.shortest_route(source, end)) == pytest.approx(best[end])
            else:
                with pytest.raises(NoPath, match=f"network net: no way from node {source} to node {end}"):
                    net.shortest_route(source, end)


@given(GRAPHS)
@settings(deadline=None)
def test_in_the_largest_component_every_node_reaches_every_other(edges: dict[tuple[int, int], float]) -> None:
    net = network(edges, 8)
    try:
        part = net.largest_component()
    except InvalidInput:  # without a cycle every component is a single node
        return
    assert all(len(naive_seconds(part, source)) == part.n_nodes for source in range(part.n_nodes))


def test_of_edges_between_the_same_nodes_the_fastest_counts() -> None:
    net = RoadNetwork.from_edges(
        name="n",
        lat_deg=np.array([0, 0.001]),
        lng_deg=np.zeros(2),
        edge_from=[0, 1, 0, 0, 1],
        edge_to=[1, 0, 1, 1, 1],
        speed_mps=[1, 2, 9, 3, 5],
        road_class=[0] * 5,
    )
    assert list(zip(net.edge_from.tolist(), net.edge_to.tolist(), net.speed_mps.tolist(), strict=True)) == [
        (0, 1, 9),
        (1, 0, 2),
    ]


def test_random_routes_are_legal_and_the_shortest(country: RoadNetwork) -> None:
    node = {
        point: number
        for number, point in enumerate(zip(country.lat_deg.tolist(), country.lng_deg.tolist(), strict=True))
    }
    edges = {
        (a, b): speed
        for a, b, speed in zip(
            country.edge_from.tolist(), country.edge_to.tolist(), country.speed_mps.tolist(), strict=True
        )
    }
    for route in country.random_routes(20, seed=5, min_length_m=800, max_length_m=6000):
        path = [
            node[point]
            for point in zip(route.lat_deg[route.given].tolist(), route.lng_deg[route.given].tolist(), strict=True)
        ]
        assert [edges[pair] for pair in pairwise(path)] == route.limit_mps[route.given[:-1]].tolist()
        assert 800 <= route.length_m <= 6000
        assert seconds_of(route) == pytest.approx(seconds_of(country.shortest_route(path[0], path[-1])), rel=1e-9)


def test_random_routes_follow_from_their_seed(country: RoadNetwork) -> None:
    routes = country.random_routes(50, seed=1)
    assert routes == country.random_routes(50, seed=1)
    assert [route.id for route in routes[:2]] == ["liechtenstein-1-0", "liechtenstein-1-1"]
    other = country.random_routes(50, seed=2)
    assert not any(np.array_equal(a.lat_deg, b.lat_deg) for a, b in zip(routes, other, strict=True))
    assert len({(route.lat_deg[0], route.lng_deg[0]) for route in routes}) >= 25


def test_random_routes_survive_their_messages(country: RoadNetwork) -> None:
    for route in country.random_routes(30, seed=9):
        assert Route.from_message(type(route.to_message()).from_json(route.to_message().to_json())) == route


def test_no_routes_are_no_routes(country: RoadNetwork) -> None:
    assert country.random_routes(0, seed=1) == []


def test_nothing_begins_on_a_motorway() -> None:
    chain = {(i, i + 1): 20.0 for i in range(10)} | {(i + 1, i): 20.0 for i in range(10)}
    net = network(chain, road_class=[0 if 2 <= min(pair) < 8 else 10 for pair in chain])
    ends = {
        lat
        for route in net.random_routes(30, seed=1, min_length_m=100, max_length_m=2000)
        for lat in (route.lat_deg[0], route.lat_deg[-1])
    }
    assert ends <= {0.0, 0.001, 0.002, 0.008, 0.009, 0.01}


@pytest.mark.parametrize(
    ("n", "seed", "low", "high", "error", "message"),
    [
        (-1, 1, 0, 10, InvalidInput, "number of routes and seed must be >= 0, found -1 and 1"),
        (1, -1, 0, 10, InvalidInput, "number of routes and seed must be >= 0, found 1 and -1"),
        (1, 1, 10, 10, InvalidInput, "lengths of routes must be 0 <= min < max, found 10 to 10 m"),
        (1, 1, float("nan"), 10, InvalidInput, "lengths of routes must be 0 <= min < max"),
        (2, 1, 5e5, 6e5, NoPath, "found only 0 of 2 routes of 500000 to 600000 m"),
    ],
)
def test_impossible_wishes_are_refused(
    country: RoadNetwork, n: int, seed: int, low: float, high: float, error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        country.random_routes(n, seed, min_length_m=low, max_length_m=high)
    assert message in str(caught.value)


def test_a_node_that_does_not_exist_is_named(country: RoadNetwork) -> None:
    with pytest.raises(InvalidInput, match="node must be from 0 to 16473, found 16474"):
        country.shortest_route(0, 16_474)


def test_the_nearest_node_is_the_nearest(country: RoadNetwork) -> None:
    assert country.nearest_node(country.lat_deg[77], country.lng_deg[77]) == 77
    around_the_world = network({(0, 1): 1.0, (1, 0): 1.0})
    assert around_the_world.nearest_node(0.0, -179.0) == 1
    with pytest.raises(InvalidCoordinate, match="latitude must be from -90 to 90, found 95"):
        country.nearest_node(95, 0)


def test_a_saved_network_is_the_same(tmp_path: Path, country: RoadNetwork) -> None:
    for name in ("a", "b"):
        country.save(tmp_path / f"{name}.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    loaded = RoadNetwork.load(tmp_path / "a.npz")
    for field in ("name", "attribution", "street_names"):
        assert getattr(loaded, field) == getattr(country, field)
    for field in ("lat_deg", "lng_deg", "edge_from", "edge_to", "speed_mps", "road_class", "street", "length_m"):
        assert np.array_equal(getattr(loaded, field), getattr(country, field)), field


def test_a_damaged_network_file_is_refused(tmp_path: Path, country: RoadNetwork) -> None:
    path = tmp_path / "net.npz"
    country.save(path)
    content = bytearray(path.read_bytes())
    for damaged in (b"", bytes(content[:-100]), bytes(content[:5000]), b"hello"):
        path.write_bytes(damaged)
        with pytest.raises(RouteFileError, match=r"net\.npz content: no readable arrays: "):
            RoadNetwork.load(path)
    content[3000] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(RouteFileError, match=r"net\.npz content: no readable arrays: "):
        RoadNetwork.load(path)
    write_arrays(path, {"name": np.array("x")})
    with pytest.raises(RouteFileError, match=r"no road network: array 'road_classes' is missing"):
        RoadNetwork.load(path)
    with pytest.raises(RouteFileError, match="file: not found"):
        RoadNetwork.load(tmp_path / "none.npz")


@given(GRAPHS)
def test_streets_cover_every_edge_once(edges: dict[tuple[int, int], float]) -> None:
    start, end = np.array(list(edges)).T
    label = (np.minimum(start, end) * 3 + np.maximum(start, end)) % 2
    lines = merged_lines(start, end, label)
    drawn = [frozenset(pair) for _, nodes in lines for pair in pairwise(nodes)]
    assert len(drawn) == len(set(drawn))
    assert set(drawn) == {frozenset(pair) for pair in edges}


def test_a_street_is_one_line_as_long_as_its_class_goes_on() -> None:
    edges = {(3, 1): 5.0, (1, 0): 5.0, (0, 2): 5.0, (2, 0): 5.0, (2, 4): 5.0}
    geojson = network(
        edges, road_class=[8, 8, 8, 8, 12], street_names=("", "A"), street=[1, 1, 1, 1, 0]
    ).streets_geojson()
    assert [(f["properties"], [lat for _, lat in f["geometry"]["coordinates"]]) for f in geojson["features"]] == [
        ({"class": "tertiary", "name": "A"}, [0.002, 0.0, 0.001, 0.003]),
        ({"class": "residential"}, [0.002, 0.004]),
    ]


def test_the_streets_of_a_country_carry_their_attribution(country: RoadNetwork) -> None:
    geojson = country.streets_geojson()
    assert "OpenStreetMap contributors" in geojson["attribution"]
    assert len(json.dumps(geojson)) < 1_000_000
    assert {feature["properties"]["class"] for feature in geojson["features"]} >= {"primary", "residential"}


def test_the_shipped_network_is_strongly_connected_and_attributed(country: RoadNetwork) -> None:
    assert (country.n_nodes, country.n_edges) == (16_474, 33_261)
    assert country.largest_component().n_nodes == country.n_nodes
    assert "ODbL" in country.attribution
    with pytest.raises(InvalidInput, match="shipped network must be one of liechtenstein, found 'mars'"):
        shipped_network("mars")


def test_the_ancestors_routes_are_shipped() -> None:
    assert [(route.id, route.title, route.lat_deg.size) for route in ancestor_routes()] == [
        ("1", "Primeiro", 436),
        ("2", "Segundo", 40),
        ("3", "Terceiro", 262),
    ]
    first = ancestor_routes()[0]
    assert (first.lat_deg[0], first.lng_deg[0]) == (-15.82594, -47.92923)


def test_the_shipped_files_follow_from_their_sources(tmp_path: Path, shared_data: Path, country: RoadNetwork) -> None:
    made = RoadNetwork.load(derive_network(shared_data / "osm" / "liechtenstein.osm.pbf", tmp_path))
    assert np.array_equal(made.edge_to, country.edge_to)
    assert np.array_equal(made.lat_deg, country.lat_deg)
    assert made.attribution == country.attribution
    target, skipped = derive_ancestor(shared_data / "routes", tmp_path)
    shipped = files("engine") / "data" / "ancestor.json"
    assert target.read_bytes() == shipped.read_bytes()
    assert [text.split("routes/")[1].split(":")[0] for text in skipped] == [
        "1.txt line 189",
        "3.txt line 92",
        "3.txt line 136",
        "3.txt line 212",
    ]


def test_the_derive_command_tells_what_it_needs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main([]) == 2
    assert main([str(tmp_path / "none.osm.pbf")]) == 1
    assert capsys.readouterr().err.endswith("none.osm.pbf file: not found\n")
