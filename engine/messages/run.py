"""Facts of runs: how one stands, and what its workers measured."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from engine.errors import MessageError, shown
from engine.messages.checks import check_text, checked_id, checked_number, checked_table, optional_ms, optional_number
from engine.messages.message import Message
from engine.messages.topics import Topic
from engine.wire_names import camel


class RunState(StrEnum):
    """The states of a run."""

    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"


_RUN_STATES = frozenset(kind.value for kind in RunState)


@dataclass(frozen=True, slots=True)
class RunEvent(Message):
    """Fact: how a run stands; sent at its start, at each change, once a second, and at its end.

    Attributes
    ----------
    clock : ``[virtual_ms, wall_ms, scale]``, the `engine.motion.clock.RunClock` in force.
    produced, acked : different positions handed to Kafka, and acknowledged by it, since the run began; one that was
        sent twice counts once, and one that an injected fault leaves out counts too. They may fall for a moment when a
        driver actor has died, by what it had under way.
    failed : positions that Kafka refused for good, since the run began.
    active : deliveries on the road.
    actors : driver actors alive.
    lateness_p99_ms : over the last second: wall time of producing minus wall time at which a position was due.
    stages : ``[[name, from_ms, to_ms], ...]`` in virtual epoch ms, without a gap, so that a reader of measurements
        knows to which a position belongs; `to_ms` of the last one is None in an endless run. Absent until the run has
        begun.
    """

    TOPIC: ClassVar[Topic] = Topic.RUN_EVENT
    run_id: str = ""
    state: str = ""
    seq: int = 0
    event_time: int = 0
    scenario: str = ""
    seed: int = 0
    sample_period_ms: int = 1000
    clock: list[float] | None = None
    drivers: int = 0
    active: int = 0
    actors: int = 0
    produced: int = 0
    acked: int = 0
    failed: int = 0
    lateness_p99_ms: float | None = None
    stages: list[list[Any]] | None = None

    def __post_init__(self) -> None:
        checked_id(self.run_id, "runId")
        if not isinstance(self.state, str) or self.state not in _RUN_STATES:
            raise MessageError(f"state must be one of {', '.join(RunState)}, found {shown(self.state)}")
        check_text(self.scenario, "scenario")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int):
            raise MessageError(f"seed must be a whole number, found {shown(self.seed)}")
        optional_number(self.lateness_p99_ms, "latenessP99Ms")
        for name in (
            "seq",
            "event_time",
            "sample_period_ms",
            "drivers",
            "active",
            "actors",
            "produced",
            "acked",
            "failed",
        ):
            object.__setattr__(self, name, optional_ms(getattr(self, name), camel(name)))
        if not isinstance(self.clock, list) or len(self.clock) != 3:
            raise MessageError(f"clock must be [virtual_ms, wall_ms, scale], found {shown(self.clock)}")
        for number in self.clock:
            checked_number(number, "clock")
        if self.stages is not None:
            _stages(self.stages)

    @property
    def key(self) -> bytes:
        """The run's id."""
        return self.run_id.encode()


def _stages(value: object) -> None:
    if not isinstance(value, list):
        raise MessageError(f"stages must be a list, found {shown(value)}")
    for stage in value:
        if not isinstance(stage, list) or len(stage) != 3:
            raise MessageError(f"stages must be [name, from_ms, to_ms], found {shown(stage)}")
        check_text(stage[0], "stages")
        checked_number(stage[1], "stages", 0)
        optional_number(stage[2], "stages", 0)


class Worker(StrEnum):
    """The kinds of workers that measure."""

    DRIVER = "driver"
    SINK = "sink"
    LIVE = "live"
    VIEWER = "viewer"


_WORKERS = frozenset(kind.value for kind in Worker)


@dataclass(frozen=True, slots=True)
class RunMetrics(Message):
    """Fact: what one worker has measured of a run since its last message.

    Its identity is ``(worker, seq)``, so that readers may see it twice.

    Attributes
    ----------
    worker : one process's part, named anew whenever it starts, for example ``driver-3:5f1c9e``.
    part : what kind of worker it is, a name of `Worker`.
    seq : of the worker's messages, from 0.
    told_ms : wall epoch ms.
    due_s : wall epoch second in which the positions were due that the histograms speak of; absent without any.
    histograms : by segment (`engine.latency.meter.Segment`): latencies from due, µs, as an encoded HdrHistogram
        (`engine.latency.histogram`).
    gauges : how the worker stands, by name; sums run since its start.
    """

    TOPIC: ClassVar[Topic] = Topic.RUN_METRICS
    run_id: str = ""
    worker: str = ""
    part: str = ""
    seq: int = 0
    told_ms: int = 0
    due_s: int | None = None
    histograms: dict[str, str] | None = None
    gauges: dict[str, float] | None = None

    def __post_init__(self) -> None:
        checked_id(self.run_id, "runId")
        checked_id(self.worker, "worker")
        if not isinstance(self.part, str) or self.part not in _WORKERS:
            raise MessageError(f"part must be one of {', '.join(Worker)}, found {shown(self.part)}")
        for name in ("seq", "told_ms", "due_s"):
            object.__setattr__(self, name, optional_ms(getattr(self, name), camel(name)))
        for name, text in checked_table(self.histograms, "histograms").items():
            check_text(text, f"histograms.{name}")
        for name, number in checked_table(self.gauges, "gauges").items():
            checked_number(number, f"gauges.{name}")
        if self.histograms and self.due_s is None:
            raise MessageError("histograms need dueS, the second in which their positions were due")

    @property
    def key(self) -> bytes:
        """The run's id."""
        return self.run_id.encode()
