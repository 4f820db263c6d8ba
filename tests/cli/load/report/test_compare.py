"""A comparison says better, worse or same by value, knows the noise, and names what is not there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from load_reports import sample_report
from typer.testing import CliRunner

from cli.load.report.compare import Change, Noise, Row, compare
from cli.load.report.figures import RUN, Figure, figures_of, percentile_interval_us, plain_figures
from cli.load.report.model import LoadReport, Outcome, Repeat
from cli.main import app
from engine.errors import InvalidInput
from engine.latency.histogram import Histogram

FORMER = [sample_report(seed, run_id=f"former-{seed}") for seed in (1, 2, 3)]
SLOWER = [sample_report(seed, slower=1.5, run_id=f"latter-{seed}") for seed in (4, 5, 6)]
LIKE = [sample_report(seed, run_id=f"like-{seed}") for seed in (7, 8, 9)]
PUSHED = Figure("peak", "pushed p99 ms")


def rows_of(before: list[LoadReport], after: list[LoadReport]) -> dict[Figure, Row]:
    return {row.figure: row for row in compare(before, after).rows}


def with_rate(report: LoadReport, produced: int) -> LoadReport:
    stages = tuple(replace(stage, produced=produced) if stage.name == "peak" else stage for stage in report.stages)
    return replace(report, stages=stages)


def test_slower_runs_are_worse_and_the_other_way_round_better() -> None:
    worse, better = rows_of(FORMER, SLOWER), rows_of(SLOWER, FORMER)
    for figure in (PUSHED, Figure("spike", "indexed p50 ms"), Figure(RUN, "CPU µs per position")):
        assert (worse[figure].change, better[figure].change) == (Change.WORSE, Change.BETTER)
        assert worse[figure].known == Noise.BETWEEN_RUNS
    assert worse[PUSHED].share == pytest.approx(0.5, abs=0.15)
    assert worse[Figure(RUN, "driver memory MiB")].change == Change.SAME


def test_runs_that_differ_by_chance_alone_are_the_same() -> None:
    comparison = compare(FORMER, LIKE)
    assert {row.change for row in comparison.rows} == {Change.SAME}
    assert not comparison.has_worse
    assert comparison.remarks == ()


def test_more_positions_a_second_are_better_and_fewer_worse() -> None:
    full, less = [with_rate(report, 5400) for report in FORMER], [with_rate(report, 5000) for report in FORMER]
    figure = Figure("peak", "produced positions/s")
    assert (rows_of(full, less)[figure].change, rows_of(less, full)[figure].change) == (Change.WORSE, Change.BETTER)


def test_the_noise_is_students_of_the_pooled_spread() -> None:
    figure = Figure("peak", "produced positions/s")
    sides = [[with_rate(FORMER[0], produced) for produced in side] for side in ((5400, 5700, 6000), (5100, 5400, 5700))]
    row = rows_of(*sides)[figure]  # 900, 950, 1000 and 850, 900, 950 a second: each side has a variance of 2500
    assert row.noise == pytest.approx(4.6041 * np.sqrt(2500 * 2 / 3), rel=1e-4)  # t of 4 degrees of freedom, 99.5 %
    assert (row.before, row.after, row.change) == (950.0, 900.0, Change.SAME)


def test_one_run_a_side_knows_the_least_noise_and_says_so() -> None:
    comparison = compare(FORMER[:1], SLOWER[:1])
    rows = {row.figure: row for row in comparison.rows}
    assert "Each side is one run, so the noise between runs is unknown" in comparison.remarks[0]
    assert rows[PUSHED].known == Noise.OF_THE_SAMPLE
    assert rows[PUSHED].noise > 0.02 * (rows[PUSHED].before or 0)
    assert rows[PUSHED].change == Change.WORSE
    cpu = rows[Figure(RUN, "CPU µs per position")]
    assert (cpu.known, cpu.change) == (Noise.UNKNOWN, Change.UNCLEAR)
    assert compare(FORMER[:1], LIKE[:1]).count(Change.WORSE) == 0


def test_runs_that_a_report_remembers_count_as_runs_of_its_side() -> None:
    def one(reports: list[LoadReport]) -> list[LoadReport]:
        first, *others = reports
        return [
            replace(
                first, repeats=tuple(Repeat(other.run.id, Outcome.FAILED, plain_figures(other)) for other in others)
            )
        ]

    whole, remembered = compare(FORMER, SLOWER), compare(one(FORMER), one(SLOWER))
    assert remembered.rows == whole.rows
    assert remembered.runs == whole.runs == (3, 3)


def test_a_stage_that_is_gone_is_named_and_counts_as_worse() -> None:
    without = [replace(report, stages=report.stages[:-1]) for report in LIKE]
    comparison = compare(FORMER, without)
    assert {row.figure.stage for row in comparison.rows if row.change == Change.MISSING} == {"spike"}
    assert any("spike is not" in remark and "latter side" in remark for remark in comparison.remarks)
    assert comparison.has_worse
    assert not compare(without, FORMER).has_worse


def test_workers_of_one_process_count_its_cpu_once() -> None:
    report = FORMER[0]
    produced = sum(stage.produced for stage in report.stages)
    one_process, drivers = report.workers[-1].cpu_s, report.workers[:2]
    assert one_process is not None
    assert one_process == report.workers[-2].cpu_s
    cpu_s = one_process + sum(worker.cpu_s or 0.0 for worker in drivers)
    assert figures_of(report)[Figure(RUN, "CPU µs per position")].value == pytest.approx(cpu_s / produced * 1e6)


def test_what_differs_between_the_machines_is_told() -> None:
    environment = replace(FORMER[0].environment, cpus=64, versions={**FORMER[0].environment.versions, "ray": "3.0"})
    after = [replace(report, environment=environment) for report in LIKE]
    assert compare(FORMER, after).differences == (("cores", "2", "64"), ("ray", "2.60.0", "3.0"))


def test_the_interval_of_a_percentile_holds_the_truth_as_often_as_it_says() -> None:
    chance, hits = np.random.default_rng(1), 0
    for _ in range(300):
        counted = Histogram()
        counted.add(chance.uniform(0, 1_000_000, 2000))
        low, high = percentile_interval_us(counted, 90, 0.95)
        hits += low <= 900_000 <= high
    assert 0.92 <= hits / 300 <= 0.98


def _written(folder: Path, reports: Mapping[str, LoadReport]) -> list[str]:
    for name, report in reports.items():
        (folder / name).write_text(report.to_json())
    return [str(folder / name) for name in reports]


def test_the_command_takes_several_files_a_side_and_fails_on_worse(tmp_path: Path) -> None:
    former = _written(tmp_path, {"a1.json": FORMER[0], "a2.json": FORMER[1], "a3.json": FORMER[2]})
    latter = _written(tmp_path, {"b1.json": SLOWER[0], "b2.json": SLOWER[1], "b3.json": SLOWER[2]})
    told = CliRunner().invoke(app, ["report", "compare", *former, "--to", *latter, "--json"])
    assert told.exit_code == 0
    found = json.loads(told.stdout)
    assert (found["runs"], found["worse"] > 30, found["better"]) == ([3, 3], True, 0)
    table = CliRunner().invoke(app, ["report", "compare", *former, "--to", *latter, "--fail-on-worse"])
    assert table.exit_code == 1
    assert "3 runs against 3 runs: 0 better" in table.stdout
    assert CliRunner().invoke(app, ["report", "compare", "--fail-on-worse", *latter, "--to", *former]).exit_code == 0


def test_a_report_is_shown_and_made_a_page(tmp_path: Path) -> None:
    [path] = _written(tmp_path, {"a.json": FORMER[0]})
    told = CliRunner().invoke(app, ["report", "show", path])
    assert told.exit_code == 0
    assert told.stdout.startswith("Failed: 1 of 10 checks failed: in spike, end to end p99 was ")
    assert json.loads(CliRunner().invoke(app, ["report", "show", path, "--json"]).stdout) == json.loads(
        FORMER[0].to_json()
    )
    assert CliRunner().invoke(app, ["report", "html", path, "-o", str(tmp_path / "a.html")]).exit_code == 0
    assert (tmp_path / "a.html").read_text().startswith("<!DOCTYPE html>")


def test_a_file_that_is_no_report_is_named(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text("{}")
    [path] = _written(tmp_path, {"a.json": FORMER[0]})
    for words in (["show", str(tmp_path / "b.json")], ["compare", path, "--to", str(tmp_path / "b.json")]):
        error = CliRunner().invoke(app, ["report", *words]).exception
        assert isinstance(error, InvalidInput)
        assert str(error).startswith(f"{tmp_path / 'b.json'}: not a report")
