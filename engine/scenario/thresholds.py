"""What a load test must keep: the section [thresholds] of a scenario, as a file and in code.

    [thresholds]
    e2e_p99_ms = 300          # latency from due: a segment of the way, a percentile, ms
    lost = 0                  # positions of the whole run; also: duplicated, failed
    produced_rate = 0.99      # share of the planned positions; or produced_per_s = 900
    window_s = 10             # length of the windows in each of which latencies must hold; absent: each stage
    abort = true              # the first failure ends the run
    [thresholds.stages.peak]  # what holds in one stage instead
    e2e_p99_ms = 500

In code: ``Thresholds(e2e_p99_ms=300, lost=0, stages={"peak": {"e2e_p99_ms": 500}})``. It only says what must hold;
`engine.judging.verdict` judges.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from engine.declared.kinds import Fault, Kind
from engine.declared.numbers import Number, Whole
from engine.declared.spelling import did_you_mean
from engine.latency.meter import Segment

E2E = "e2e"
LATENESS = "lateness"

PERCENTILES: Mapping[str, float] = MappingProxyType(
    {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p999": 99.9, "max": 100.0}
)

PRODUCED_RATE = "produced_rate"
PRODUCED_PER_S = "produced_per_s"

MAX_MS = 3_600_000.0
"""Latencies are counted up to an hour."""

_WAYS: Mapping[str, str] = MappingProxyType(
    {
        E2E: "its viewer: a simulated one if there are any, else the live map",
        LATENESS: "its being produced",
        Segment.PRODUCED: "its being handed to the producer",
        Segment.ACKED: "Kafka's acknowledgement",
        Segment.CONSUMED: "its being read by a sink",
        Segment.PUSHED: "its being on the live map, ready for viewers",
        Segment.STORED: "its being in the state store",
        Segment.INDEXED: "its being in the history store",
        Segment.VIEWED: "a simulated viewer",
    }
)

_IN_WORDS: Mapping[str, str] = MappingProxyType(
    {"p50": "half", "p90": "90 %", "p95": "95 %", "p99": "99 %", "p999": "99.9 %", "max": "all"}
)


def _latency_limits() -> Iterator[tuple[str, tuple[Kind, str]]]:
    for way, what in _WAYS.items():
        for short, words in _IN_WORDS.items():
            yield (
                f"{way}_{short}_ms",
                (
                    Number(0.0, MAX_MS),
                    f"most ms from a position's due instant to {what}, for {words} of the positions",
                ),
            )


STAGE_LIMITS: Mapping[str, tuple[Kind, str]] = MappingProxyType(
    dict(_latency_limits())
    | {
        PRODUCED_RATE: (Number(0.0, 1.0), "least share of the planned positions that is produced"),
        PRODUCED_PER_S: (Number(0.0, 1e8), "least number of positions produced a wall second, on average over a stage"),
    }
)
"""Thresholds that hold in each stage, by name: which values they may have, and what they mean."""

RUN_LIMITS: Mapping[str, tuple[Kind, str]] = MappingProxyType(
    {
        "lost": (
            Whole(0, 10**12),
            "most positions that Kafka has acknowledged and no store has; "
            "those that an injected fault left out are not lost",
        ),
        "duplicated": (Whole(0, 10**12), "most positions that were read although they were stored already"),
        "failed": (Whole(0, 10**12), "most positions that Kafka refuses for good"),
    }
)
"""Thresholds that hold over the whole run."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, init=False)
class Thresholds:
    """What a load test must keep.

    Attributes
    ----------
    limits : by name (`STAGE_LIMITS`, `RUN_LIMITS`), in the unit that the name ends with.
    stages : by a stage's name, what holds in it instead; names of `STAGE_LIMITS`.
    window_s : wall seconds of the windows in each of which latencies must hold; over each stage if None.
    abort : whether the first failure ends the run.
    """

    limits: Mapping[str, float]
    stages: Mapping[str, Mapping[str, float]]
    window_s: int | None
    abort: bool

    def __init__(
        self,
        limits: Mapping[str, float] = _NOTHING,
        stages: Mapping[str, Mapping[str, float]] = _NOTHING,
        window_s: int | None = None,
        abort: bool = False,
        **named: float,
    ) -> None:
        for name, value in (
            ("limits", MappingProxyType({**limits, **named})),
            ("stages", stages),
            ("window_s", window_s),
            ("abort", abort),
        ):
            object.__setattr__(self, name, value)

    def __reduce__(self) -> tuple[type[Thresholds], tuple[Any, ...]]:
        return type(self), (
            dict(self.limits),
            {name: dict(limits) for name, limits in self.stages.items()},
            self.window_s,
            self.abort,
        )

    def of_stage(self, name: str) -> dict[str, float]:
        """Return what holds in a stage."""
        return {threshold: limit for threshold, limit in self.limits.items() if threshold in STAGE_LIMITS} | dict(
            self.stages.get(name, _NOTHING)
        )

    @property
    def of_run(self) -> dict[str, float]:
        """What holds over the whole run."""
        return {threshold: limit for threshold, limit in self.limits.items() if threshold in RUN_LIMITS}

    @property
    def names(self) -> set[str]:
        """Every threshold that holds anywhere."""
        return {*self.limits, *(name for limits in self.stages.values() for name in limits)}

    def scaled(self, factor: float) -> Thresholds:
        """Return the thresholds of a fleet of another size.

        Positions a second grow with the fleet, shares and latencies stay.
        """

        def of(limits: Mapping[str, float]) -> dict[str, float]:
            return {name: limit * factor if name == PRODUCED_PER_S else limit for name, limit in limits.items()}

        return Thresholds(
            of(self.limits), {name: of(limits) for name, limits in self.stages.items()}, self.window_s, self.abort
        )

    def renamed(self, stage: str, new: str) -> Thresholds:
        """Return the same with another name for a stage."""
        return Thresholds(
            self.limits,
            {new if name == stage else name: limits for name, limits in self.stages.items()},
            self.window_s,
            self.abort,
        )


def latency_of(threshold: str) -> tuple[str, float] | None:
    """Return the segment (or `E2E`, `LATENESS`) and the percentile that a latency threshold bounds.

    None of a threshold that bounds something else.
    """
    way, _, rest = threshold.partition("_")
    short = rest.removesuffix("_ms")
    return (way, PERCENTILES[short]) if way in _WAYS and rest.endswith("_ms") and short in PERCENTILES else None


def broken_threshold_rules(
    thresholds: Thresholds, stage_names: Sequence[str], *, is_plan_exact: bool, has_viewers: bool
) -> Iterator[Fault]:
    """Yield the thresholds that a scenario cannot be judged by, whatever their values.

    Parameters
    ----------
    stage_names, is_plan_exact, has_viewers : of the scenario.
    """
    place = ("thresholds",)
    for name in thresholds.stages:
        if name not in stage_names:
            yield (
                (*place, "stages", name),
                f"is no stage of the scenario; it has {', '.join(stage_names)}{did_you_mean(name, stage_names)}",
            )
    if PRODUCED_RATE in thresholds.names and not is_plan_exact:
        yield (
            place,
            f"must not have {PRODUCED_RATE} where drivers rest or end, or where [arrivals] or [traces] "
            "make positions beside the plan",
        )
    if not has_viewers and (unmeasured := sorted(name for name in thresholds.names if name.startswith("viewed_"))):
        yield place, f"must not have {unmeasured[0]} without [viewers]: only simulated viewers measure it"
