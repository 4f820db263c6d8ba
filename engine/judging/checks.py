"""Comparisons of measured figures with thresholds, one by one; the verdict follows from all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from engine.judging.figures import MeasuredLoad, SecondLoad, StageLoad
from engine.latency.latencies import Latencies
from engine.latency.meter import Segment
from engine.scenario.thresholds import E2E, LATENESS, PRODUCED_PER_S, PRODUCED_RATE, Thresholds, latency_of

LEAST_S = 5.0
"""Seconds of a stage that must be measured before it is judged as a whole while a run is going on.

The few positions of a first second are no percentile.
"""


@dataclass(frozen=True, slots=True)
class Check:
    """One threshold in one stage.

    Attributes
    ----------
    threshold : as the scenario names it: ``e2e_p99_ms``.
    stage : None for what is counted over the whole run.
    limit, found : in the threshold's own unit; with windows the worst one's. None found is nothing measured, which does
        not hold and is the worst.
    windows : wall epoch s at which the windows begin in which it does not hold; empty without `window_s`.
    """

    threshold: str
    stage: str | None
    limit: float
    found: float | None
    holds: bool
    windows: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class JudgedStage:
    """What is judged of a stage.

    Attributes
    ----------
    seconds : those that are judged, in order.
    unsettled : those of which more may be reported.
    """

    load: StageLoad
    seconds: Sequence[SecondLoad]
    unsettled: Sequence[SecondLoad] = ()

    @property
    def name(self) -> str:
        """The stage's name."""
        return self.load.name

    @property
    def ran_s(self) -> float:
        """For how long, s, the run's clock moved in the judged seconds."""
        return sum(second.ran_s for second in self.seconds)

    @property
    def produced(self) -> int:
        """Positions produced."""
        return sum(second.count(Segment.PRODUCED) for second in self.seconds)

    @property
    def planned(self) -> float:
        """Positions due by the plan."""
        return sum(second.planned for second in self.seconds)

    def percentile_ms(self, segment: Segment, percentile: float) -> float | None:
        """Return a percentile of the latencies, ms; None if none was measured."""
        if segment not in self.load.histograms:
            return None
        later = Latencies.merged(second.latencies[segment] for second in self.unsettled if segment in second.latencies)
        return self.load.histograms[segment].since(later).percentile_ms(percentile)


def judged_stages(load: MeasuredLoad, *, running: bool, settle_s: float) -> list[JudgedStage]:
    """Return the stages that are judged, in order.

    While the run is going on, their seconds are at least `settle_s` old, because workers report about once a
    second, and stages of which there are less than `LEAST_S` are left out.
    """
    newest_s = load.now_ms / 1000.0 - settle_s - 1.0 if running else float("inf")
    own: dict[str, tuple[list[SecondLoad], list[SecondLoad]]] = {}
    for second in load.seconds:
        own.setdefault(second.stage, ([], []))[second.due_s > newest_s].append(second)
    found = [JudgedStage(stage, *own[stage.name]) for stage in load.stages if stage.judged and stage.name in own]
    return [stage for stage in found if stage.seconds and (not running or stage.ran_s >= LEAST_S)]


@lru_cache(maxsize=8192)
def _window_ms(several: tuple[Latencies, ...], percentile: float) -> float | None:
    """Return a percentile of a window, ms.

    Remembered, because a run is looked at again and again, and few of its windows have changed.
    """
    return Latencies.merged(several).percentile_ms(percentile)


def segment_of(way: str, load: MeasuredLoad) -> Segment:
    """Return the segment that a latency threshold's first word stands for."""
    return load.e2e if way == E2E else Segment.PRODUCED if way == LATENESS else Segment(way)


def empty_stages(load: MeasuredLoad, thresholds: Thresholds, judged: Sequence[JudgedStage]) -> dict[str, str]:
    """Return the stages without a position, so that thresholds have no sample, each with a sentence on it.

    A pause by plan, and a stage that is shorter than a wall second, are left out where other stages have positions,
    unless thresholds are set for them by name.

    Parameters
    ----------
    judged : of a run that has ended.
    """
    full = {stage.name for stage in judged if _was_due(stage.seconds, load)}
    stages = {stage.name: stage for stage in load.stages}
    found = {}
    for name in dict.fromkeys([*stages, *thresholds.stages]):
        stage = stages.get(name)
        if name in full or (stage is not None and not stage.judged):
            continue
        is_reached = stage is not None and (
            stage.seconds > 0 or stage.from_ms - load.stages[0].from_ms < load.run_s * 1000.0
        )
        is_without = stage is not None and (stage.is_pause or (is_reached and not stage.seconds))
        if not full or thresholds.stages.get(name) or (not is_without and thresholds.of_stage(name)):
            found[name] = f"there was no position in {name}" if is_reached else f"{name} was not reached"
    return found


