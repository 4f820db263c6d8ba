"""Load tests through the real command: exit codes, reports, disturbances, an end by Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from running_stack import own_environment, until

from cli.load.report.model import load_report
from cli.local.port import free_port
from engine.latency.meter import Segment

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]

SCENARIO = """
name = "Small"
seed = 5
warm_up_s = 2
[network]
extract = "liechtenstein"
routes = 20
[[stages]]
name = "up"
shape = "ramp"
duration_s = 3
drivers = {drivers}
[[stages]]
name = "peak"
shape = "hold"
duration_s = {hold_s}
{more}
"""


def scenario_in(folder: Path, more: str = "", *, drivers: int = 40, hold_s: float = 6) -> Path:
    path = folder / "small.toml"
    path.write_text(SCENARIO.format(drivers=drivers, hold_s=hold_s, more=more))
    return path


def start(
    folder: Path, scenario: Path, *options: str, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "cli",
        "loadtest",
        str(scenario),
        "--json",
        "--port",
        str(free_port()),
        "--data-dir",
        str(folder / "data"),
        *options,
    ]
    whole = own_environment(RAY_OBJECT_STORE_MB="100", **(environment or {}))
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True, env=whole
    )


def run(
    folder: Path, scenario: Path, *options: str, environment: Mapping[str, str] | None = None
) -> tuple[int, dict[str, Any], str]:
    with start(folder, scenario, *options, environment=environment) as process:
        try:
            out, err = process.communicate(timeout=200)
        finally:
            process.kill()
    return process.returncode, json.loads(out) if out else {}, err


def test_what_holds_passes_with_a_report_in_which_every_position_is_measured(tmp_path: Path) -> None:
    more = "[viewers]\ncount = 5\n[thresholds]\ne2e_p99_ms = 30000\nlost = 0\nproduced_rate = 0.5\n"
    more += '[[disturbances]]\nkind = "reconnect_viewers"\nat_s = 5\n'
    code, told, err = run(
        tmp_path, scenario_in(tmp_path, more), "--out", str(tmp_path / "report"), "--junit", str(tmp_path / "junit.xml")
    )
    assert (code, told["outcome"], told["exitCode"]) == (0, "passed", 0), err
    report = load_report(tmp_path / "report" / "report.json")
    assert report.ledger is not None
    assert report.ledger.clean
    counts = {
        segment: sum(stage.segments[segment].count for stage in report.stages if segment in stage.segments)
        for segment in Segment
    }
    assert (
        counts[Segment.PRODUCED]
        == counts[Segment.ACKED]
        == counts[Segment.STORED]
        == counts[Segment.INDEXED]
        == report.ledger.produced
        > 200
    )
    assert counts[Segment.VIEWED] > 0
    assert [stage.name for stage in report.stages] == ["warm-up", "up", "peak"]
    assert [(one.kind, one.told) for one in report.disturbances] == [("reconnect_viewers", "all viewers reconnect")]
    assert {path.name for path in (tmp_path / "report").iterdir()} == {
        "report.html",
        "report.json",
        "series.csv",
        "stages.csv",
    }
    assert ElementTree.parse(tmp_path / "junit.xml").getroot().tag == "testsuites"


def test_a_threshold_that_fails_ends_the_run_if_it_is_to_and_gives_1(tmp_path: Path) -> None:
    scenario = scenario_in(tmp_path, "[thresholds]\nindexed_p50_ms = 0.5\nabort = true\n", hold_s=120)
    code, told, err = run(tmp_path, scenario)
    assert (code, told["outcome"]) == (1, "failed"), err
    report = load_report(Path(told["report"]) / "report.json")
    assert report.run.ended == "aborted at the first failure"
    assert report.ledger is not None
    assert report.ledger.clean, "an end at once loses nothing either"


def test_a_load_that_is_not_made_gives_no_verdict_and_3(tmp_path: Path) -> None:
    scenario = scenario_in(tmp_path, "[[sampling]]\nhz = 10\n[thresholds]\nlost = 0\n", drivers=400)
    slow = {
        "KAFKA_QUEUE_MESSAGES": "1000",
        "KAFKA_LINGER_MS": "1000",
    }  # a producer that has room for a thousand records and waits a second for more of them
    code, told, err = run(tmp_path, scenario, environment=slow)
    assert (code, told["outcome"], told["bound"]) == (3, "no verdict", "broker"), err
    assert "did not keep up in peak" in told["why"]


def test_what_cannot_run_gives_2(tmp_path: Path) -> None:
    code, told, err = run(tmp_path, scenario_in(tmp_path, "[thresholds]\ne2e_p98_ms = 3\n"))
    assert (code, told) == (2, {})
    assert "e2e_p98_ms" in err


@pytest.mark.parametrize("options", [("--drivers", "0"), ()])
def test_a_run_without_a_position_has_no_verdict_and_gives_3(options: tuple[str, ...], tmp_path: Path) -> None:
    scenario = scenario_in(tmp_path, "[thresholds]\ne2e_p99_ms = 1\nlost = 0\n", drivers=0)
    if options:
        scenario.write_text('name = "Nothing"\n[network]\nextract = "liechtenstein"\nroutes = 20\n[fleet]\nsize = 5\n')
    code, told, err = run(
        tmp_path, scenario, "--junit", str(tmp_path / "new" / "junit.xml"), "--duration", "8", *options
    )
    assert (code, told["outcome"], told["interrupted"]) == (3, "no verdict", False), err
    assert told["why"] == ("there was no position in run" if options else "up was not reached; peak was not reached")
    [suite] = ElementTree.parse(tmp_path / "new" / "junit.xml").getroot()
    assert int(suite.get("errors", "0")) > 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_end_before_its_time_is_in_order_with_a_report_and_without_a_verdict(
    number: signal.Signals, tmp_path: Path
) -> None:
    with start(tmp_path, scenario_in(tmp_path, "[thresholds]\nlost = 0\n", hold_s=600)) as process:
        try:
            until(lambda: list((tmp_path / "data" / "runs").glob("*.journal")), "the first decisions", 120)
            process.send_signal(number)
            out, err = process.communicate(timeout=90)
        finally:
            process.kill()
    assert process.returncode == 3, err
    report = load_report(Path(json.loads(out)["report"]) / "report.json")
    assert (report.run.ended, report.verdict.outcome, report.verdict.interrupted) == ("interrupted", "no verdict", True)
    assert "lost" in {check.threshold for check in report.verdict.checks}
