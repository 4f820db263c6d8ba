"""What a scenario file's author sees."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.load.load_chart import clock, nice_top, short
from cli.main import app
from engine.scenario.files import SHIPPED
from engine.scenario.schema import schema_text

runner = CliRunner()

BAD = 'name = 3\n[routes]\nancestor = true\n[[stages]]\nshape = "climb"\nduration_s = 7\nrate = 730\n'


@pytest.mark.parametrize("name", SHIPPED)
def test_what_is_shipped_is_found_well(name: str) -> None:
    told = runner.invoke(app, ["scenario", "check", name])
    assert (told.exit_code, told.stdout[:4]) == (0, "ok " + name[0])
    assert runner.invoke(app, ["scenario", "show", name]).exit_code == 0


def test_every_fault_is_told_with_its_line_and_the_exit_code_is_2(tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(BAD)
    told = runner.invoke(app, ["scenario", "check", str(path)])
    assert told.exit_code == 2
    assert told.stderr.splitlines() == [
        f"{path}: 2 faults",
        "  line 1  name must be a text, found 3",
        "  line 5  stages[0].shape must be one of ramp, hold, spike, soak, found 'climb'",
    ]
    told = runner.invoke(app, ["scenario", "check", str(path), "--json"])
    assert told.exit_code == 2
    assert json.loads(told.stdout)["faults"] == [
        {"line": 1, "message": "name must be a text, found 3"},
        {"line": 5, "message": "stages[0].shape must be one of ramp, hold, spike, soak, found 'climb'"},
    ]


BAD_POINT = '<gpx><trk><trkseg><trkpt lat="47" lon="9"/><trkpt lat="nan" lon="9"/></trkseg></trk></gpx>'
UNREADABLE = {
    "nan.gpx": ('[routes]\nfiles = ["nan.gpx"]', BAD_POINT, "track 0 segment 0 point 1: "),
    "roads.osm.pbf": ('[routes]\nfiles = ["roads.osm.pbf"]', "abc", "file: is a road network, not a file of routes"),
    "jump.csv": (
        '[traces]\nfiles = ["jump.csv"]',
        "time,lat,lng\n0,47,9\n1,47.1,9\n",
        "line 2 to line 3: trace jump-0 fix 1: 11117",
    ),
    "broken.npz": ('[network]\nfile = "broken.npz"', "x", "content: no readable arrays: "),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_cannot_be_read_is_a_fault(name: str, tmp_path: Path) -> None:
    scenario, content, fault = UNREADABLE[name]
    (tmp_path / name).write_text(content)
    path = tmp_path / "s.toml"
    path.write_text(f"{scenario}\n[fleet]\nsize = 1\n")
    told = runner.invoke(app, ["scenario", "check", str(path), "--json"])
    assert told.exit_code == 2
    [found] = json.loads(told.stdout)["faults"]
    assert (found["line"], found["message"][: len(f"{tmp_path / name} {fault}")]) == (
        None,
        f"{tmp_path / name} {fault}",
    )
    assert runner.invoke(app, ["scenario", "check", str(path)]).stderr.splitlines()[0] == f"{path}: 1 fault"


def test_what_files_have_to_say_stands_after_the_ok(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("time,lat,lng,who\n0,47,9,A\n60,47.001,9,A\n")
    path = tmp_path / "s.toml"
    path.write_text('duration_s = 60\n[traces]\nfiles = ["t.csv"]\n')
    notice = f"{tmp_path / 't.csv'} line 1: columns not used: who"
    assert runner.invoke(app, ["scenario", "check", str(path)]).stdout.splitlines()[1:] == [f"note {notice}"]
    assert json.loads(runner.invoke(app, ["scenario", "check", str(path), "--json"]).stdout)["notices"] == [notice]


def test_a_file_that_is_not_there_is_one_fault() -> None:
    told = runner.invoke(app, ["scenario", "check", "gone.toml", "--json"])
    assert (told.exit_code, json.loads(told.stdout)["faults"][0]["line"]) == (2, None)


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("name", ["ramp-and-spike", "rush-hour"])
def test_the_load_to_come_fits_the_terminal(name: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    told = runner.invoke(app, ["scenario", "show", name])
    assert told.exit_code == 0
    assert max(map(len, told.stdout.splitlines())) <= width


def test_the_load_to_come_names_stages_and_rates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = runner.invoke(app, ["scenario", "show", "ramp-and-spike"]).stdout.splitlines()
    assert "peak 10,000 drivers, 10,000 positions/s" in lines[1]
    assert next(line for line in lines if line.startswith("    10k ┤")).endswith("├ 10k")
    band = next(line for line in lines if "recovery" in line)
    assert band.split() == ["up", "hold", "spike", "recovery", "down"]
    row = next(line for line in lines if line.startswith("■ down"))
    assert row.split() == ["■", "down", "ramp", "4:30", "5:00", "5,000", "→", "0", "5,000", "→", "0", "75,000"]


def test_the_series_are_json() -> None:
    told = json.loads(runner.invoke(app, ["scenario", "show", "ramp-and-spike", "--json", "--columns", "10"]).stdout)
    assert told["series"]["drivers"] == [2500, 5000, 5000, 5000, 5000, 5000, 10_000, 5000, 5000, 5000]
    assert [stage["name"] for stage in told["stages"]] == ["up", "hold", "spike", "recovery", "down"]


def test_the_schema_is_printed() -> None:
    assert runner.invoke(app, ["scenario", "schema"]).stdout == schema_text()


def test_numbers_of_a_chart_are_round_and_short() -> None:
    assert [nice_top(value) for value in (0, 1, 7, 101, 1999, 2001)] == [1.0, 1.0, 8.0, 120.0, 2000.0, 2500.0]
    assert [short(value) for value in (0, 44.8, 999, 1000, 1500, 12_345, 2.5e6, 1e9)] == [
        "0",
        "44.8",
        "999",
        "1k",
        "1.5k",
        "12.35k",
        "2.5M",
        "1G",
    ]
    assert [clock(value) for value in (0, 59.96, 7.5, 3600)] == ["0:00", "1:00", "0:07.5", "1:00:00"]
