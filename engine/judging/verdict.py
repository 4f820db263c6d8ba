"""Judges a measured load by its thresholds. Pure: figures in, verdict out.

A threshold can only be judged where the load was really there. So each judged stage is asked first whether the
generator kept up with the plan: whether it produced what was due, in time. Where it did not, latencies say more of the
generator than of what was tested: failing there is no failure, and passing no pass, the verdict is "no verdict".
A threshold on what is produced (produced_rate, produced_per_s) or on how late it is (lateness_*, produced_*) judges the
generator; it then stands for that half of the rule, and failing it is a failure.

Nothing can be said either of a stage in which there was no position, for a threshold without a sample does not hold,
and of a run that was ended before its time: its checks say how things stood until then.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from engine.judging.bound import Bound, chain_bound, generator_bound
from engine.judging.checks import (
    Check,
    JudgedStage,
    empty_checks,
    empty_stages,
    judged_stages,
    run_checks,
    segment_of,
    stage_checks,
)
from engine.judging.figures import MeasuredLoad
from engine.latency.meter import Segment
from engine.scenario.thresholds import LATENESS, PRODUCED_PER_S, PRODUCED_RATE, Thresholds, latency_of

__all__ = ["Outcome", "Verdict", "Check", "Bound", "judge", "exit_code", "SETTLE_S", "LEAST_SHARE", "MOST_LATE_MS"]

SETTLE_S = 3.0
"""Age, s, at which a second's positions have all been reported.

Workers report once a second, sinks flush about once a second, and messages take their time.
"""

LEAST_SHARE = 0.98
"""Least share of its plan that a generator must produce to have made the load.

