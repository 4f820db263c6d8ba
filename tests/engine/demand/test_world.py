"""A scenario's world from its files: each route and trace has its own id, the same at every reading."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.demand.world import fleet_of, read_files, routes_of
from engine.errors import RouteFileError
from engine.scenario.scenario import NetworkSource, RouteFiles, Scenario, Traces

GPX = '<gpx version="1.1"><trk><trkseg><trkpt lat="{0}" lon="9.5"/><trkpt lat="{0}1" lon="9.5"/></trkseg></trk></gpx>'
RIDE = "time,lat,lng\n0,{0},9.5\n60,{0}1,9.5\n"


def written(folder: Path, content: str, *names: str) -> tuple[Path, ...]:
    """Write files that differ in where their road begins."""
    paths = tuple(folder / name for name in names)
    for number, path in enumerate(paths):
        path.parent.mkdir(exist_ok=True)
        path.write_text(content.format(f"{47.1 + number / 10:.1f}"))
    return paths


@pytest.mark.parametrize(
    ("names", "ids"),
    [
        (("北京.gpx", "上海.gpx"), ["route-68c77e15", "route-4906a49a"]),
        (("d1/track.gpx", "d2/track.gpx", "d3/track.gpx"), ["track", "track-2", "track-3"]),
        (("track-2.gpx", "d1/track.gpx", "d2/track.gpx"), ["track-2", "track", "track-3"]),
    ],
)
def test_routes_of_several_files_have_ids_of_their_own(tmp_path: Path, names: tuple[str, ...], ids: list[str]) -> None:
    scenario = Scenario(routes=RouteFiles(written(tmp_path, GPX, *names)))
    routes = routes_of(scenario)
    assert [route.id for route in routes] == ids
    assert [route.lat_deg[0] for route in routes] == [47.1, 47.2, 47.3][: len(ids)]
    assert [route.id for route in routes_of(scenario)] == ids
    assert next(fleet_of(scenario.with_drivers(1), "run", routes, 0)).route_id in ids


def test_the_ancestors_routes_keep_their_ids(tmp_path: Path) -> None:
    scenario = Scenario(routes=RouteFiles(written(tmp_path, GPX, "1.gpx"), ancestor=True))
    assert [(route.id, route.title) for route in routes_of(scenario)] == [
        ("1-2", "1"),
        ("1", "Primeiro"),
        ("2", "Segundo"),
        ("3", "Terceiro"),
    ]


def test_traces_of_several_files_have_ids_of_their_own(tmp_path: Path) -> None:
    paths = written(tmp_path, RIDE, "东.csv", "西.csv", "d1/ride.csv", "d2/ride.csv")
    traces = routes_of(Scenario(traces=Traces(paths, clones=1)))
    ids = [trace.id for trace in traces]
    assert ids[:4] == ["trace-5469a6af-0", "trace-b9f0c815-0", "ride-0", "ride-0-2"]
    assert ids[4:] == [f"{route_id}-c0" for route_id in ids[:4]]


def test_a_trace_named_like_a_route_of_the_network_has_an_id_of_its_own(tmp_path: Path) -> None:
    network = NetworkSource("liechtenstein", routes=1)
    [path] = written(tmp_path, RIDE, "liechtenstein-1.csv")
    assert [route.id for route in routes_of(Scenario(network=network, traces=Traces((path,))))] == [
        "liechtenstein-1-0",
        "liechtenstein-1-0-2",
    ]


def test_what_files_have_to_say_is_kept(tmp_path: Path) -> None:
    (route,) = written(tmp_path, "lat,lng,who\n{0},9.5,A\n{0}1,9.5,A\n", "a.csv")
    (trace,) = written(tmp_path, "time,lat,lng,who\n0,{0},9.5,A\n60,{0}1,9.5,A\n", "b.csv")
    scenario = Scenario(routes=RouteFiles((route,)), traces=Traces((trace,)))
    assert read_files(scenario).notices == [f"{path} line 1: columns not used: who" for path in (route, trace)]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    paths = written(tmp_path, RIDE.replace("60", "0.1"), "j.csv")
    with pytest.raises(RouteFileError, match=r"j\.csv line 2 to line 3: trace j-0 fix 1: \d+\.\d m/s"):
        routes_of(Scenario(traces=Traces(paths)))
