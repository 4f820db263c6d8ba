"""Judges a measured load by its thresholds. Pure: figures in, verdict out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from engine.load.figures import MeasuredLoad
from engine.load.thresholds import Thresholds


class Outcome(StrEnum):
    """How a load test ended. no verdict: the generator did not make the load that was asked for, so nothing can be said of the system under it."""

    PASSED = "passed"
    FAILED = "failed"
    NO_VERDICT = "no verdict"


class Bound(StrEnum):
    """What held the load up."""

    RAY = "ray"
    ENCODING = "encoding"
    BROKER = "broker"
    STORE = "store"


@dataclass(frozen=True, slots=True)
class Check:
    """One threshold in one stage.

    Attributes
    ----------
    threshold : as the scenario names it: ``e2e_p99_ms``.
    stage : None for what is counted over the whole run.
    limit, found : in the threshold's own unit; None found is nothing measured, which does not hold. With windows the worst one's.
    windows : wall epoch s at which the windows begin in which it does not hold; empty without `window_s`.
    """

    threshold: str
    stage: str | None
    limit: float
    found: float | None
    holds: bool
    windows: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was judged.

    Attributes
    ----------
    outcome : while the run goes on, "passed" means that everything has held so far.
    too_slow : stages in which the generator did not keep up with the plan.
    bound : what held the load up; None if nothing is behind, or nothing that is measured says what.
    why : what the outcome and the bound follow from, in a sentence with the figures.
    """

    outcome: Outcome
    checks: tuple[Check, ...] = ()
    too_slow: tuple[str, ...] = ()
    bound: Bound | None = None
    why: str = ""

    @property
    def failed(self) -> tuple[Check, ...]:
        """The checks that do not hold."""
        return tuple(check for check in self.checks if not check.holds)


def judge(load: MeasuredLoad, thresholds: Thresholds | None, *, running: bool = False, settle_s: float = 3.0) -> Verdict:
    """Return the verdict."""
    raise NotImplementedError


def exit_code(verdict: Verdict) -> int:
    """Return the exit code of a load test that was run: 0 passed, 1 a threshold failed, 3 no verdict; 2 is for one that could not run."""
    return {Outcome.PASSED: 0, Outcome.FAILED: 1, Outcome.NO_VERDICT: 3}[verdict.outcome]