A fiftieth is what a hiccup of a second costs in a stage of a minute.
"""

MOST_LATE_MS = 1_000.0
"""Lateness p99, ms, above which a generator has shifted the load by its own sample period."""


class Outcome(StrEnum):
    """How a load test ended.

    no verdict: the load that was asked for was not made, or not to its end, so nothing can be said of the system under
    it.
    """

    PASSED = "passed"
    FAILED = "failed"
    NO_VERDICT = "no verdict"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was judged.

    Attributes
    ----------
    outcome : while the run is going on, "passed" means that everything has held so far.
    too_slow : stages in which the generator did not keep up with the plan.
    bound : what held the load up; None if nothing is behind, or nothing that is measured says what.
    why : what the outcome and the bound follow from, in a sentence with the figures.
    empty : stages in which there was no position, so that their thresholds have no sample.
    is_interrupted : the run was ended before its time; the checks say how things stood until then.
    """

    outcome: Outcome
    checks: tuple[Check, ...] = ()
    too_slow: tuple[str, ...] = ()
    bound: Bound | None = None
    why: str = ""
    empty: tuple[str, ...] = ()
    is_interrupted: bool = False

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that do not hold."""
        return tuple(check for check in self.checks if not check.holds)


def judge(
    load: MeasuredLoad,
    thresholds: Thresholds | None,
    *,
    running: bool = False,
    interrupted: bool = False,
    settle_s: float = SETTLE_S,
) -> Verdict:
    """Return the verdict.

    Parameters
    ----------
    running : the run is going on, and more will be reported: the seconds younger than `settle_s`, stages of less than 5
        s, windows that are not full, and what may still arrive are not judged yet. What fails in a window has failed
        for good; over a stage it may still recover, for a later look sees more of it, so who ends a run at its first
        failure and wants a stage to have its whole time sets a window.
    interrupted : the run was ended before its time.
    """
    thresholds = thresholds or Thresholds()
    judged = judged_stages(load, running=running, settle_s=settle_s)
    empty = {} if running else empty_stages(load, thresholds, judged)
    judged = [stage for stage in judged if stage.name not in empty]
    of_stages = (*stage_checks(load, thresholds, judged, running=running), *empty_checks(thresholds, empty))
    checks = (*of_stages, *run_checks(load, thresholds, running=running))
    slow = dict(_slow(load, thresholds, judged))
    failed = [
        check
        for check in checks
        if not check.holds and check.stage not in empty and (check.stage not in slow or _is_of_generator(check))
    ]
    has_nothing = not judged and not running
    is_open = bool(slow or empty or has_nothing)
    outcome = (
        Outcome.NO_VERDICT
        if interrupted
        else Outcome.FAILED
        if failed
        else Outcome.NO_VERDICT
        if is_open
        else Outcome.PASSED
    )
    bound, figures = _bound(load, slow, failed)
    said = ["the run was ended before its time"] if interrupted else []
    said += [*slow.values(), *(_sentence(check) for check in failed), *empty.values()]
    if has_nothing and not empty:
        said.append("the run ended before anything that is judged was measured")
    if not (failed or is_open):
        held = (
            ("every threshold holds" if checks else "the generator kept up; no threshold is set")
            if judged
            else "nothing to judge yet"
        )
        said.append(f"until then {held}" if interrupted else held)
    why = "; ".join([*said, *([figures] if figures else [])])
    return Verdict(outcome, checks, tuple(slow), bound, why, tuple(empty), interrupted)


def exit_code(verdict: Verdict) -> int:
    """Return the exit code of a load test that was run: 0 passed, 1 a threshold failed, 3 no verdict.

    2 is for a test that could not run.
    """
    return {Outcome.PASSED: 0, Outcome.FAILED: 1, Outcome.NO_VERDICT: 3}[verdict.outcome]


def _slow(load: MeasuredLoad, thresholds: Thresholds, judged: Sequence[JudgedStage]) -> Iterator[tuple[str, str]]:
    """Yield the stages in which the generator did not keep up, each with its figures."""
    for stage in judged:
        limits = thresholds.of_stage(stage.name)
        said = []
        if (
            load.is_plan_exact
            and not limits.keys() & {PRODUCED_RATE, PRODUCED_PER_S}
            and (short := _shortage(stage.produced, stage.planned))
        ):
            said.append(short)
        if not any(_is_lateness(name) for name in limits):
            late_ms = stage.percentile_ms(Segment.PRODUCED, 99.0)
            if late_ms is not None and late_ms > MOST_LATE_MS:
                said.append(f"lateness p99 was {late_ms:,.0f} ms")
        if said:
            yield stage.name, f"the generator did not keep up in {stage.name}: {', '.join(said)}"


def _shortage(produced: int, planned: float) -> str:
    """Return how much less than planned was produced, empty if it is not much.

    In few positions some are missing by chance, because a second cuts periods.
    """
    if planned - produced <= max((1.0 - LEAST_SHARE) * planned, 2.0 * math.sqrt(planned)):
        return ""
    return f"{produced:,} of {planned:,.0f} planned positions were produced ({produced / planned:.1%})"


def _is_lateness(threshold: str) -> bool:
    latency = latency_of(threshold)
    return latency is not None and latency[0] in (LATENESS, Segment.PRODUCED)


def _is_of_generator(check: Check) -> bool:
    return check.threshold in (PRODUCED_RATE, PRODUCED_PER_S) or _is_lateness(check.threshold)


def _bound(load: MeasuredLoad, slow: dict[str, str], failed: Sequence[Check]) -> tuple[Bound | None, str]:
    behind = {*slow, *(check.stage for check in failed if check.stage is not None and _is_of_generator(check))}
    if behind:
        return generator_bound([stage for stage in load.stages if stage.name in behind])
    late = []
    for check in failed:
        latency = latency_of(check.threshold)
        if latency is not None and check.stage is not None:
            late.append((check.stage, segment_of(latency[0], load), latency[1]))
    return chain_bound(load, late)


def _sentence(check: Check) -> str:
    where = f" in {check.stage}" if check.stage is not None else ""
    often = f", in {len(check.windows)} windows" if len(check.windows) > 1 else ""
    found = "could not be measured" if check.found is None else f"was {check.found:,.6g}"
    return f"{check.threshold}{where} {found}, limit {check.limit:,.6g}{often}"
