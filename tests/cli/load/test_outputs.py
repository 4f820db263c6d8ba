"""Outputs of a load test are checked before it runs; its verdict is printed in any case."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree as Xml

import pytest
from load_reports import sample_report
from rich.console import Console

from cli.load.metrics_reader import Listener
from cli.load.outputs import Outputs
from cli.load.report.model import load_report
from cli.load.run import Ended, LoadResult, LoadRun
from cli.load.session import SearchOptions, Session
from cli.local.ending import Ending
from cli.local.ledger_table import LedgerSummary
from cli.local.settings import UpSettings
from cli.main import main
from engine.judging.figures import MeasuredLoad
from engine.judging.verdict import Outcome, Verdict
from engine.messages import RunEvent
from engine.scenario.parts import FleetMix, RouteFiles
from engine.scenario.scenario import Scenario
from engine.scenario.thresholds import Thresholds

SCENARIO = Scenario(
    name="short",
    routes=RouteFiles(ancestor=True),
    fleet=FleetMix(size=2),
    duration_s=5.0,
    thresholds=Thresholds(lost=0),
)
SEARCH = SearchOptions(start=10, ceiling=10, precision=0.1, hold_s=1.0, cool_down_s=0.0)


def test_folders_of_reports_and_of_the_junit_file_are_made(tmp_path: Path) -> None:
    Outputs(tmp_path / "data", None, tmp_path / "ci" / "new" / "junit.xml").prepare()
    Outputs(tmp_path / "data", tmp_path / "out" / "mine", None).prepare(2)
    made = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert made == {"data", "data/reports", "ci", "ci/new", "out", "out/mine-1", "out/mine-2"}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--junit", "file/junit.xml"], "--junit: file is a file; name a folder"),
        (["--junit", "folder"], "--junit: folder is a folder; name a file"),
        (["--junit", "/proc/none/junit.xml"], "--junit: /proc/none cannot be written to (No such file or directory)"),
        (["--out", "file"], "--out: file is a file; name a folder"),
        (["--out", "file/below"], "--out: file/below cannot be written to (Not a directory)"),
        (["--data-dir", "file"], "DATA_DIR: file is a file; name a folder"),
    ],
)
@pytest.mark.parametrize("more", [[], ["--find-capacity"]])
def test_what_cannot_be_written_is_refused_before_the_run(
    options: list[str],
    told: str,
    more: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    monkeypatch.setattr("cli.load.session.LoadRun", None)
    monkeypatch.setattr(sys, "argv", ["code-delivery", "loadtest", "ramp-and-spike", *options, *more])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert (ended.value.code, said.count("\n")) == (2, 1)
    assert f"error: {told}" in said


def test_every_run_that_is_repeated_is_in_the_junit_file_and_has_a_folder(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path, tmp_path / "out", tmp_path / "junit.xml")
    failed, passed = sample_report(outcome=Outcome.FAILED), sample_report(outcome=Outcome.PASSED)
    for number, report in enumerate((failed, passed)):
        folder = outputs.folder(report.run.id, number, 2)
        paths, faults = outputs.write(report, folder)
        assert (folder, {path.parent for path in paths}, faults) == (tmp_path / f"out-{number + 1}", {folder}, [])
    assert [suite.get("failures") for suite in Xml.parse(tmp_path / "junit.xml").getroot()] == ["1", "0"]


def test_what_can_be_written_is_when_something_else_cannot(tmp_path: Path) -> None:
    (tmp_path / "out" / "report.html").mkdir(parents=True)
    (tmp_path / "junit.xml").mkdir()
    report = sample_report()
    paths, faults = Outputs(tmp_path, tmp_path / "out", tmp_path / "junit.xml").write(report, tmp_path / "out")
    assert (paths, load_report(tmp_path / "out" / "report.json")) == ([], report)
    assert faults == [
        f"{tmp_path}/out/report.html: the report cannot be written: Is a directory",
        f"{tmp_path}/junit.xml: the checks cannot be written: Is a directory",
    ]


class Runs:
    """Load tests that end as they are said to, in place of real ones."""

    def __init__(self, *results: LoadResult, interrupting: int = -1) -> None:
        self._left, self._interrupting = list(results), interrupting

    def __call__(self, _scenario: Scenario, asked: threading.Event) -> LoadResult:
        self._interrupting -= 1
        if self._interrupting == 0:
            asked.set()
        return self._left.pop(0)


def result(outcome: Outcome, *, interrupted: bool = False) -> LoadResult:
    load = MeasuredLoad("r", "short", 1e12, state="finished")
    ended = Ended.INTERRUPTED if interrupted else Ended.FINISHED
    return LoadResult(
        "r",
        SCENARIO,
        load,
        Verdict(outcome, is_interrupted=interrupted),
        Ending(LedgerSummary()),
        "embedded",
        ended=ended,
    )


def session(folder: Path, monkeypatch: pytest.MonkeyPatch, runs: Runs, junit: Path | None = None) -> Session:
    made = Session(UpSettings(data_dir=folder), Console(width=120), None, junit)
    monkeypatch.setattr(made, "_run_once", runs)
    return made


def test_a_verdict_and_the_reports_path_are_printed_and_the_exit_code_is_2_when_a_report_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = session(tmp_path, monkeypatch, Runs(result(Outcome.PASSED)))
    (tmp_path / "reports" / "r" / "report.html").mkdir(parents=True)
    assert made.run(SCENARIO, 1) == 2
    said = capsys.readouterr()
    assert "PASSED" in said.out
    assert f"the report  {tmp_path}/reports/r/report.html" in said.out
    assert said.err == f"error: {tmp_path}/reports/r/report.html: the report cannot be written: Is a directory\n"
    assert {name: made.output[name] for name in ("outcome", "exitCode", "files")} == {
        "outcome": "passed",
        "exitCode": 2,
        "files": [],
    }


def test_a_report_that_cannot_be_written_hides_no_lack_of_a_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "reports" / "r" / "report.html").mkdir(parents=True)
    assert session(tmp_path, monkeypatch, Runs(result(Outcome.NO_VERDICT))).run(SCENARIO, 1) == 3


def test_an_interrupted_run_says_so_everywhere_and_gives_3(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = session(tmp_path, monkeypatch, Runs(result(Outcome.NO_VERDICT, interrupted=True)), tmp_path / "junit.xml")
    assert made.run(SCENARIO, 1) == 3
    assert "INTERRUPTED, no verdict" in capsys.readouterr().out
    report = load_report(tmp_path / "reports" / "r" / "report.json")
    assert (report.run.ended, report.verdict.outcome, report.verdict.interrupted, report.verdict.exit_code) == (
        "interrupted",
        "no verdict",
        True,
        3,
    )
    assert (made.output["outcome"], made.output["interrupted"], made.output["exitCode"]) == ("no verdict", True, 3)
    assert [suite.get("errors") for suite in Xml.parse(tmp_path / "junit.xml").getroot()] == ["1"]


def test_repeated_runs_that_are_interrupted_between_two_have_no_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made = session(tmp_path, monkeypatch, Runs(result(Outcome.PASSED), result(Outcome.PASSED), interrupting=2))
    assert (made.run(SCENARIO, 3), len(made.output["runs"])) == (3, 2)
    assert "INTERRUPTED after 2 of 3 runs" in capsys.readouterr().out


def test_a_search_that_is_interrupted_has_no_verdict_though_a_fleet_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed, cut = result(Outcome.PASSED), result(Outcome.NO_VERDICT, interrupted=True)
    made = session(
        tmp_path,
        monkeypatch,
        Runs(replace(passed, scenario=SCENARIO.with_drivers(10)), cut, interrupting=2),
        tmp_path / "junit.xml",
    )
    assert made.find_capacity(SCENARIO, SEARCH) == 3
    report = load_report(tmp_path / "reports" / "r" / "report.json")
    assert (report.run.ended, report.verdict.interrupted, report.capacity and report.capacity.highest) == (
        "interrupted",
        True,
        10,
    )
    assert [suite.get("errors") for suite in Xml.parse(tmp_path / "junit.xml").getroot()] == ["1"]


def test_a_search_that_comes_to_its_end_gives_0(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (
        session(tmp_path, monkeypatch, Runs(result(Outcome.PASSED), result(Outcome.PASSED))).find_capacity(
            SCENARIO, SEARCH
        )
        == 0
    )


class EndingStack:
    """A stack whose simulation ends by itself, or never."""

    finishes = True

    def __init__(self, *_: object, **__: object) -> None:
        self.bootstrap, self.backing = "127.0.0.1:1", SimpleNamespace(title="none", stop=lambda _: None)

    def start(self, *_: object) -> None:
        """Start nothing."""

    def has_finished(self) -> bool:
        return self.finishes

    def check(self) -> None:
        """Find nothing wrong."""

    def end_parts(self, _tell: object) -> Ending:
        """End nothing; there is no ledger."""
        return Ending()

    def summary(self) -> dict[str, object]:
        return {}


class SilentReader:
    """Reads what a run says: only its state."""

    state = "finished"

    def __init__(self, _kafka: object, run_id: str, listener: Listener) -> None:
        self.faults: Counter[str] = Counter()
        listener.on_run(RunEvent(run_id, self.state, 1, 1_000, "short", 1, clock=[1_000, 1_000, 1.0]))

    def read_the_rest(self) -> None:
        """There is no rest."""

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize(
    ("finishes", "asked_to_end", "state", "ended", "interrupted"),
    [
        (True, False, "finished", Ended.FINISHED, False),
        (True, True, "finished", Ended.FINISHED, False),  # asked while it ended by itself
        (False, True, "finished", Ended.INTERRUPTED, True),
        (True, False, "cancelled", Ended.CANCELLED, True),
    ],
)
def test_a_run_is_interrupted_if_it_is_ended_before_its_time(
    finishes: bool,
    asked_to_end: bool,
    state: str,
    ended: Ended,
    interrupted: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cli.load.run.Stack", EndingStack)
    monkeypatch.setattr("cli.load.run.MetricsReader", SilentReader)
    monkeypatch.setattr(EndingStack, "finishes", finishes)
    monkeypatch.setattr(SilentReader, "state", state)
    asked = threading.Event()
    if asked_to_end:
        asked.set()
    found = LoadRun(UpSettings(data_dir=tmp_path), SCENARIO, lambda _: None).run(asked)
    assert (found.ended, found.verdict.is_interrupted) == (ended, interrupted)
