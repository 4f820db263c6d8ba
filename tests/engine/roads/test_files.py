"""Files of routes: what each format gives, and how a damaged one is refused."""

from __future__ import annotations

import io
import json
import unicodedata
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import roads
from engine.earth.polylines import encode_polyline
from engine.errors import InvalidInput, RouteFileError
from engine.messages import checked_id
from engine.roads import FORMATS, load_routes
from engine.roads.imported import Imported
from engine.roads.route_ids import id_of

POINTS = [(47.0, 9.0), (47.001, 9.001), (47.002, 9.0)]
LINE = {"type": "LineString", "coordinates": [[lng, lat] for lat, lng in POINTS]}
TEXT = "47,9\n47.001,9.001\n47.002,9\n"
GPX = '<gpx version="1.1"><trk><name>T</name><trkseg>{}</trkseg></trk></gpx>'
TRACK = GPX.format("".join(f'<trkpt lat="{lat}" lon="{lng}"/>' for lat, lng in POINTS))
SHAPES = "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence\ns1,47.002,9.0,30\ns1,47,9,2\ns1,47.001,9.001,10\n"


def load(content: str | bytes, name: str, **options: Any) -> Imported:
    return load_routes((content if isinstance(content, bytes) else content.encode(), name), **options)


def points_of(imported: Imported) -> list[list[tuple[float, float]]]:
    return [list(zip(route.lat_deg.tolist(), route.lng_deg.tolist(), strict=True)) for route in imported.routes]


