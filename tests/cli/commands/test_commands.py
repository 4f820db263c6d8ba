"""The commands' faces: help, refusals with exit code 2, and JSON where a table is printed."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli import __version__
from cli.local.api_client import ApiClient
from cli.local.doctor import examine
from cli.local.scenario_file import effective_scenario, write_run
from cli.local.settings import UpSettings, settings_from
from cli.main import COMMANDS, app, main
from engine.errors import InvalidInput, ScenarioError
from engine.roads import FORMATS
from engine.scenario.files import load_scenario

runner = CliRunner()


def _refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run the command as a person does; return what it said when it refused."""
    monkeypatch.setattr(sys, "argv", ["code-delivery", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("command", [[], ["routes", "import"], *([name] for name in COMMANDS)])
def test_every_command_explains_itself(command: list[str]) -> None:
    told = runner.invoke(app, [*command, "--help"])
    assert told.exit_code == 0
    assert "Usage" in told.output


def test_the_version_is_the_distributions() -> None:
    assert json.loads(runner.invoke(app, ["version", "--json"]).output) == {"version": __version__}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("speed = 3\n[routes]\nancestor = true\n[fleet]\nsize = 1\n", "speed"),
        ("sample_hz = -1\n[routes]\nancestor = true\n[fleet]\nsize = 1\n", "line 1"),
        ('[routes]\nfiles = ["gone.txt"]\n[fleet]\nsize = 1\n', "gone.txt"),
        ("[network\n", "line 1"),
    ],
)
def test_a_scenario_with_a_fault_is_refused_before_anything_starts(
    text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "scenario.toml"
    path.write_text(text)
    assert said in _refused(monkeypatch, capsys, "run", str(path), "--data-dir", str(tmp_path / "data"))
    assert not (tmp_path / "data").exists()


def test_a_file_that_cannot_be_read_is_refused_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "jump.csv").write_text("time,lat,lng\n0,47,9\n1,47.1,9\n")
    path = tmp_path / "scenario.toml"
    path.write_text('duration_s = 60\n[traces]\nfiles = ["jump.csv"]\n')
    for command in (["run", str(path)], ["up", "--scenario", str(path)]):
        said = _refused(monkeypatch, capsys, *command, "--data-dir", str(tmp_path / "data"))
        assert f"{tmp_path / 'jump.csv'} line 2 to line 3: trace jump-0 fix 1: 11117" in said
    assert not (tmp_path / "data").exists()


def test_a_scenario_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no-such.toml" in _refused(monkeypatch, capsys, "up", "--scenario", "no-such.toml")


