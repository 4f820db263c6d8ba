"""A verdict in plain sentences, for the page, the terminal and JUnit."""

from __future__ import annotations

from cli.load.report import shown
from cli.load.report.model import Capacity, CheckRow, LoadReport
from engine.judging.verdict import Outcome

WORDS = {Outcome.PASSED: "Passed", Outcome.FAILED: "Failed", Outcome.NO_VERDICT: "No verdict"}

_NAMED = 2
"""Most failed checks in the sentence; the table has all of them."""


def verdict_word(report: LoadReport) -> str:
    """Return the verdict in a word or two."""
    return "Interrupted, no verdict" if report.verdict.interrupted else WORDS[report.verdict.outcome]


def verdict_sentence(report: LoadReport) -> str:
    """Return what was judged, with the figures that decide it."""
    verdict = report.verdict
    if verdict.interrupted:
        held = sum(check.holds for check in verdict.checks)
        until_then = (
            f" Until then {held} of {shown.plural(len(verdict.checks), 'check')} held." if verdict.checks else ""
        )
        return f"{no_verdict_reason(report)}, so there is no verdict.{until_then}"
    if verdict.outcome == Outcome.NO_VERDICT:
        return f"{no_verdict_reason(report)}, so nothing can be said of the system under that load."
    failed = [check for check in verdict.checks if not check.holds and check.stage not in verdict.empty]
    if verdict.outcome == Outcome.FAILED:
        failures = "; ".join(check_sentence(check) for check in failed[:_NAMED])
        more = f"; and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
        share = (
            f"{len(failed)} of {shown.plural(len(verdict.checks), 'check')} failed" if failed else "A threshold failed"
        )
        return f"{share}: {failures}{more}." if failures else f"{share}."
    if not verdict.checks:
        return "The load was made. The scenario has no thresholds, so nothing was judged."
    return f"All {len(verdict.checks)} checks held." if len(verdict.checks) > 1 else "The one check held."


def no_verdict_reason(report: LoadReport) -> str:
    """Return why a report has no verdict, a clause."""
    verdict = report.verdict
    if verdict.interrupted:
        return "It was ended before its time"
    if verdict.too_slow:
        return f"The generator did not keep up with the plan in {_listed(verdict.too_slow)}"
    if verdict.empty:
        return f"There was no position in {_listed(verdict.empty)}"
    return "The load that was asked for was not made"


def check_sentence(check: CheckRow) -> str:
    """Return what a check found: in peak, end to end p99 was 812 ms, not ≤ 500 ms."""
    where = f"in {check.stage}, " if check.stage else ""
    name, limit = shown.figure_name(check.threshold), shown.limit_text(check.threshold, check.limit)
    if check.found is None:
        return f"{where}{name} was not measured ({limit})"
    window = f", in {shown.plural(len(check.windows_s), 'window')}" if check.windows_s else ""
    found = shown.figure_value(check.threshold, check.found)
    return f"{where}{name} was {found}, {'' if check.holds else 'not '}{limit}{window}"


def bound_sentence(report: LoadReport) -> str:
    """Return what held the load up, as far as it is known."""
    verdict = report.verdict
    why = _sentence(verdict.why)
    if verdict.bound is None and verdict.outcome == Outcome.PASSED:
        return ""
    return why if verdict.bound is None else f"What bounded it: {verdict.bound}. {why}".rstrip()


def capacity_sentence(capacity: Capacity) -> str:
    """Return what the capacity search found."""
    highest = capacity.highest
    found = (
        "No fleet that was tried kept the thresholds."
        if highest is None
        else f"The greatest fleet that kept the thresholds: {highest:,} drivers."
    )
    return " ".join(
        part
        for part in (
            found,
            _sentence(capacity.why),
            "" if capacity.confirmed else "A second probe has not confirmed it.",
        )
        if part
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) or not text else ".")


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