def zipped(members: dict[str, str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return content.getvalue()


SAME_ROUTE: dict[str, str | bytes] = {
    "a.txt": TEXT,
    "crlf.txt": TEXT.replace("\n", "\r\n"),
    "bom.txt": "\ufeff" + TEXT,
    "spaced.txt": "\n 47 , 9 \n\n47.001,9.001\n47.002,9",
    "line.geojson": json.dumps(LINE),
    "bom.json": "\ufeff" + json.dumps({"type": "Feature", "properties": None, "geometry": LINE}),
    "track.gpx": TRACK,
    "bom.gpx": '\ufeff<?xml version="1.0" encoding="utf-8"?>\r\n' + TRACK,
    "route.gpx": '<gpx xmlns="http://www.topografix.com/GPX/1/1"><rte>'
    + "".join(f'<rtept lat="{lat}" lon="{lng}"/>' for lat, lng in POINTS)
    + "</rte></gpx>",
    "five.polyline": "_uz}G_y|u@gEgEgEfE\n",
    "six.polyline6": "_{ssxA_cidPo}@o}@o}@n}@",
    "six.polyline": "_{ssxA_cidPo}@o}@o}@n}@",
    "comma.csv": "lat,lng\n47,9\n47.001,9.001\n47.002,9\n",
    "semicolon.csv": "Y;X\n47,0;9,0\n47,001;9,001\n47,002;9,0\n",
    "tab.tsv": '"Latitude"\t"Longitude"\tele\r\n47\t9\t1\r\n47.001\t9.001\t2\r\n47.002\t9\t\r\n',
    "shapes.txt": SHAPES,
    "feed.zip": zipped({"agency.txt": "x", "shapes.txt": SHAPES}),
    "nested.zip": zipped({"feed/shapes.txt": "\ufeff" + SHAPES}),
    "told_by_content": json.dumps(LINE),
    "told_by_content_too": TRACK,
    "upload": TEXT,
    "upload.bin": "lat,lng\n47,9\n47.001,9.001\n47.002,9\n",
    "upload.dat": "_uz}G_y|u@gEgEgEfE",
}


@pytest.mark.parametrize("name", SAME_ROUTE)
def test_every_format_gives_the_same_route(name: str) -> None:
    assert points_of(load(SAME_ROUTE[name], name)) == [POINTS]


def test_a_file_a_folder_and_a_content_are_read_alike(tmp_path: Path) -> None:
    (tmp_path / "shapes.txt").write_text(SHAPES)
    (tmp_path / "a.txt").write_text(TEXT)
    assert points_of(load_routes(tmp_path)) == points_of(load_routes(str(tmp_path / "a.txt"))) == [POINTS]


def test_a_format_may_be_forced() -> None:
    assert points_of(load(TEXT, "a.csv", format="text")) == [POINTS]
    with pytest.raises(InvalidInput, match=f"format must be one of {', '.join(FORMATS)}, found"):
        load(TEXT, "a.txt", format="kml")


def test_ids_and_titles_come_from_the_file_or_its_name() -> None:
    feature = {"type": "Feature", "id": 7, "properties": {"name": "Höhenweg"}, "geometry": LINE}
    several = {"type": "MultiLineString", "coordinates": [LINE["coordinates"], LINE["coordinates"][::-1]]}
    collection = {
        "type": "FeatureCollection",
        "features": [feature, {"type": "Feature", "properties": {"id": "é x"}, "geometry": several}, feature],
    }
    routes = load(json.dumps(collection), "some trip.geojson").routes
    assert [(r.id, r.title) for r in routes] == [
        ("7", "Höhenweg"),
        ("e-x-e51aaab7", "é x"),
        ("e-x-2-274e3a00", "é x-2"),
        ("7-2", "Höhenweg"),
    ]
    assert [(r.id, r.title) for r in load(TEXT, "Ålesund trip.v2.txt").routes] == [
        ("Alesund-trip.v2-e5d4fb8c", "Ålesund trip.v2")
    ]
    assert load(TRACK, "x.gpx").routes[0].title == "T"


@given(st.sets(st.text(min_size=1, max_size=100).map(str.strip).filter(bool), max_size=20))
def test_different_names_get_different_ids_that_urls_keep(names: set[str]) -> None:
    ids = {id_of(unicodedata.normalize("NFC", name)) for name in names}
    assert len(ids) == len({unicodedata.normalize("NFC", name) for name in names})
    assert all(
        checked_id(route_id, "id") == route_id and route_id not in (".", "..") and len(route_id) <= 80
        for route_id in ids
    )


@pytest.mark.parametrize(
    ("name", "route_id"),
    [
        ("北京", "route-68c77e15"),
        ("上海", "route-4906a49a"),
        ("Москва", "route-eb63f79a"),
        ("утро", "route-9208235e"),
        ("朝", "route-419c7453"),
        ("Depot A/1", "Depot-A-1-26ff40ea"),
        ("Depot A 1", "Depot-A-1-1d29dcce"),
        ("Depot-A-1", "Depot-A-1"),
        (".", "route-cdb4ee2a"),
        ("..", "route-5ec1f7e7"),
        ("...", "..."),
        ("a" * 80, "a" * 80),
        ("a" * 81, "a" * 71 + "-8c48280d"),
        (unicodedata.normalize("NFD", "Zürich"), id_of("Zürich")),
    ],
)
def test_an_id_keeps_what_it_can_of_a_name_and_says_by_digits_what_it_cannot(name: str, route_id: str) -> None:
    assert [route.id for route in load(f"route_id,lat,lng\n{name},47,9\n{name},47.001,9\n", "t.csv").routes] == [
        route_id
    ]
    if "/" not in name and name.strip("."):
        assert [route.id for route in load(TEXT, f"{name}.txt").routes] == [route_id]


def test_a_table_may_name_routes_titles_and_limits() -> None:
    table = "route_id,title,lat,lon,speed_limit\nb,B,1,1,36\na,A,0,0,\nb,B,1,2,72\na,A,0,1,90\nb,B,1,3,1\n"
    first, second = load(table, "t.csv").routes
    assert (first.id, first.title, first.limit_mps[first.given[:-1]].tolist()) == ("b", "B", [10, 20])
    assert (second.id, second.limit_mps[0], second.lat_deg[0]) == ("a", float("inf"), 0)


def test_what_is_no_route_is_left_out_and_listed() -> None:
    collection = {
        "type": "FeatureCollection",
        "features": [
            {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": [9, 47]}},
            {"type": "Feature", "properties": {}, "geometry": None},
            {"type": "Feature", "properties": {}, "geometry": {"type": "LineString", "coordinates": [[9, 47]]}},
            {"type": "Feature", "properties": {}, "geometry": {"type": "GeometryCollection", "geometries": [LINE]}},
        ],
    }
    imported = load(json.dumps(collection), "c.json")
    assert points_of(imported) == [POINTS]
    assert imported.skipped == [
        "c.json feature 0: a Point is no route",
        "c.json feature 1: has no geometry",
        "c.json feature 2: needs at least 2 distinct points, found 1",
    ]


DAMAGED = {
    ("a.txt", TEXT + "1,2,3\n"): 'line 4: expected "lat,lng", found "1,2,3"',
    ("b.txt", TEXT + "\n\n1;2"): 'line 6: expected "lat,lng", found "1;2"',
    ("c.txt", TEXT + "nan,1"): "line 4: latitude must be from -90 to 90, found nan",
    ("d.txt", TEXT + "1,1e400"): "line 4: longitude must be from -180 to 180, found inf",
    (
        "e.txt",
        TEXT + "139.7,35.6",
    ): "line 4: latitude must be from -90 to 90, found 139.7; latitude and longitude (35.6) look swapped",
    ("f.txt", TEXT + "x" * 200): f'line 4: expected "lat,lng", found "{"x" * 77}..."',
    ("g.json", json.dumps({"type": "MultiLineString", "coordinates": [LINE["coordinates"], 3]})): (
        'document line 1: a LineString needs a list "coordinates", found "3"'
    ),
    ("h.json", json.dumps({"type": "LineString", "coordinates": [*LINE["coordinates"], [9, True]]})): (
        "document point 3: expected [lng, lat], found a list of 2"
    ),
    ("i.json", json.dumps({"type": "LineString", "coordinates": [*LINE["coordinates"], [10**400, 4]]})): (
        "document point 3: expected [lng, lat], found a list of 2"
    ),
    ("j.json", json.dumps({"type": "LineString", "coordinates": [*LINE["coordinates"], [float("nan"), 4]]})): (
        "document point 3: longitude must be from -180 to 180, found nan"
    ),
    (
        "k.json",
        json.dumps({"type": "FeatureCollection", "features": [LINE, 5]}),
    ): 'feature 1: expected a GeoJSON object, found "5"',
    ("l.json", json.dumps({"type": "FeatureCollection", "features": [LINE, {"type": "Circle"}]})): (
        'feature 1: expected a LineString or MultiLineString, found "Circle"'
    ),
    (
        "m.polyline",
        "_uz}G_y|u@gEgEgEfE\n_ez|G_{rv@gEgEgEf\n",
    ): "line 2: ends in the middle of a number, at character 17",
    ("n.csv", "lat,lng\n47,9\n47.1,9\nx,9\n"): 'line 4: expected a number in column 1, found "x"',
    ("o.csv", "lat,lng\n47,9\n47.1,9\n47.2\n"): 'line 4: expected a number in column 2, found ""',
    ("p.csv", "lat,lng,limit_mps\n47,9,1\n47.1,9,-1\n47.2,9,1\n"): "line 3: expected a speed limit > 0, found -1",
    ("q.csv", "lat,lng\n47,9\n47.1,9\n47.2,999\n"): "line 4: longitude must be from -180 to 180, found 999",
    (
        "r.gpx",
        GPX.format("".join(f'<trkpt lat="{lat}" lon="{lng}"/>' for lat, lng in [*POINTS, (95, 1)])),
    ): "track 0 segment 0 point 3: latitude must be from -90 to 90, found 95; latitude and longitude (1) look swapped",
    ("shapes.txt", SHAPES + "s1,?,9,40\n"): 'line 5: expected a number in column 2, found "?"',
}


@pytest.mark.parametrize(("name", "content"), DAMAGED)
def test_a_damaged_part_refuses_the_file_or_is_left_out_and_listed(name: str, content: Any) -> None:
    message = f"{name} {DAMAGED[name, content]}"
    with pytest.raises(RouteFileError) as caught:
        load(content, name)
    assert str(caught.value) == message
    imported = load(content, name, skip_invalid=True)
    assert imported.skipped == [message]
    assert len(imported.routes) == 1


HOPELESS = {
    ("a.txt", b""): "file: is empty",
    ("b.gpx", b" \r\n"): "file: is empty",
    ("c.txt", b"\xef\xbb\xbf"): "file: is empty",
    ("d.txt", b"47,9\n"): "file: holds no route: file: needs at least 2 distinct points, found 1",
    ("e.txt", b"47,9\n47,9\n47,9"): "file: holds no route: file: needs at least 2 distinct points, found 1",
    ("f.txt", b"47,9\n47,\xff9"): "line 2: not UTF-8 text: byte 0xff at 8",
    ("g.txt", TEXT.encode("utf-16")): "line 1: not UTF-8 text: byte 0xff at 0",
    (
        "h.json",
        b'{"type": "LineString",\n "coordinates": [[1, 2]',
    ): "line 2 column 24: not JSON: Expecting ',' delimiter",
    ("i.json", b'{"a":' + b"9" * 5000 + b"}"): "content: not JSON that can be read: ",
    ("j.json", b"[" * 100_000): "content: not JSON that can be read: ",
    ("k.json", b"[1]"): "document: expected a GeoJSON object, found a list of 1",
    ("l.json", b'{"type": "FeatureCollection"}'): 'document: a FeatureCollection needs a list "features", found "None"',
    ("m.json", b'{"type": "FeatureCollection", "features": []}'): "file: holds no route",
    ("n.gpx", TRACK[:-20].encode()): "content: damaged XML: ",
    ("o.gpx", b"<html/>"): "content: no GPX: it has no <gpx> element",
    ("p.gpx", b'<!DOCTYPE x [<!ENTITY a "b">]>' + TRACK.encode()): "content: a GPX file must not define entities",
    (
        "q.gpx",
        GPX.format('<trkpt lat="1" lon="2"/>\n<trkpt lat="x" lon="2"/>').encode(),
    ): 'line 2: <trkpt> needs a number "lat", found "x"',
    ("r.gpx", GPX.format('<trkpt lat="1"/>').encode()): 'line 1: <trkpt> needs a number "lon", found ""',
    ("s.gpx", b"<gpx/>"): "file: holds no route",
    ("t.csv", b"a,b\n1,2\n"): 'line 1: expected a header with columns for latitude and longitude, found "a,b"',
    ("u.csv", b'lat,lng\n1,"' + b"9" * 200_000): "line 2: not CSV: field larger than field limit",
    ("v.zip", zipped({"shapes.txt": SHAPES})[:-30]): "archive: damaged zip: ",
    ("w.zip", b"hello"): "archive: damaged zip: File is not a zip file",
    ("x.zip", zipped({"stops.txt": ""})): "archive: expected GTFS with a shapes.txt, found none",
    ("y.osm.pbf", b"abc"): "file: is a road network, not a file of routes",
    ("z", b"hello world"): 'line 1: no known format of routes; it begins with "hello world"',
}


@pytest.mark.parametrize(("name", "content"), HOPELESS)
@pytest.mark.parametrize("skip_invalid", [False, True])
def test_a_hopeless_file_is_refused_with_its_place(name: str, content: Any, skip_invalid: bool) -> None:
    with pytest.raises(RouteFileError) as caught:
        load(content, name, skip_invalid=skip_invalid)
    assert str(caught.value).startswith(f"{name} {HOPELESS[name, content]}")


def test_a_zip_damaged_inside_is_refused() -> None:
    content = bytearray(zipped({"shapes.txt": SHAPES}))
    content[60] ^= 0xFF
    with pytest.raises(RouteFileError, match="archive: damaged zip: Bad CRC-32"):
        load(bytes(content), "feed.zip")


LAGOS, KANO, ABUJA = "_tthK_b|mE_pR_pR", "_ol{U_s_gO_pR_pR", "_i~gP_|chM_pR_pR"
WHICH = "the formats polyline5 and polyline6 say which it is"
BY_LINE_2 = f"t.polyline file: read with precision 6, because line 2 leaves the Earth with 5; {WHICH}"
BY_DEFAULT = f"t.polyline file: read with precision 5, though every line fits 6 as well; {WHICH}"


@pytest.mark.parametrize(
    ("lines", "starts", "notices"),
    [
        ([LAGOS, KANO, ABUJA], [(6.45, 3.39), (12.0, 8.52), (9.06, 7.49)], [BY_LINE_2]),
        ([LAGOS], [(64.5, 33.9)], [BY_DEFAULT]),
        (["_uz}G_y|u@gEgEgEfE"], [(47.0, 9.0)], [BY_DEFAULT]),
    ],
)
def test_encoded_polylines_of_one_file_have_one_precision(
    lines: list[str], starts: list[tuple[float, float]], notices: list[str]
) -> None:
    imported = load("\n".join(lines), "t.polyline")
    assert [points[0] for points in points_of(imported)] == starts
    assert imported.notices == notices


def test_a_precision_that_is_named_needs_no_notice() -> None:
    named = load(LAGOS, "t.polyline6"), load(LAGOS, "t.polyline", format="polyline6")
    assert [(points_of(imported)[0][0], imported.notices) for imported in named] == [((6.45, 3.39), [])] * 2


def test_a_damaged_line_does_not_say_the_precision() -> None:
    assert load(f"{LAGOS}\n{LAGOS[:-1]}_\n", "t.polyline", skip_invalid=True).notices == [BY_DEFAULT]


@given(st.lists(st.tuples(st.floats(-89, 89), st.floats(-179, 179)), min_size=1, max_size=5), st.sampled_from([5, 6]))
def test_the_lines_of_a_file_are_all_or_none_of_precision_6(starts: list[tuple[float, float]], precision: int) -> None:
    steps = np.array([0.0, 0.001])
    lines = [encode_polyline(lat + steps, lng + steps, precision) for lat, lng in starts]
    found = [points[0] for points in points_of(load("\n".join(lines), "t.polyline"))]
    factor = 10 if precision == 6 and all(abs(lat) <= 8.99 and abs(lng) <= 17.99 for lat, lng in starts) else 1
    assert np.allclose(found, np.array(starts) * factor, atol=2e-4)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RouteFileError, match=r"none\.gpx file: not found$"):
        load_routes(tmp_path / "none.gpx")
    with pytest.raises(RouteFileError, match=r"folder: expected GTFS with a shapes\.txt, found none$"):
        load_routes(tmp_path)


def test_too_large_a_file_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "large.txt").open("wb") as file:
        file.truncate((256 << 20) + 1)
    with pytest.raises(RouteFileError, match="file: has 268435457 bytes, at most 268435456"):
        load_routes(tmp_path / "large.txt")


def test_a_list_of_what_was_left_out_stays_short() -> None:
    skipped = load(TEXT + "?\n" * 5000, "a.txt", skip_invalid=True).skipped
    assert len(skipped) == 1001
    assert skipped[-1] == "a.txt: and 4000 more"


def test_many_routes_of_one_name_get_ids_of_their_own() -> None:
    collection = {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "properties": {"id": "a"}, "geometry": LINE}] * 200,
    }
    assert len({route.id for route in load(json.dumps(collection), "x.json").routes}) == 200


