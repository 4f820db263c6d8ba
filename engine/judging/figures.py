"""The figures of a load test: what was planned, and what was measured, by stage, by second and by worker. Plain values; they know neither Kafka nor a clock.

All latencies are counted from the instant at which a position was due. Instants called wall are of the machines'
clocks, virtual ones of the run's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from engine.latency.histogram import Histogram
from engine.latency.meter import Segment
from engine.messages import RunState

ENDED = frozenset({RunState.FINISHED.value, RunState.CANCELLED.value})


class Latencies:
    """The buckets of a histogram that are not empty: a second's histogram is a hundredth of its full size. Never changed once made.

    Attributes
    ----------
    index : uint16, ascending, which buckets. (n,)
    counts : uint32, how many values are in each: no second has more. (n,)
    """

    __slots__ = ("_hash", "counts", "index")

    def __init__(self, index: npt.NDArray[np.uint16], counts: npt.NDArray[np.uint32]) -> None:
        self.index, self.counts = index, counts
        self._hash = hash((len(index), int(counts.sum())))

    @classmethod
    def of(cls, histogram: Histogram) -> Self:
        """Return the filled buckets of a histogram."""
        index = np.flatnonzero(histogram.counts)
        return cls(index.astype(np.uint16), histogram.counts[index].astype(np.uint32))

    @classmethod
    def merged(cls, several: Iterable[Latencies]) -> Histogram:
        """Return the histogram of all values that some have counted."""
        whole = Histogram()
        for one in several:
            whole.counts[one.index] += one.counts
        return whole

    @property
    def total(self) -> int:
        """How many values were counted."""
        return int(self.counts.sum())

    def histogram(self) -> Histogram:
        """Return the histogram."""
        return self.merged([self])

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Latencies)
            and np.array_equal(self.index, other.index)
            and np.array_equal(self.counts, other.counts)
        )

    def __hash__(self) -> int:
        return self._hash


@dataclass(frozen=True, slots=True)
class Brief:
    """The latencies of a second's positions in one segment, µs."""

    count: int
    p50_us: int
    p99_us: int
    max_us: int

    @classmethod
    def of(cls, histogram: Histogram) -> Self:
        """Return what is told of a histogram that is not empty."""
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
    active : deliveries on the road, as the run told in that second; None if it told nothing.
    ran_s : for how long of it the run went on, 0 to 1: less in its first, its last and the present second, and where it
        was paused.
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
class WorkerUse:
    """What one worker did with its time in a stage.

    Attributes
    ----------
    shares : of the wall time, by what it was spent on: the gauges whose names end in S, without it: cpu, compute, send,
        wait, write.
    paused : share of its messages in which it said that it was paused.
    growth : by how much queue and lag were greater at the stage's end than at its beginning.
    """

    worker: str
    part: str
    shares: dict[str, float]
    paused: float = 0.0
    growth: dict[str, float] = field(default_factory=dict)


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
    ran_s : for how long of its seconds the run went on.
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
class WorkerLoad:
    """One worker, as it stands.

    Attributes
    ----------
    part : driver, sink, live or viewer.
    first_ms, last_ms : wall epoch ms at which it first and last told something.
    counts : positions that it measured, by segment.
    gauges : what it told last, by name.
    cpu_s : processor seconds between its first message and its last, None if it does not tell.
    cpu_share : processor seconds a wall second, over the last `WINDOW_S` before `last_ms`.
    per_s : positions a wall second, by segment, over the same.
    rss_bytes : memory.
    """

    worker: str
    part: str
    first_ms: int
    last_ms: int
    counts: dict[Segment, int] = field(default_factory=dict)
    gauges: dict[str, float] = field(default_factory=dict)
    cpu_s: float | None = None
    cpu_share: float | None = None
    per_s: dict[Segment, float] = field(default_factory=dict)
    rss_bytes: float | None = None


class Accounted(Protocol):
    """Totals of a run's positions, whoever counted them: `engine.accounting.ledger.Account`, or what the REST interface answers."""

    @property
    def produced(self) -> int: ...
    @property
    def acked(self) -> int: ...
    @property
    def failed(self) -> int: ...
    @property
    def consumed(self) -> int: ...
    @property
    def stored(self) -> int: ...
    @property
    def missing(self) -> int: ...
    @property
    def duplicated(self) -> int: ...
    @property
    def dead_lettered(self) -> int: ...
    @property
    def lost_on_purpose(self) -> int: ...


@dataclass(frozen=True, slots=True)
class LedgerTotals:
    """Where the positions of the whole run are; see `engine.accounting.ledger.Account`.

    Attributes
    ----------
    duplicated : read although they were stored already; those that a fault on purpose sent twice are left out.
    """

    produced: int = 0
    acked: int = 0
    failed: int = 0
    consumed: int = 0
    stored: int = 0
    missing: int = 0
    duplicated: int = 0
    dead_lettered: int = 0
    lost_on_purpose: int = 0

    @classmethod
    def of(cls, account: Accounted, duplicated_on_purpose: int = 0) -> Self:
        """Return the totals of an account."""
        found = {one.name: getattr(account, one.name) for one in fields(cls)}
        return cls(**found | {"duplicated": max(account.duplicated - duplicated_on_purpose, 0)})

    @property
    def lost(self) -> int:
        """Positions that Kafka acknowledged and that are in no store; those that a fault on purpose left out or damaged are no loss."""
        return max(self.missing, self.acked - self.stored - self.lost_on_purpose, 0)


@dataclass(frozen=True, slots=True)
class MeasuredLoad:
    """A load test as far as it is known at one instant.

    Attributes
    ----------
    scenario : its name.
    now_ms : wall epoch ms for which this holds.
    started_ms, ended_ms : wall epoch ms; None before the run begins, and before it ends.
    run_s : virtual seconds since the run's beginning, 0 before it.
    state : of the run, a name of `engine.messages.RunState`; empty before anything was told.
    produced, acked, failed, active, drivers, actors : as the run told last; see `engine.messages.RunEvent`.
    stages : in order, as far as the run knows them.
    seconds : one entry for each second from the run's beginning on, in order.
    workers : by name.
    ledger : None until it was asked for.
    is_plan_exact : whether `planned` is all positions that are due. Deliveries that arrive, and traces, are in no plan;
        drivers that rest or end make fewer.
    has_viewers : whether simulated viewers take part.
    errors : what was told and could not be read, by worker.
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
        """Whether the run has ended, and its workers have told of every position that it says was produced, acknowledged and, by the ledger, stored.

        Only those a fault on purpose left out are not measured. A worker that was killed takes what it had not told
        with it, so this may never become true.
        """
        on_purpose = self.ledger.lost_on_purpose if self.ledger else 0
        wanted = {Segment.PRODUCED: self.produced - on_purpose, Segment.ACKED: self.acked - on_purpose}
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