def test_a_run_without_an_end_wants_a_duration(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert "--duration" in _refused(monkeypatch, capsys, "run", "liechtenstein", "--data-dir", str(tmp_path))


def test_a_fleet_too_large_for_the_memory_is_refused() -> None:
    with pytest.raises(ScenarioError, match=r"fleet\.size must be"):
        effective_scenario(UpSettings(drivers=1_000_000).model_copy(update={"drivers": 9_999_999_999}))


def test_a_setting_out_of_range_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PROFILE", "moon")
    assert "PROFILE" in _refused(monkeypatch, capsys, "up")


def test_options_win_over_the_scenario_and_the_run_can_be_repeated(tmp_path: Path) -> None:
    scenario = effective_scenario(UpSettings(drivers=7, scenario="brasilia", data_dir=tmp_path), 30.0)
    assert (scenario.fleet.size, scenario.duration_s) == (7, 30.0)
    run_id, path = write_run(scenario, tmp_path)
    assert path.name == f"{run_id}.toml"
    assert load_scenario(path) == scenario


def test_a_damaged_route_file_is_refused_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "way.txt"
    path.write_text("47.14,9.52\n47.15,9.53-47.16,9.54\n47.17,9.55\n")
    said = " ".join(_refused(monkeypatch, capsys, "routes", "import", str(path), "--check").split())
    assert 'line 2: expected "lat,lng", found "47.15,9.53-47.16,9.54"' in said
    told = runner.invoke(app, ["routes", "import", str(path), "--check", "--json", "--skip-invalid"])
    assert len(json.loads(told.output)["skipped"]) == 1


def test_an_import_says_what_it_replaced_and_what_may_not_be_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.csv"
    path.write_text("name,lat,lng,[/b]\nt,47.14,9.52,1\nt,47.15,9.53,1\n")
    monkeypatch.setattr(
        ApiClient,
        "upload_routes",
        lambda *_args, **_options: {"routes": [], "skipped": [], "notices": [], "replaced": ["t"]},
    )
    notices = [f"{path} line 1: columns not used: [/b]"]
    told = json.loads(runner.invoke(app, ["routes", "import", str(path), "--json"]).output)
    assert (told["replaced"], told["notices"], told["imported"]) == (["t"], notices, True)
    printed = runner.invoke(app, ["routes", "import", str(path)])
    assert printed.exit_code == 0
    assert "1 were there already and are replaced:\n  t\nPlease note:\n" in printed.output
    assert "columns not used: [/b]" in " ".join(printed.output.split())
    assert json.loads(runner.invoke(app, ["routes", "import", str(path), "--check", "--json"]).output)["replaced"] == []


def test_the_help_of_an_import_lists_every_format() -> None:
    told = " ".join(runner.invoke(app, ["routes", "import", "--help"]).output.replace("│", " ").split())
    assert [name for name in FORMATS if not re.search(rf"\b{name}\b", told)] == []


def test_an_api_that_does_not_answer_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "way.txt"
    path.write_text("47.14,9.52\n47.15,9.53\n")
    said = _refused(monkeypatch, capsys, "routes", "import", str(path), "--url", "http://127.0.0.1:1")
    assert "http://127.0.0.1:1/routes does not answer" in said


def test_an_extract_becomes_a_network_that_a_scenario_can_name(tmp_path: Path) -> None:
    source = tmp_path / "town.osm"
    nodes = "".join(f'<node id="{i}" lat="{47.1 + i * 0.001}" lon="9.5" version="1"/>' for i in range(1, 5))
    points = "".join(f'<nd ref="{i}"/>' for i in range(1, 5))
    ways = f'<way id="9" version="1">{points}<tag k="highway" v="residential"/></way>'
    source.write_text(f'<?xml version="1.0"?><osm version="0.6">{nodes}{ways}</osm>')
    told = runner.invoke(app, ["routes", "import", str(source), "--json"])
    assert (json.loads(told.output)["edges"], json.loads(told.output)["skipped"]) == (6, [])
    assert (tmp_path / "town.npz").exists()


def test_an_extract_that_lacks_nodes_is_written_with_a_line_that_counts_them(tmp_path: Path) -> None:
    source = tmp_path / "town.osm"
    nodes = "".join(f'<node id="{i}" lat="{47.1 + i * 0.001}" lon="9.5" version="1"/>' for i in range(1, 4))
    points = "".join(f'<nd ref="{i}"/>' for i in range(1, 11))
    source.write_text(
        f'<osm version="0.6">{nodes}<way id="9" version="1">{points}<tag k="highway" v="residential"/></way></osm>'
    )
    refused = runner.invoke(app, ["routes", "import", str(source)])
    assert isinstance(refused.exception, InvalidInput)
    assert not (tmp_path / "town.npz").exists()
    line = f"{source} ways: 7 of 10 road points (70.0 %) are left out: they have no location"
    shown = runner.invoke(app, ["routes", "import", str(source), "--skip-invalid", "--json"])
    assert (json.loads(shown.output)["edges"], json.loads(shown.output)["skipped"]) == (4, [line])
    table = " ".join(runner.invoke(app, ["routes", "import", str(source), "--skip-invalid"]).output.split())
    assert "7 of 10 road points (70.0 %) are left out" in table


def test_the_doctor_says_what_is_taken_and_how_to_mend_it(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        findings = {finding.name: finding for finding in examine(port, tmp_path, None)}
    assert not findings[f"port {port}"].ok
    assert f"PORT={port + 1}" in findings[f"port {port}"].mend
    assert not findings["built map"].ok
    assert findings["built map"].mend
    assert findings["Python"].ok


def test_settings_that_are_wrong_say_so() -> None:
    with pytest.raises(InvalidInput, match="PORT"):
        settings_from(port=99_999)


@pytest.mark.parametrize("key", ["S3CRET", "S3CRET-key\n", " S3CRET-key", "S3CRET-clé", "S3CRET\tkey", " " * 8])
def test_a_key_that_no_header_can_carry_is_refused_before_anything_starts_and_not_shown(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_KEY", key)
    with pytest.raises(InvalidInput) as refused:
        settings_from()
    assert str(refused.value) == (
        "API_KEY: an API key must have 8 or more characters, "
        "all of them printable ASCII, and no blank or newline at its ends"
    )
    with pytest.raises(InvalidInput, match="8 or more characters") as refused:
        ApiClient("http://127.0.0.1:8000", key)
    assert "S3CRET" not in str(refused.value)


def test_the_key_of_a_stack_is_not_shown_by_accident(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "correct horse")
    assert settings_from().key == "correct horse"
    assert "correct horse" not in repr(settings_from())


def test_the_version_waits_for_no_part_of_the_chain() -> None:
    code = "import sys; from cli.main import app; app(['version'], standalone_mode=False); print(*sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = set(answer.stdout.split())
    assert modules & {"numpy", "pydantic_settings", "httpx", "confluent_kafka", "fastapi", "pymongo", "ray"} == set()
    assert "cli.commands.version" in modules


def test_an_unknown_command_is_named() -> None:
    refused = runner.invoke(app, ["fly"])
    assert (refused.exit_code, "No such command 'fly'" in refused.output) == (2, True)
