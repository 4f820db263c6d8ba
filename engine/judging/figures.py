"""The figures of a load test: what was planned and what was measured, by stage, second and worker.

Plain values; they know neither Kafka nor a clock.

All latencies are counted from the instant at which a position was due. Instants called wall are of the machines'
clocks, virtual ones of the run's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from engine.judging.ledger_totals import LedgerTotals
from engine.judging.workers import WorkerLoad, WorkerUse
from engine.latency.histogram import Histogram
from engine.latency.latencies import Latencies
from engine.latency.meter import Segment
from engine.messages import RunState

ENDED = frozenset({RunState.FINISHED.value, RunState.CANCELLED.value})


@dataclass(frozen=True, slots=True)
class Brief:
    """The latencies of a second's positions in one segment, µs."""

    count: int
    p50_us: int
    p99_us: int
    max_us: int

    @classmethod
    def of(cls, histogram: Histogram) -> Self:
        """Return the summary of a histogram that is not empty."""
        p50, p99, most = (histogram.percentile_us(p) or 0 for p in (50, 99, 100))
        return cls(histogram.total, p50, p99, most)


@dataclass(frozen=True, slots=True)
class SecondLoad:
    """The positions that were due in one wall second.

    Attributes
    ----------
    due_s : the second, wall epoch s.
    stage : name of the stage that holds the second's middle; empty outside the run.
    planned : positions due by the plan; see `MeasuredLoad.is_plan_exact`.
    segments : what was measured of them.
    latencies : the same in full, from which any percentile of any stretch of time is made.
    active : deliveries on the road, as the run reported in that second; None without a report.
    ran_s : for how long of it the run's clock moved, 0 to 1: less in its first, its last and the present second, and
        where it was paused.
    """

    due_s: int
    stage: str
    planned: float
    segments: dict[Segment, Brief] = field(default_factory=dict)
    latencies: dict[Segment, Latencies] = field(default_factory=dict)
    active: int | None = None
    ran_s: float = 1.0

    def count(self, segment: Segment) -> int:
        """Return how many positions of the second were measured in a segment."""
        return self.segments[segment].count if segment in self.segments else 0


@dataclass(frozen=True, slots=True)
class StageLoad:
    """One stage, as far as it was run.

    Attributes
    ----------
    from_ms, to_ms : virtual epoch ms; an endless one has no end.
    judged : whether thresholds hold for it; a warm-up is not judged.
    seconds : wall seconds that belong to it, by now.
    planned : positions due in them by the plan.
    histograms : latencies by segment, those of all workers together; only segments that were measured.
    uses : what each worker did with its time.
    ran_s : for how long of its seconds the run's clock moved.
    is_pause : whether nothing is due in it by the plan, from its beginning to its end.
    """

    name: str
    from_ms: int
    to_ms: int | None
    judged: bool
    seconds: int
    planned: float
    histograms: dict[Segment, Histogram] = field(default_factory=dict)
    uses: tuple[WorkerUse, ...] = ()
    ran_s: float = 0.0
    is_pause: bool = False

    @property
    def counts(self) -> dict[Segment, int]:
        """Positions measured, by segment."""
        return {segment: histogram.total for segment, histogram in self.histograms.items()}


@dataclass(frozen=True, slots=True)
class MeasuredLoad:
    """A load test as far as it is known at one instant.

    Attributes
    ----------
    scenario : its name.
    now_ms : wall epoch ms for which this holds.
    started_ms, ended_ms : wall epoch ms; None before the run begins, and before it ends.
    run_s : virtual seconds since the run's beginning, 0 before it.
    state : of the run, a name of `engine.messages.RunState`; empty before the first report.
    produced, acked, failed, active, drivers, actors : as the run reported last; see `engine.messages.RunEvent`.
    stages : in order, as far as the run knows them.
    seconds : one entry for each second from the run's beginning on, in order.
    workers : by name.
    ledger : None until it was asked for.
    is_plan_exact : whether `planned` is all positions that are due. Deliveries that arrive, and traces, are in no plan;
        drivers that rest or end make fewer.
    has_viewers : whether simulated viewers take part.
    errors : reports that could not be read, by worker.
    """

    run_id: str
    scenario: str
    now_ms: float
    started_ms: float | None = None
    ended_ms: float | None = None
    run_s: float = 0.0
    state: str = ""
    produced: int = 0
    acked: int = 0
    failed: int = 0
    active: int = 0
    drivers: int = 0
    actors: int = 0
    stages: tuple[StageLoad, ...] = ()
    seconds: tuple[SecondLoad, ...] = ()
    workers: tuple[WorkerLoad, ...] = ()
    ledger: LedgerTotals | None = None
    is_plan_exact: bool = True
    has_viewers: bool = False
    errors: tuple[str, ...] = ()

    @property
    def is_running(self) -> bool:
        """Whether the run has not ended."""
        return self.state not in ENDED

    @property
    def e2e(self) -> Segment:
        """The segment at whose end a position is with its viewer."""
        return Segment.VIEWED if self.has_viewers else Segment.PUSHED

    @property
    def counts(self) -> dict[Segment, int]:
        """Positions measured in the whole run, by segment, those due outside of every stage too."""
        found: dict[Segment, int] = {}
        for second in self.seconds:
            for segment, brief in second.segments.items():
                found[segment] = found.get(segment, 0) + brief.count
        return found

    @property
    def is_complete(self) -> bool:
        """Whether the run has ended and its workers have reported every position.

        That is every position that the run says was produced and acknowledged and, by the ledger, stored.

        Only those that an injected fault left out are not measured. A worker that was killed takes what it had not
        reported with it, so this may never become true.
        """
        injected = self.ledger.lost_on_purpose if self.ledger else 0
        wanted = {Segment.PRODUCED: self.produced - injected, Segment.ACKED: self.acked - injected}
        counts = self.counts
        if self.ledger:
            wanted |= {
                segment: self.ledger.stored for segment in (Segment.STORED, Segment.INDEXED) if segment in counts
            }
        return not self.is_running and all(counts.get(segment, 0) >= count for segment, count in wanted.items())

    def stage(self, name: str) -> StageLoad:
        """Return a stage by its name.

        Raises
        ------
        KeyError : the run has none of that name.
        """
        return {stage.name: stage for stage in self.stages}[name]