@given(
    st.binary(max_size=200),
    st.sampled_from(["a.txt", "a.json", "a.gpx", "a.csv", "a.polyline", "a.zip", "shapes.txt", "a"]),
    st.booleans(),
)
def test_any_content_is_read_or_refused(content: Any, name: str, skip_invalid: bool) -> None:
    try:
        assert load(content, name, skip_invalid=skip_invalid).routes
    except RouteFileError as error:
        assert str(error).startswith(f"{name} ")  # noqa: PT017 - either outcome is right


@given(st.text(max_size=200), st.sampled_from(FORMATS), st.booleans())
def test_any_text_is_read_or_refused_in_any_format(text: str, format_name: str, skip_invalid: bool) -> None:
    try:
        assert load(text.encode("utf-8", "replace"), "a", format=format_name, skip_invalid=skip_invalid).routes
    except RouteFileError as error:
        assert str(error).startswith("a ")  # noqa: PT017 - either outcome is right


def test_the_ancestors_damaged_line_is_shown(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shared_data)
    message = 'routes/1.txt line 189: expected "lat,lng", found "-15.83029,-47.92637-15.82594,-47.92923"'
    with pytest.raises(RouteFileError) as caught:
        load_routes("routes/1.txt")
    assert str(caught.value) == message
    imported = load_routes(Path("routes/1.txt"), skip_invalid=True)
    assert imported.skipped == [message]
    assert [(route.id, route.lat_deg.size) for route in imported.routes] == [("1", 436)]
    assert points_of(load_routes("routes/2.txt"))[0][0] == (-15.82449, -47.92756)


@pytest.mark.parametrize(
    ("name", "points"),
    [
        ("gpx/cerknicko-without-times.gpx", [173, 52, 2, 44, 2, 2, 21]),
        ("gpx/korita-zbevnica.gpx", [358, 176, 337]),
        ("gpx/route.gpx", [55]),
        ("gpx/gpx1.1_with_all_fields.gpx", [3, 2]),
        ("gpx/track-with-empty-segment.gpx", [9]),
        ("gpx/track_with_speed.gpx", [3]),
        ("traces/geolife.csv", [466, 864, 1797, 1845, 867]),
    ],
)
def test_real_files_are_read(shared_data: Path, name: str, points: list[int]) -> None:
    assert [int(route.given.sum()) for route in load_routes(shared_data / name).routes] == points


def test_a_real_file_without_routes_is_refused(shared_data: Path) -> None:
    with pytest.raises(RouteFileError, match=r"holds no route$"):
        load_routes(shared_data / "gpx" / "unicode_with_bom.gpx")


def test_the_package_hands_on_its_public_names() -> None:
    public = {
        name
        for name, value in vars(roads).items()
        if not name.startswith("_") and getattr(value, "__module__", None) and callable(value)
    }
    assert public | {"FORMATS"} == set(roads.__all__)
