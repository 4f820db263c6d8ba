"""A report reads back as it was written, follows its schema, and errors name the file and the place."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest
from jsonschema import Draft202012Validator
from load_reports import sample_report
from rich.console import Console

from api.settings import Settings as ApiSettings
from cli.load.report.compare import compare
from cli.load.report.environment import environment
from cli.load.report.form import ReportError
from cli.load.report.html import page
from cli.load.report.junit import junit
from cli.load.report.model import LoadReport, Outcome, histogram_of, load_report
from cli.load.report.schema import report_schema, schema_text
from cli.load.report.sentences import verdict_sentence
from cli.load.report.terminal import show_report
from cli.load.report.writing import write_report

GOLDEN = Path(__file__).parents[3] / "golden" / "reports" / "load-report.json"
SCHEMA = Path(__file__).parents[4] / "docs" / "load-report.schema.json"

SAMPLE = sample_report()


def test_a_report_reads_back_as_it_was_written() -> None:
    assert LoadReport.from_json(SAMPLE.to_json()) == SAMPLE


def test_a_report_that_was_written_once_still_reads_and_is_written_the_same() -> None:
    text = GOLDEN.read_text(encoding="utf-8")
    assert load_report(GOLDEN).to_json() == text
    Draft202012Validator(report_schema()).validate(json.loads(text))


def test_the_schema_is_one_is_up_to_date_and_accepts_reports() -> None:
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(), (
        f"write it anew: code-delivery report schema > docs/{SCHEMA.name}"
    )
    Draft202012Validator.check_schema(report_schema())
    for outcome in Outcome:
        Draft202012Validator(report_schema()).validate(json.loads(sample_report(outcome=outcome).to_json()))


def _stage(record: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = record["stages"][2]
    return found


WRONG: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (
        lambda r: _stage(r)["segments"]["pushed"].update(p99Ms="fast"),
        "stages[2].segments.pushed.p99Ms must be a number, found 'fast'",
    ),
    (lambda r: _stage(r).update(judged=1), "stages[2].judged must be true or false, found 1"),
    (lambda r: _stage(r).update(produced=1.5), "stages[2].produced must be a whole number, found 1.5"),
    (lambda r: _stage(r).update(produced=True), "stages[2].produced must be a whole number, found True"),
    (lambda r: _stage(r).pop("name"), "stages[2] must have 'name', found"),
    (
        lambda r: r["verdict"].update(outcome="good"),
        "verdict.outcome must be 'passed', 'failed' or 'no verdict', found 'good'",
    ),
    (lambda r: r.update(series={}), "series must be a list, found {}"),
    (lambda r: r.update(ledger=[]), "ledger must be an object, found []"),
    (lambda r: r["run"].update(durationS=float("inf")), "run.durationS must be a finite number, found inf"),
    (
        lambda r: _stage(r)["segments"]["pushed"].update(histogram="x"),
        "stages[2].segments.pushed.histogram: not an encoded histogram",
    ),
    (
        lambda r: _stage(r)["segments"]["pushed"].update(count=1),
        "stages[2].segments.pushed.histogram must count 1 positions, found 5400",
    ),
    (lambda r: r.update(format=2), "format must be 1, found 2"),
    (lambda r: r.pop("verdict"), 'not a report: it must be a JSON object with "format" and "verdict"'),
]


@pytest.mark.parametrize(("change", "told"), WRONG, ids=[told[:40] for _, told in WRONG])
def test_what_is_wrong_is_named_with_file_place_and_value(
    change: Callable[[dict[str, Any]], Any], told: str, tmp_path: Path
) -> None:
    record = json.loads(SAMPLE.to_json())
    change(record)
    path = tmp_path / "a.json"
    path.write_text(json.dumps(record))
    with pytest.raises(ReportError) as error:
        load_report(path)
    assert str(error.value).startswith(f"{path}: {told}")
    if "histogram" not in told and told[:7] not in (
        "run.dur",
        "not a r",
    ):  # no schema looks into a histogram, and JSON has no infinity
        assert not Draft202012Validator(report_schema()).is_valid(record)


@pytest.mark.parametrize("text", ["", "[]", "{}", "[" * 100_000, '{"run_id": 1}'])
def test_a_text_that_is_no_report_says_so(text: str) -> None:
    with pytest.raises(ReportError, match=r"^report: not a report: "):
        LoadReport.from_json(text)


def test_a_file_that_is_not_there_or_is_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"gone\.json: No such file"):
        load_report(tmp_path / "gone.json")
    (tmp_path / "b.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ReportError, match=r"b\.json: not a report: not UTF-8"):
        load_report(tmp_path / "b.json")


def test_a_field_of_a_later_release_is_passed_over() -> None:
    record = json.loads(SAMPLE.to_json()) | {"weather": "fine"}
    assert LoadReport.from_json(json.dumps(record)) == SAMPLE


def test_the_figures_of_a_latency_are_those_of_its_histogram() -> None:
    latency = SAMPLE.stages[2].segments["pushed"]
    counted = histogram_of(latency, "peak")
    assert counted.total == latency.count == 900 * 6
    assert [counted.percentile_us(p) for p in (50, 99.9, 100)] == [
        round(ms * 1000) for ms in (latency.p50_ms, latency.p999_ms, latency.max_ms) if ms
    ]


def test_the_files_are_written_whole_and_have_a_row_a_second_and_a_segment(tmp_path: Path) -> None:
    paths = write_report(SAMPLE, tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "report.html",
        "report.json",
        "series.csv",
        "stages.csv",
    ]
    assert load_report(paths[1]) == SAMPLE
    series = list(csv.DictReader(paths[2].read_text().splitlines()))
    assert len(series) == len(SAMPLE.series)
    assert (series[0]["stage"], series[0]["planned"], series[0]["pushed_count"]) == ("warm-up", "300.0", "300")
    stages = list(csv.DictReader(paths[3].read_text().splitlines()))
    assert [(row["stage"], row["segment"]) for row in stages] == [
        (stage.name, name) for stage in SAMPLE.stages for name in stage.segments
    ]


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match=r"file: the report cannot be written"):
        write_report(SAMPLE, tmp_path / "file")


def test_junit_has_a_case_for_each_check_and_stage_and_says_limit_and_found() -> None:
    suite = Xml.fromstring(junit(SAMPLE))[0]
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["13", "1", "0", "0"]
    [failure] = suite.findall("testcase/failure")
    assert str(failure.get("message")).startswith("in spike, end to end p99 was ")
    assert "not ≤ 250 ms" in str(failure.get("message"))
    assert [case.get("name") for case in suite][:3] == ["ramp: load", "peak: load", "spike: load"]


def test_junit_of_no_verdict_is_an_error_and_what_held_is_skipped() -> None:
    suite = Xml.fromstring(junit(sample_report(outcome=Outcome.NO_VERDICT)))[0]
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["13", "1", "1", "9"]
    [error] = suite.findall("testcase/error")
    assert "the generator did not keep up" in str(error.get("message"))


def _judged(**changes: Any) -> LoadReport:
    """Return a report without a verdict for another reason than a slow generator."""
    report = sample_report(outcome=Outcome.NO_VERDICT)
    return replace(report, verdict=replace(report.verdict, too_slow=(), bound=None, **changes))


def test_junit_of_an_interrupted_run_is_an_error_beside_checks_that_say_how_they_stood() -> None:
    suite = Xml.fromstring(junit(_judged(interrupted=True)))[0]
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["14", "0", "1", "10"]
    [case] = [case for case in suite if case.find("error") is not None]
    told = "It was ended before its time, so there is no verdict. Until then 9 of 10 checks held."
    assert (case.get("name"), case[0].get("message")) == (
        "verdict",
        f"{told} Driver processes computed for 97 % of the time and waited for 1 %.",
    )
    skipped = [str(one.get("message")) for one in suite.findall("testcase/skipped")]
    assert all(message.startswith("It was ended before its time; until then ") for message in skipped)


def test_junit_of_a_stage_without_a_position_is_an_error_and_its_checks_are_no_failures() -> None:
    suite = Xml.fromstring(junit(_judged(empty=("spike",))))[0]
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["13", "0", "1", "10"]
    assert [case.get("name") for case in suite if case.find("error") is not None] == ["spike: load"]


def test_why_there_is_no_verdict_is_told_in_sentence_terminal_page_and_comparison() -> None:
    cut, empty = _judged(interrupted=True), _judged(empty=("spike",))
    assert (
        verdict_sentence(cut) == "It was ended before its time, so there is no verdict. Until then 9 of 10 checks held."
    )
    assert (
        verdict_sentence(empty)
        == "There was no position in spike, so nothing can be said of the system under that load."
    )
    console = Console(file=io.StringIO(), width=160)
    show_report(console, cut)
    show_report(console, empty)
    assert isinstance(console.file, io.StringIO)
    printed = console.file.getvalue()
    assert (printed.count("Interrupted, no verdict: It was ended"), printed.count("no sample")) == (1, 3)
    assert 'class="word">Interrupted, no verdict<' in page(cut)
    assert page(empty).count('class="tag open">no sample<') == 3
    remarks = compare([cut], [empty]).remarks
    assert [remark for remark in remarks if "verdict" in remark] == [
        "run-sample has no verdict. It was ended before its time.",
        "run-sample has no verdict. There was no position in spike.",
    ]


def test_a_report_of_a_run_without_a_position_is_shown_and_compared() -> None:
    stages = tuple(replace(stage, planned=0.0, produced=0, segments={}, uses=()) for stage in SAMPLE.stages)
    for report in (
        replace(_judged(empty=("ramp", "peak", "spike")), stages=stages, series=(), workers=(), ledger=None),
        replace(SAMPLE, stages=(), series=()),
    ):
        assert page(report).startswith("<!DOCTYPE html>")
        show_report(Console(file=io.StringIO()), report)
        assert compare([SAMPLE], [report]).has_worse
        assert LoadReport.from_json(report.to_json()) == report


def test_a_report_from_before_these_reasons_still_reads() -> None:
    record = json.loads(GOLDEN.read_text(encoding="utf-8"))
    del record["verdict"]["empty"], record["verdict"]["interrupted"]
    assert LoadReport.from_json(json.dumps(record)) == load_report(GOLDEN)


def test_a_verdict_is_told_in_a_sentence() -> None:
    found = SAMPLE.stages[3].segments["pushed"].p99_ms
    assert (
        verdict_sentence(SAMPLE) == f"1 of 10 checks failed: in spike, end to end p99 was {found:.0f} ms, not ≤ 250 ms."
    )
    assert verdict_sentence(sample_report(outcome=Outcome.PASSED)) == "All 10 checks held."
    assert verdict_sentence(sample_report(outcome=Outcome.NO_VERDICT)).startswith(
        "The generator did not keep up with the plan in spike, so nothing"
    )


def test_the_environment_tells_no_host_no_person_no_folder_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "API_KEY": "secret-key",
        "KAFKA_BOOTSTRAP": "broker-7:9092",
        "DATA_DIR": "/home/someone",
        "ELASTICSEARCH_REPLICAS": "2",
    }.items():
        monkeypatch.setenv(name, value)
    found = environment([ApiSettings()], profile="services")
    assert found.settings == {"ELASTICSEARCH_REPLICAS": "2"}
    assert found.cpus >= 1
    assert found.memory_bytes > 2**20
    assert {"ray", "confluent-kafka", "librdkafka", "numpy"} <= set(found.versions)
