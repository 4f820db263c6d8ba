"""Names of columns: the readers of routes and traces know the same ones.

Rows of different tracks never become one track without a warning.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.demand.trace_files import load_traces
from engine.roads import load_routes
from engine.roads.column_names import MOVERS, TIME, TRACKS, WORDS, Header, plain, track_names

SPELLINGS = [
    *(
        "route_id",
        "routeid",
        "trajectory_id",
        "shape_id",
        "trip_id",
        "track_id",
        "route",
        "track",
        "trip",
        "id",
        "trace_id",
        "driver_id",
        "vehicle_id",
    ),
    *(
        "device_id",
        "TrackID",
        "trackid",
        "traj_id",
        "tid",
        "uid",
        "user",
        "user_id",
        "deviceId",
        "vehicleId",
        "tripid",
        "Track Id",
        "TRACK-ID",
        ' "taxi id" ',
    ),
]


def table(header: str, *, interleaved: bool) -> str:
    rows = [f"{name},{10 * i},{lat + i * 1e-4:.4f},9.5" for name, lat in (("A", 47.1), ("B", 48.1)) for i in range(3)]
    return "\n".join([header, *(rows[i] for i in ((0, 3, 1, 4, 2, 5) if interleaved else range(6)))])


@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize("name", SPELLINGS)
def test_both_readers_tell_two_tracks_apart_by_any_spelling(tmp_path: Path, name: str, interleaved: bool) -> None:
    path = tmp_path / "t.csv"
    path.write_text(table(f"{name},time,lat,lng", interleaved=interleaved))
    routes, traces = load_routes(path).routes, load_traces(path).traces
    assert [route.id for route in routes] == [trace.title for trace in traces] == ["A", "B"]
    assert [round(one.length_m) for one in [*routes, *traces]] == [22, 22, 22, 22]


SKMOB = "uid,lat,lng,datetime\n" + "".join(
    f"{uid},{lat + i / 1e4:.4f},9.5,2008-10-23 05:53:0{i}\n" for i in range(3) for uid, lat in ((1, 39.9), (2, 40.9))
)
TRACCAR = (
    "id,deviceId,type,protocol,serverTime,deviceTime,fixTime,valid,latitude,longitude,altitude,speed,course\n"
    "1,7,,osmand,2020-01-01T10:00:01Z,2020-01-01T10:00:00Z,2020-01-01T10:00:00Z,true,47.1,9.5,0,0,0\n"
    "2,9,,osmand,2020-01-01T10:00:01Z,2020-01-01T10:00:00Z,2020-01-01T10:00:00Z,true,48.1,9.5,0,0,0\n"
    "3,7,,osmand,2020-01-01T10:00:11Z,2020-01-01T10:00:10Z,2020-01-01T10:00:10Z,true,47.101,9.5,0,0,0\n"
    "4,9,,osmand,2020-01-01T10:00:11Z,2020-01-01T10:00:10Z,2020-01-01T10:00:10Z,true,48.101,9.5,0,0,0\n"
)


@pytest.mark.parametrize(
    ("text", "names", "unused"),
    [(SKMOB, ["1", "2"], []), (TRACCAR, ["7", "9"], ["id", "type", "protocol", "serverTime", "deviceTime"])],
)
def test_tables_of_other_programs_have_as_many_tracks_as_movers(
    tmp_path: Path, text: str, names: list[str], unused: list[str]
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    routes, recorded = load_routes(path), load_traces(path)
    assert [route.id for route in routes.routes] == [trace.title for trace in recorded.traces] == names
    said = (
        [f"{path} line 1: columns not used: {', '.join([*unused, 'valid', 'altitude', 'speed', 'course'])}"]
        if unused
        else []
    )
    assert recorded.notices == said
    assert [one.duration_s for one in recorded.traces] == ([2.0, 2.0] if not unused else [10.0, 10.0])


def test_a_number_of_the_row_tells_no_tracks_apart(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,vehicle_id,time,lat,lng\n1,A,0,47.1,9.5\n2,A,10,47.101,9.5\n3,A,20,47.102,9.5\n")
    assert [(trace.title, trace.fix_s.tolist()) for trace in load_traces(path).traces] == [("A", [0.0, 10.0, 20.0])]
    path.write_text("id,time,lat,lng\n1,0,47.1,9.5\n2,10,47.101,9.5\n3,20,47.102,9.5\n")
    assert [trace.fix_s.tolist() for trace in load_traces(path).traces] == [[0.0, 10.0, 20.0]]
    assert load_traces(path).notices == [f"{path} line 1: columns not used: id"]
    assert [route.lat_deg.tolist() for route in load_routes(path).routes] == [[47.1, 47.101, 47.102]]


def test_drives_that_are_counted_anew_for_each_mover_are_different_tracks() -> None:
    counted = (
        "uid,tid,lat,lng\n1,1,47.1,9.5\n1,1,47.101,9.5\n2,1,48.1,9.5\n2,1,48.101,9.5\n1,2,47.2,9.5\n1,2,47.201,9.5\n"
    )
    assert [route.id for route in load_routes((counted.encode(), "t.csv")).routes] == ["1-1", "2-1", "1-2"]
    through = "vehicle_id,trip_id,lat,lng\nA,1,47.1,9.5\nA,1,47.101,9.5\nB,2,48.1,9.5\nB,2,48.101,9.5\n"
    assert [route.id for route in load_routes((through.encode(), "t.csv")).routes] == ["1", "2"]


def test_columns_that_are_not_used_are_noted(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("time,lat,lng,,Zug-Nr\n0,47.1,9.5,x,A\n1,47.1001,9.5,x,A\n")
    assert load_traces(path).notices == [f"{path} line 1: columns not used: number 4, Zug-Nr"]
    assert load_routes(path).notices == [f"{path} line 1: columns not used: time, number 4, Zug-Nr"]
    many = ",".join(f"c{number}" for number in range(30))
    assert load_routes((f"lat,lng,{many}\n47,9\n47.1,9\n".encode(), "t.csv")).notices == [
        f"t.csv line 1: columns not used: {', '.join(f'c{number}' for number in range(20))} and 10 more"
    ]


def test_a_leg_a_thousand_times_longer_than_the_others_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = [f"{i},{lat + i * 1e-5:.5f},9.5" for lat in (47.1, 47.2) for i in range(5)]
    path.write_text("lat,lng\n" + "\n".join(row.split(",", 1)[1] for row in rows))
    said = "has a leg of 11.1 km, 9,996 times its median leg: are these several tracks?"
    assert load_routes(path).notices == [f"{path} file: {said}"]
    path.write_text("time,lat,lng\n" + "\n".join(f"{i * 200},{row.split(',', 1)[1]}" for i, row in enumerate(rows)))
    assert load_traces(path).notices == [f"{path} line 2 to line 11: {said}"]
    path.write_text("lat,lng\n" + "\n".join(f"{47.1 + step:.7f},9.5" for step in (0, 1e-6, 2e-6, 3e-6, 3e-3)))
    assert load_routes(path).notices == []


def test_no_name_stands_for_two_things() -> None:
    lists = [TIME, TRACKS, MOVERS, WORDS]
    assert sum(map(len, lists)) == len(set().union(*lists))
    assert all(plain(name) == name for names in lists for name in names)


@given(st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3)), unique=True))
def test_a_track_is_named_by_its_drive_unless_that_names_several(keys: list[tuple[str, str]]) -> None:
    names = track_names(keys)
    assert len(names) == len(keys)
    if len({drive for _, drive in keys}) == len(keys):
        assert names == [drive for _, drive in keys]


@given(
    st.lists(st.sampled_from(["id", "ID", "uid", "lat", "x", "", "tid"]), max_size=6),
    st.lists(st.lists(st.text(max_size=2), max_size=6), max_size=6),
)
def test_any_header_over_any_rows_has_an_answer(cells: list[str], rows: list[list[str]]) -> None:
    header = Header(cells)
    track = header.find_track(lambda: rows)
    assert set(track) <= set(range(len(cells)))
    assert [header.names[column] for column in track] in ([], ["id"], ["uid"], ["tid"], ["uid", "tid"])
