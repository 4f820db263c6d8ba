"""A verdict as JUnit XML, which CI systems show.

A test case for each check, and one for each stage that says whether the load was made.
"""

from __future__ import annotations

import re
from xml.etree import ElementTree as Xml

from cli.load.report import shown
from cli.load.report.model import CheckRow, LoadReport, Stage
from cli.load.report.sentences import bound_sentence, check_sentence, no_verdict_reason, verdict_sentence
from engine.judging.verdict import Outcome
from engine.latency.meter import Segment

_NOT_IN_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(*reports: LoadReport) -> str:
    """Return the verdicts of runs as JUnit XML, a suite for each run.

    No verdict is an error, a threshold that failed is a failure.

    Of no verdict the checks are skipped; an error stands beside them, for a CI system calls a suite good in which tests
    are only skipped.
    """
    whole = Xml.Element("testsuites")
    whole.extend(_suite(report) for report in reports)
    Xml.indent(whole)
    return Xml.tostring(whole, encoding="unicode", xml_declaration=True) + "\n"


def _suite(report: LoadReport) -> Xml.Element:
    verdict = report.verdict
    suite = Xml.Element(
        "testsuite",
        name=f"load test {_clean(report.scenario.name)}",
        timestamp=report.run.created,
        time=f"{report.run.duration_s:.3f}",
    )
    for stage in report.judged:
        _stage_case(suite, report, stage)
    for check in verdict.checks:
        _check_case(suite, report, check)
    if verdict.interrupted or (verdict.outcome == Outcome.NO_VERDICT and suite.find("testcase/error") is None):
        case = Xml.SubElement(suite, "testcase", classname=_clean(report.scenario.name), name="verdict")
        _result(case, "error", "no verdict", f"{verdict_sentence(report)} {bound_sentence(report)}".strip())
    for name, kind in (
        ("tests", "testcase"),
        ("failures", "testcase/failure"),
        ("errors", "testcase/error"),
        ("skipped", "testcase/skipped"),
    ):
        suite.set(name, str(len(suite.findall(kind))))
    return suite


def _stage_case(suite: Xml.Element, report: LoadReport, stage: Stage) -> None:
    case = Xml.SubElement(
        suite,
        "testcase",
        classname=_clean(report.scenario.name),
        name=_clean(f"{stage.name}: load"),
        time=f"{stage.seconds:.3f}",
    )
    lateness = stage.segments.get(Segment.PRODUCED)
    line = (
        f"produced {shown.count(stage.produced)} of {shown.count(stage.planned)} planned positions, "
        f"{shown.rate(stage.produced_per_s)}"
    )
    line += f", lateness p99 {shown.ms(lateness.p99_ms)}" if lateness else ""
    if report.verdict.interrupted and stage.name in report.verdict.empty:
        Xml.SubElement(case, "skipped", message=f"{no_verdict_reason(report)}, and there was no position by then")
    elif stage.name in report.verdict.empty:
        _result(case, "error", "no verdict", f"there was no position: {line}")
    elif stage.name in report.verdict.too_slow:
        _result(case, "error", "no verdict", f"the generator did not keep up: {line}. {bound_sentence(report)}".strip())
    else:
        Xml.SubElement(case, "system-out").text = _clean(line)


def _check_case(suite: Xml.Element, report: LoadReport, check: CheckRow) -> None:
    name = f"{check.stage or 'whole run'}: {check.threshold} {shown.limit_text(check.threshold, check.limit)}"
    case = Xml.SubElement(suite, "testcase", classname=_clean(report.scenario.name), name=_clean(name))
    if report.verdict.interrupted:
        Xml.SubElement(
            case, "skipped", message=_clean(f"{no_verdict_reason(report)}; until then {check_sentence(check)}")
        )
    elif check.stage in report.verdict.empty:
        Xml.SubElement(case, "skipped", message=_clean(f"there was no position in {check.stage}"))
    elif not check.holds:
        _result(case, "failure", "threshold", f"{check_sentence(check)}. {bound_sentence(report)}".strip())
    elif report.verdict.outcome == Outcome.NO_VERDICT:
        Xml.SubElement(case, "skipped", message="the load that was asked for was not made")


def _result(case: Xml.Element, tag: str, kind: str, text: str) -> None:
    Xml.SubElement(case, tag, type=kind, message=_clean(text)).text = _clean(text)


def _clean(text: str) -> str:
    """Return a text without the characters that XML cannot hold."""
    return _NOT_IN_XML.sub("", text)
