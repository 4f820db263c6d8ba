"""The page of a report needs nothing but itself, escapes everything, and tells in words what it draws."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from load_reports import sample_report

from cli.load.report.html import page
from cli.load.report.model import Capacity, Disturbance, LoadReport, Missing, Outcome, ScenarioText

EVIL = '</pre></style><script>alert("x")</script><img src=x onerror=alert(1)>&amp;\'"'

_VOID = {"meta", "br", "path", "rect", "line", "circle", "img"}


class _Reader(HTMLParser):
    """Notes the elements of a page and whether each is closed where it must be."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.elements)


def test_the_page_needs_no_network_and_no_script() -> None:
    text = page(sample_report())
    found = _Reader(text)
    assert re.findall(r"\w+://", text) == []
    assert "@import" not in text
    assert "url(" not in text
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in found.elements}
    assert not [
        name for _, attributes in found.elements for name in attributes if name.startswith("on") or name == "src"
    ]


def test_every_name_and_text_is_escaped() -> None:
    report = sample_report()
    assert report.ledger is not None
    stages = tuple(replace(stage, name=EVIL + stage.name) for stage in report.stages)
    series = tuple(replace(second, stage=EVIL + second.stage) for second in report.series)
    checks = tuple(replace(check, stage=EVIL) for check in report.verdict.checks)
    evil = replace(
        report,
        run=replace(report.run, id=EVIL, ended=EVIL),
        scenario=ScenarioText(EVIL, EVIL),
        stages=stages,
        series=series,
        workers=tuple(replace(worker, worker=EVIL, part=EVIL, gauges={EVIL: 1.0}) for worker in report.workers),
        verdict=replace(report.verdict, checks=checks, why=EVIL, too_slow=(EVIL,)),
        environment=replace(report.environment, cpu=EVIL, versions={EVIL: EVIL}, settings={EVIL: EVIL}, stores=(EVIL,)),
        ledger=replace(report.ledger, gaps=(Missing(EVIL, 1, 2),)),
        faults={EVIL: 1},
        disturbances=(Disturbance(EVIL, 1.0, EVIL),),
        errors=(EVIL,),
    )
    found = _Reader(page(evil))
    assert not {"script", "img"} & {tag for tag, _ in found.elements}
    assert found.text.count(EVIL) > 20


@pytest.mark.parametrize("outcome", list(Outcome))
def test_the_verdict_comes_first_in_a_word_and_a_sentence(outcome: Outcome) -> None:
    found = _Reader(page(sample_report(outcome=outcome)))
    word = {Outcome.PASSED: "Passed", Outcome.FAILED: "Failed", Outcome.NO_VERDICT: "No verdict"}[outcome]
    sentence = {
        Outcome.PASSED: "All 10 checks held.",
        Outcome.FAILED: "1 of 10 checks failed:",
        Outcome.NO_VERDICT: "The generator did not keep up",
    }[outcome]
    assert found.text.index(word) < found.text.index(sentence) < found.text.index("Over time")


def test_every_drawing_has_a_title_and_words_and_every_table_headings() -> None:
    found = _Reader(page(sample_report()))
    drawings = [attributes for tag, attributes in found.elements if tag == "svg" and "role" in attributes]
    ids = [str(attributes["id"]) for _, attributes in found.elements if "id" in attributes]
    assert len(drawings) == 4 + 3 + 2 + 2
    assert len(set(ids)) == len(ids)
    for drawing in drawings:
        assert set(str(drawing["aria-labelledby"]).split()) <= set(ids)
    assert all(attributes.get("scope") in ("col", "row") for tag, attributes in found.elements if tag == "th")
    assert found.count("caption") == found.count("table") >= 9


def test_a_run_of_which_nothing_was_measured_has_a_page_too() -> None:
    whole = sample_report()
    bare = LoadReport(
        whole.format, whole.run, whole.environment, whole.scenario, (), (), (), replace(whole.verdict, checks=())
    )
    assert "nothing was measured" in _Reader(page(bare)).text


def test_a_search_without_a_probe_has_a_page_too() -> None:
    found = _Reader(page(replace(sample_report(), capacity=Capacity(None, ()))))
    assert "No fleet that was tried kept the thresholds." in found.text


def test_one_second_and_one_driver_can_be_drawn() -> None:
    whole = sample_report()
    short = replace(whole, stages=whole.stages[1:2], series=whole.series[3:4])
    assert _Reader(page(short)).count("svg") == 1 + 4 + 1 + 2 + 2


def test_a_long_run_is_drawn_in_as_many_columns_as_can_be_seen() -> None:
    whole = sample_report()
    series = tuple(replace(whole.series[n % len(whole.series)], at_s=float(n), stage="soak") for n in range(20_000))
    assert len(page(replace(whole, series=series))) < 400_000