def empty_checks(thresholds: Thresholds, empty: Iterable[str]) -> Iterator[Check]:
    """Yield the thresholds of stages in which there was no position: without a sample none of them holds."""
    for name in empty:
        for threshold, limit in thresholds.of_stage(name).items():
            yield Check(threshold, name, limit, None, False)


def stage_checks(
    load: MeasuredLoad, thresholds: Thresholds, judged: Sequence[JudgedStage], *, running: bool
) -> Iterator[Check]:
    """Yield the checks of every stage; what nothing can be said of, because nothing was due, is left out."""
    for stage in judged:
        for threshold, limit in thresholds.of_stage(stage.name).items():
            latency = latency_of(threshold)
            if latency is None:
                if (found := _production(threshold, stage)) is not None:
                    yield Check(threshold, stage.name, limit, found, found >= limit)
                continue
            segment = segment_of(latency[0], load)
            if thresholds.window_s is None:
                measured = (
                    [(stage.seconds[0].due_s, stage.percentile_ms(segment, latency[1]))]
                    if _was_due(stage.seconds, load)
                    else []
                )
            else:
                parts = [
                    part for part in windows(stage.seconds, thresholds.window_s, running=running) if _was_measured(part)
                ]
                measured = [(part[0].due_s, _window_ms(_latencies(part, segment), latency[1])) for part in parts]
            if running:  # what has not come yet may still come
                measured = [(at_s, found) for at_s, found in measured if found is not None]
            if measured:
                yield _latency_check(
                    threshold, stage.name, limit, measured, is_windowed=thresholds.window_s is not None
                )


def _latencies(seconds: Sequence[SecondLoad], segment: Segment) -> tuple[Latencies, ...]:
    return tuple(second.latencies[segment] for second in seconds if segment in second.latencies)


def _latency_check(
    threshold: str, stage: str, limit: float, measured: Sequence[tuple[int, float | None]], *, is_windowed: bool
) -> Check:
    failed = tuple(at_s for at_s, found in measured if found is None or found > limit)
    known = [found for _, found in measured if found is not None]
    worst = max(known) if len(known) == len(measured) else None
    return Check(threshold, stage, limit, worst, not failed, failed if is_windowed else ())


def _production(threshold: str, stage: JudgedStage) -> float | None:
    """Return the share of the plan, or the positions a second, that was produced.

    None where nothing was planned, or the run stood still.
    """
    of = {PRODUCED_RATE: stage.planned, PRODUCED_PER_S: stage.ran_s}[threshold]
    return stage.produced / of if of else None


def _was_due(seconds: Sequence[SecondLoad], load: MeasuredLoad) -> bool:
    return _was_measured(seconds) or (load.is_plan_exact and sum(second.planned for second in seconds) >= 1)


def _was_measured(seconds: Sequence[SecondLoad]) -> bool:
    return any(second.segments for second in seconds)


def windows(seconds: Sequence[SecondLoad], window_s: int, *, running: bool) -> Iterator[Sequence[SecondLoad]]:
    """Yield a stage's seconds window by window, counted from its first second.

    A rest that fills no window waits while the run is going on; at the end it belongs to the window before it, so that
    a few positions alone decide nothing.
    """
    first_s, last_s = seconds[0].due_s, seconds[-1].due_s + 1
    full = (last_s - first_s) // window_s
    parts: list[list[SecondLoad]] = [[] for _ in range(full if running else max(full, 1))]
    for second in seconds:
        number = (second.due_s - first_s) // window_s
        if number < len(parts) or not running:
            parts[min(number, len(parts) - 1)].append(second)
    yield from (part for part in parts if part)


def run_checks(load: MeasuredLoad, thresholds: Thresholds, *, running: bool) -> Iterator[Check]:
    """Yield the checks of what is counted over the whole run.

    While it is going on, what is refused or duplicated stays so and is judged; what is lost cannot be
    distinguished from what is on its way.
    """
    ledger = load.ledger
    found: dict[str, int | None] = {
        "failed": max(load.failed, ledger.failed if ledger else 0),
        "duplicated": ledger.duplicated if ledger else None,
        "lost": ledger.lost if ledger and not running else None,
    }
    for threshold, limit in thresholds.of_run.items():
        count = found[threshold]
        if count is not None or not running:
            yield Check(threshold, None, limit, count, count is not None and count <= limit)
