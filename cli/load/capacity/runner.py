"""Runs a capacity search: makes each probe's scenario, has it run, and reports progress.

The caller says how a scenario is run.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from cli.load.capacity.search import Capacity, Outcome, Phase, Probe, Search
from engine.errors import InvalidInput
from engine.scenario.load import WHOLE_RUN, Shape, Stage
from engine.scenario.memory import BYTES_PER_DRIVER, needed_bytes
from engine.scenario.parts import MAX_FLEET, DeliveryMode
from engine.scenario.scenario import Scenario

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProbeShape:
    """How long a probe of a scenario without stages lasts, wall seconds.

    Attributes
    ----------
    ramp_s : the fleet comes onto the road.
    settle_s : it stays at its size, not judged yet.
    hold_s : it stays, and is judged.
    """

    ramp_s: float = 10.0
    settle_s: float = 5.0
    hold_s: float = 30.0

    def __post_init__(self) -> None:
        for name, least in (("ramp_s", 0.1), ("settle_s", 0.0), ("hold_s", 1.0)):
            if not getattr(self, name) >= least:
                raise InvalidInput(
                    f"capacity search: {name} must be at least {least:g} s, found {getattr(self, name):g}"
                )


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """How the run of a probe ended; see `Probe`."""

    outcome: Outcome
    bound: str | None = None
    figures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Progress:
    """What is reported before and after a probe.

    Attributes
    ----------
    number, most : which probe it is, from 1, and how many there may be.
    probe : its outcome; None while it is still to come.
    highest, lowest_failed : what is known by then; 0 and None if nothing is.
    cool_down_s : how long the search waits now, 0 if it does not.
    """

    number: int
    most: int
    drivers: int
    phase: Phase
    probe: Probe | None
    highest: int
    lowest_failed: int | None
    cool_down_s: float


RunProbe = Callable[[Scenario], ProbeResult]


def find_capacity(
    scenario: Scenario,
    run_probe: RunProbe,
    search: Search,
    *,
    shape: ProbeShape | None = None,
    cool_down_s: float,
    sleep: Callable[[float], object],
    report: Callable[[Progress], None] = lambda _: None,
    is_stopped: Callable[[], bool] = lambda: False,
    passing: tuple[type[Exception], ...] = (),
) -> Capacity:
    """Return the greatest fleet with which a scenario keeps its thresholds.

    Parameters
    ----------
    run_probe : runs a scenario to its end and judges it.
    passing : errors of `run_probe` after which the same probe is tried once more: a search is long, and a machine
        may fail for a moment. If that fails too, what is known by then is the answer; if nothing is known, and after
        any other error, the error is raised.
    shape : of the probes, where the scenario has no stages of its own.
    cool_down_s : wait between two probes, s, so that one does not pay for what the last one left behind.
    sleep : waits for some seconds.
    report : called before and after each probe.
    is_stopped : whether the search was ended from outside; the probe that this cut short does not count, and what is
        known by then is the answer.
    """
    shape = shape or ProbeShape()
    while not is_stopped() and (drivers := search.next_drivers) is not None and (phase := search.phase) is not None:
        coming = Progress(
            len(search.probes) + 1, search.most_probes, drivers, phase, None, search.highest, search.lowest_failed, 0.0
        )
        report(coming)
        try:
            found = _run(
                run_probe, probe_scenario(scenario, drivers, shape), passing, is_stopped, lambda: sleep(cool_down_s)
            )
        except passing as error:
            if not search.probes:
                raise
            return search.result(ended_by=f"{drivers:,} drivers could not be run: {error}")
        if is_stopped():
            break
        probe = Probe(drivers, found.outcome, found.bound, found.figures)
        search.take(probe)
        wait_s = cool_down_s if search.next_drivers is not None else 0.0
        report(
            replace(coming, probe=probe, highest=search.highest, lowest_failed=search.lowest_failed, cool_down_s=wait_s)
        )
        if wait_s:
            sleep(wait_s)
    return search.result()


def _run(
    run_probe: RunProbe,
    scenario: Scenario,
    passing: tuple[type[Exception], ...],
    is_stopped: Callable[[], bool],
    wait: Callable[[], object],
) -> ProbeResult:
    """Run a probe; once more after an error that may pass."""
    try:
        return run_probe(scenario)
    except passing as error:
        if is_stopped():
            raise
        logger.warning("a probe of %d drivers could not be run and is tried again: %s", scenario.fleet.size, error)
    wait()
    return run_probe(scenario)


def probe_scenario(scenario: Scenario, drivers: int, shape: ProbeShape) -> Scenario:
    """Return the scenario with a fleet of some size.

    One with stages keeps them, scaled. One without gets a ramp and a hold, and drivers that never rest, so that the
    load is that of its size; its warm-up covers the ramp and the time to settle.
    """
    if scenario.stages:
        return scenario.with_drivers(drivers)
    ramp_s, settle_s, hold_s = (
        seconds * scenario.time_scale for seconds in (shape.ramp_s, shape.settle_s, shape.hold_s)
    )
    thresholds = scenario.with_drivers(drivers).thresholds  # those in positions a second are scaled
    return replace(
        scenario,
        thresholds=thresholds and thresholds.renamed(WHOLE_RUN, "hold"),
        stages=(
            Stage(Shape.RAMP, ramp_s, drivers=drivers, name="ramp"),
            Stage(Shape.HOLD, settle_s + hold_s, name="hold"),
        ),
        fleet=replace(scenario.fleet, size=0),
        deliveries=replace(scenario.deliveries, mode=DeliveryMode.CONTINUOUS, start_spread_s=0.0, pause_s=(0.0, 0.0)),
        warm_up_s=ramp_s + settle_s,
        duration_s=None,
    )


def greatest_fleet(scenario: Scenario, available_bytes: int) -> int:
    """Return the greatest fleet of a scenario that some memory suffices for, at least 1.

    It is a search's ceiling.
    """
    beside = needed_bytes(scenario) - scenario.fleet.size * BYTES_PER_DRIVER
    return min(max(1, (available_bytes - beside) // BYTES_PER_DRIVER), MAX_FLEET)
