"""What OpenStreetMap's tags become, on a small map drawn by hand and on a real extract."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import osmium
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import RouteFileError
from engine.roads import RoadNetwork, read_osm
from engine.roads.osm import read_extract
from engine.roads.rules import KMH_MPS, MPH_MPS, ROAD_CLASSES, Road, is_barrier, road_of, speed_mps

NODES = {
    1: (47.0, 9.0),
    2: (47.0, 9.001),
    3: (47.001, 9.001),
    4: (47.001, 9.0),
    5: (47.002, 9.0),
    6: (47.01, 9.01),
    7: (47.01, 9.011),
}
WAYS = {
    "1 2": {"highway": "residential", "name": "Sidestreet"},
    "2 3": {"highway": "primary", "oneway": "yes", "maxspeed": "80"},
    "3 4": {"highway": "secondary", "oneway": "-1", "ref": "L1"},
    "4 1": {"highway": "motorway"},
    "3 5 4 3": {"highway": "tertiary", "junction": "roundabout"},
    "1 3": {"highway": "service", "access": "private"},
    "2 4": {"highway": "footway"},
    "6 7 99": {"highway": "unclassified", "maxspeed": "30 mph"},
}
EDGES = {
    (1, 2): ("residential", 30 * KMH_MPS),
    (2, 1): ("residential", 30 * KMH_MPS),
    (2, 3): ("primary", 80 * KMH_MPS),
    (4, 3): ("secondary", 55 * KMH_MPS),
    (4, 1): ("motorway", 120 * KMH_MPS),
    (3, 5): ("tertiary", 50 * KMH_MPS),
    (5, 4): ("tertiary", 50 * KMH_MPS),
    (6, 7): ("unclassified", 30 * MPH_MPS),
    (7, 6): ("unclassified", 30 * MPH_MPS),
}


def osm_xml(barrier_at: int | None = None) -> str:
    barrier = '<tag k="barrier" v="bollard"/>'
    nodes = "".join(
        f'<node id="{i}" version="1" lat="{y}" lon="{x}">{barrier if i == barrier_at else ""}</node>'
        for i, (y, x) in NODES.items()
    )
    ways = ""
    for number, (refs, tags) in enumerate(WAYS.items(), start=1):
        points = "".join(f'<nd ref="{ref}"/>' for ref in refs.split())
        marks = "".join(f'<tag k="{k}" v="{v}"/>' for k, v in tags.items())
        ways += f'<way id="{number}" version="1">{points}{marks}</way>'
    return f'<?xml version="1.0"?><osm version="0.6">{nodes}{ways}</osm>'


def road_file(path: Path, nodes: Iterable[int], ways: Iterable[str], last: Iterable[int] = ()) -> Path:
    """Write a file of nodes on a line, residential roads through them, and perhaps nodes after those."""

    def placed(ids: Iterable[int]) -> str:
        return "".join(f'<node id="{i}" version="1" lat="{47 + abs(i) / 1000}" lon="9.5"/>' for i in ids)

    roads = ""
    for number, refs in enumerate(ways, start=1):
        points = "".join(f'<nd ref="{ref}"/>' for ref in refs.split())
        roads += f'<way id="{number}" version="1">{points}<tag k="highway" v="residential"/></way>'
    path.write_text(f'<osm version="0.6">{placed(nodes)}{roads}{placed(last)}</osm>')
    return path


def with_locations_on_ways(source: Path, target: Path, form: str) -> Path:
    """Write a file as ``osmium add-locations-to-ways`` does: only nodes with tags are left."""
    with osmium.SimpleWriter(osmium.io.File(str(target), f"{form},locations_on_ways=true")) as writer:
        for thing in osmium.FileProcessor(str(source)).with_locations():
            if not isinstance(thing, osmium.osm.Node) or len(thing.tags):
                writer.add(thing)
    return target


@pytest.fixture
def town(tmp_path: Path) -> RoadNetwork:
    path = tmp_path / "town.osm"
    path.write_text(osm_xml())
    return read_osm(path)


def edges_of(network: RoadNetwork) -> dict[tuple[int, int], tuple[str, float]]:
    ids = {point: number for number, point in NODES.items()}
    node = [ids[lat, lng] for lat, lng in zip(network.lat_deg.tolist(), network.lng_deg.tolist(), strict=True)]
    return {
        (node[a], node[b]): (ROAD_CLASSES[kind], speed)
        for a, b, kind, speed in zip(
            network.edge_from, network.edge_to, network.road_class, network.speed_mps, strict=True
        )
    }


def test_a_town_becomes_its_directed_edges(town: RoadNetwork) -> None:
    assert edges_of(town) == EDGES
    assert town.name == "town"
    assert "OpenStreetMap" in town.attribution
    assert set(town.street_names) == {"", "Sidestreet", "L1"}


@pytest.mark.parametrize(
    ("name", "route_id"),
    [
        ("São Tomé (2)", "Sao-Tome-2-da76946f-0-1"),
        ("北京", "network-68c77e15-0-1"),
        ("上海", "network-4906a49a-0-1"),
        ("town-1", "town-1-0-1"),
    ],
)
def test_the_name_of_any_file_gives_routes_ids_of_their_own(tmp_path: Path, name: str, route_id: str) -> None:
    (tmp_path / f"{name}.osm").write_text(osm_xml())
    assert read_osm(tmp_path / f"{name}.osm").shortest_route(0, 1).id == route_id


def test_the_largest_component_leaves_the_rest_out(town: RoadNetwork) -> None:
    assert edges_of(town.largest_component()) == {pair: edge for pair, edge in EDGES.items() if 6 not in pair}


def test_a_bollard_cuts_the_roads_through_it(tmp_path: Path) -> None:
    (tmp_path / "town.osm").write_text(osm_xml(barrier_at=4))
    assert edges_of(read_osm(tmp_path / "town.osm")) == {pair: edge for pair, edge in EDGES.items() if 4 not in pair}


@pytest.mark.parametrize(
    "file",
    [
        {"nodes": (1, 2), "ways": ("1 2", "2 3 4"), "last": (3, 4)},
        {"nodes": (1, 2, -10, -11), "ways": ("1 2", "2 -10 -11")},
        {"nodes": (), "ways": ("1 2", "2 3 4"), "last": (1, 2, 3, 4)},
        {"nodes": (-1, -2, -3, -4), "ways": ("-1 -2", "-2 -3 -4")},
        {"nodes": (), "ways": ("-1 -2", "-2 -3 -4"), "last": (-4, -2, -3, -1)},
        {"nodes": (4, 1, 3, 2), "ways": ("1 2", "2 3 4")},
        {"nodes": (4, 3), "ways": ("1 2", "2 3 4"), "last": (2, 1)},
    ],
    ids=[
        "nodes after their way",
        "some negative ids",
        "ways first",
        "negative ids",
        "negative ids after the ways",
        "unsorted",
        "unsorted around the ways",
    ],
)
def test_nodes_may_stand_anywhere_and_have_any_id(tmp_path: Path, file: dict[str, Any]) -> None:
    extract = read_extract(road_file(tmp_path / "mix.osm", **file))
    network = extract.network
    assert (network.n_nodes, network.n_edges, extract.skipped) == (4, 6, [])
    refs = dict.fromkeys(" ".join(file["ways"]).split())
    assert network.lat_deg.tolist() == pytest.approx([47 + abs(int(ref)) / 1000 for ref in refs])
    assert sorted(zip(network.edge_from.tolist(), network.edge_to.tolist(), strict=True)) == [
        (0, 1),
        (1, 0),
        (1, 2),
        (2, 1),
        (2, 3),
        (3, 2),
    ]


@pytest.mark.parametrize("form", ["pbf", "osm"])
def test_locations_on_the_ways_give_the_network_that_nodes_give(tmp_path: Path, form: str) -> None:
    (tmp_path / "town.osm").write_text(osm_xml(barrier_at=4))
    plain = read_osm(tmp_path / "town.osm")
    moved = read_osm(with_locations_on_ways(tmp_path / "town.osm", tmp_path / f"moved.osm.{form}", form))
    assert edges_of(moved) == edges_of(plain)
    assert moved.n_nodes == plain.n_nodes


@pytest.mark.parametrize("suffix", ["osm", "osm.gz", "osm.bz2", "osm.pbf"])
def test_every_form_of_file_gives_the_same_network(tmp_path: Path, town: RoadNetwork, suffix: str) -> None:
    target = tmp_path / f"copy.{suffix}"
    with osmium.SimpleWriter(str(target)) as writer:
        for thing in osmium.FileProcessor(str(tmp_path / "town.osm")):
            writer.add(thing)
    assert edges_of(read_osm(target)) == edges_of(town)


def test_a_few_points_without_a_location_are_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = road_file(tmp_path / "border.osm", range(1, 20), [" ".join(str(i) for i in range(1, 21))])
    line = f"{path} ways: 1 of 20 road points (5.0 %) are left out: they have no location"
    extract = read_extract(path)
    assert (extract.network.n_nodes, extract.network.n_edges, extract.skipped) == (19, 36, [line])
    with caplog.at_level(logging.WARNING):
        read_osm(path)
    assert caplog.messages == [line]


@pytest.mark.parametrize(
    ("n_points", "n_lost", "refused"),
    [(12, 5, False), (12, 6, True), (100, 10, False), (100, 11, True), (100, 41, True), (2, 2, True)],
)
def test_too_many_points_without_a_location_are_refused(
    tmp_path: Path, n_points: int, n_lost: int, refused: bool
) -> None:
    path = road_file(
        tmp_path / "lost.osm", range(1, n_points - n_lost + 1), [" ".join(str(i) for i in range(1, n_points + 1))]
    )
    if not refused:
        assert read_extract(path).network.n_nodes == n_points - n_lost
        return
    with pytest.raises(RouteFileError) as caught:
        read_osm(path)
    start = (
        f"{path} ways: {100 * n_lost / n_points:.0f} % of the road points have no location: "
        f"{n_lost} of {n_points}, at most 10 % may; get the ways with all"
    )
    assert str(caught.value).startswith(start)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith("--skip-invalid") == (n_lost < n_points)


def test_points_without_a_location_can_be_left_out_however_many(tmp_path: Path) -> None:
    extract = read_extract(
        road_file(tmp_path / "lost.osm", range(1, 60), [" ".join(str(i) for i in range(1, 101))]), skip_invalid=True
    )
    assert (extract.network.n_nodes, extract.network.n_edges) == (59, 116)
    assert extract.skipped == [
        f"{tmp_path / 'lost.osm'} ways: 41 of 100 road points (41.0 %) are left out: they have no location"
    ]


@pytest.mark.parametrize(
    ("text", "speed"),
    [
        ("50", 50 * KMH_MPS),
        ("50 km/h", 50 * KMH_MPS),
        ("30 mph", 30 * MPH_MPS),
        ("30mph", 30 * MPH_MPS),
        ("10 knots", 10 * 1852 / 3600),
        ("walk", 7 * KMH_MPS),
        ("DE:walk", 7 * KMH_MPS),
        ("none", 130 * KMH_MPS),
        ("CH:urban", 50 * KMH_MPS),
        ("at:rural", 80 * KMH_MPS),
        ("DE:zone:30", 30 * KMH_MPS),
        ("zone20", 20 * KMH_MPS),
        ("80;60", 60 * KMH_MPS),
        ("signals", None),
        ("", None),
        ("0", None),
        ("-50", None),
        ("9999", None),
        ("1e3", None),
    ],
)
def test_a_speed_limit_is_understood(text: str, speed: float | None) -> None:
    assert speed_mps(text) == (speed if speed is None else pytest.approx(speed))


@given(st.text(max_size=30))
def test_any_speed_limit_is_plausible_or_nothing(text: str) -> None:
    speed = speed_mps(text)
    assert speed is None or 0 < speed < 50


@pytest.mark.parametrize(
    ("tags", "directions"),
    [
        ({}, "both"),
        ({"oneway": "yes"}, "forward"),
        ({"oneway": "1"}, "forward"),
        ({"oneway": "-1"}, "backward"),
        ({"oneway": "reverse"}, "backward"),
        ({"oneway": "no", "junction": "roundabout"}, "both"),
        ({"oneway": "alternating"}, "both"),
        ({"oneway": "reversible"}, None),
        ({"junction": "roundabout"}, "forward"),
        ({"junction": "circular"}, "forward"),
        ({"highway": "motorway"}, "forward"),
        ({"highway": "motorway", "oneway": "no"}, "both"),
        ({"highway": "motorway_link"}, "both"),
        ({"highway": "construction"}, None),
        ({"highway": "track"}, None),
        ({"area": "yes"}, None),
        ({"access": "no"}, None),
        ({"access": "private"}, None),
        ({"access": "destination"}, "both"),
        ({"access": "no", "motor_vehicle": "yes"}, "both"),
        ({"access": "yes", "vehicle": "no"}, None),
        ({"motor_vehicle": "agricultural"}, None),
        ({"motor_vehicle": "no", "motorcar": "designated"}, "both"),
    ],
)
def test_direction_and_access_follow_the_tags(tags: dict[str, str], directions: Any) -> None:
    road = road_of({"highway": "residential", **tags})
    if directions is None:
        assert road is None
    else:
        assert road is not None
        assert (road.forward_mps > 0, road.backward_mps > 0) == (
            directions in ("both", "forward"),
            directions in ("both", "backward"),
        )


def test_the_two_directions_may_have_their_own_limits() -> None:
    tags = {"highway": "primary", "maxspeed": "80", "maxspeed:forward": "60", "maxspeed:backward": "odd"}
    assert road_of(tags) == Road(ROAD_CLASSES.index("primary"), 60 / 3.6, 80 / 3.6)


@pytest.mark.parametrize(
    ("tags", "stops"),
    [
        ({"barrier": "bollard"}, True),
        ({"barrier": "bollard", "motor_vehicle": "yes"}, False),
        ({"barrier": "gate"}, False),
        ({"barrier": "gate", "access": "private"}, True),
        ({"barrier": "border_control"}, False),
    ],
)
def test_a_barrier_stops_vehicles_or_not(tags: dict[str, str], stops: bool) -> None:
    assert is_barrier(tags) == stops


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.osm.pbf", b"no such thing", "content: no readable OpenStreetMap data"),
        ("b.osm", b"<osm version='0.6'><node", "content: no readable OpenStreetMap data"),
        ("c.osm", b"<osm version='0.6'></osm>", "ways: none of them is a road that the public may drive on"),
        ("d.osm.pbf", b"", "content: no readable OpenStreetMap data"),
        ("e.xyz", b"", "content: no readable OpenStreetMap data"),
    ],
)
def test_a_damaged_extract_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RouteFileError) as caught:
        read_osm(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name} {message}")


def test_a_missing_extract_is_named(tmp_path: Path) -> None:
    with pytest.raises(RouteFileError, match=r"none\.osm\.pbf file: not found"):
        read_osm(tmp_path / "none.osm.pbf")


def test_a_cut_extract_is_refused(tmp_path: Path, shared_data: Path) -> None:
    content = (shared_data / "osm" / "liechtenstein.osm.pbf").read_bytes()
    (tmp_path / "cut.osm.pbf").write_bytes(content[: len(content) // 2])
    with pytest.raises(RouteFileError, match="content: no readable OpenStreetMap data"):
        read_osm(tmp_path / "cut.osm.pbf")


def test_a_country_is_read(shared_data: Path) -> None:
    network = read_osm(shared_data / "osm" / "liechtenstein.osm.pbf")
    assert (network.n_nodes, network.n_edges) == (16_614, 33_488)
    assert np.array_equal(np.rint(network.lat_deg * 1e6) / 1e6, network.lat_deg)
    assert (network.length_m >= 0).all()
    assert network.largest_component().n_nodes > 0.98 * network.n_nodes


def test_a_country_with_locations_on_its_ways_is_the_same_network(tmp_path: Path, shared_data: Path) -> None:
    source = shared_data / "osm" / "liechtenstein.osm.pbf"
    plain, moved = (
        read_osm(source),
        read_osm(with_locations_on_ways(source, tmp_path / "moved.osm.pbf", "pbf"), name="liechtenstein"),
    )
    plain.save(tmp_path / "plain.npz")
    moved.save(tmp_path / "moved.npz")
    assert (tmp_path / "plain.npz").read_bytes() == (tmp_path / "moved.npz").read_bytes()
