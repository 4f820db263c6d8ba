"""What must hold between the keys of a scenario, beside each value's own bounds. The same for a file and for a scenario built in code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from engine.data import NETWORKS
from engine.declared.kinds import Fault
from engine.delivery.faults import broken_rules as broken_fault_rules
from engine.scenario.disturbances import broken_rules as broken_disturbance_rules
from engine.scenario.load import WHOLE_RUN, Arrivals, Shape
from engine.scenario.parts import MAX_FLEET, DeliveryMode
from engine.scenario.thresholds import PRODUCED_RATE, Thresholds, unknown_stages
from engine.scenario.viewers import broken_rules as broken_viewer_rules

if TYPE_CHECKING:
    from engine.scenario.scenario import Scenario


def broken_rules(scenario: Scenario) -> Iterator[Fault]:
    """Yield what does not go together in a scenario whose values are each within their bounds."""
    yield from _roads(scenario)
    yield from _stages(scenario)
    if scenario.arrivals:
        yield from _arrivals(scenario.arrivals)
    yield from broken_fault_rules(scenario.faults)
    yield from broken_disturbance_rules(
        scenario.disturbances, scenario.duration_s, has_viewers=scenario.viewers is not None
    )
    if scenario.viewers:
        yield from broken_viewer_rules(scenario.viewers)
    if scenario.thresholds:
        yield from _thresholds(scenario, scenario.thresholds)
    if scenario.sampling and not any(one.share for one in scenario.sampling):
        yield ("sampling",), "needs a share above 0"
    if scenario.duration_s is not None and scenario.warm_up_s >= scenario.duration_s:
        yield ("warm_up_s",), f"must be less than the run's {scenario.duration_s:g} s, found {scenario.warm_up_s:g}"


def _roads(scenario: Scenario) -> Iterator[Fault]:
    network, routes = scenario.network, scenario.routes
    if network and routes:
        yield ("routes",), "must not stand beside [network]: a scenario has one of them"
    if not network and not routes and not scenario.traces:
        yield (), "a scenario needs either [network] or [routes]"
    if network and (network.extract is None) == (network.file is None):
        yield ("network",), f'needs either extract = "{NETWORKS[0]}" or file = "..."'
    if network and network.min_length_m >= network.max_length_m:
        yield (
            ("network", "max_length_m"),
            f"must be greater than min_length_m = {network.min_length_m:g}, found {network.max_length_m:g}",
        )
    if routes and not routes.files and not routes.ancestor:
        yield ("routes",), 'needs files = ["..."] or ancestor = true'


def _stages(scenario: Scenario) -> Iterator[Fault]:
    if not scenario.stages:
        return
    for number, stage in enumerate(scenario.stages):
        place = ("stages", str(number))
        if stage.drivers is not None and stage.rate is not None:
            yield (*place, "rate"), "must not stand beside drivers: a stage has one target"
        elif not stage.has_target and (number == 0 or stage.shape in (Shape.RAMP, Shape.SPIKE)):
            yield place, f"of shape {stage.shape} needs a target: drivers = ... or rate = ..."
        if stage.name in [other.name for other in scenario.stages[:number]]:
            yield (*place, "name"), f"must be a name of its own, found {stage.name!r} twice"
    peak, lasts_s = scenario.curve.peak, sum(stage.duration_s for stage in scenario.stages)
    if peak > MAX_FLEET:
        yield ("stages",), f"must need at most {MAX_FLEET:,} drivers, found {peak:,}"
    elif scenario.fleet.size != peak:
        yield ("fleet", "size"), f"must be absent or {peak:,}, the peak of the stages, found {scenario.fleet.size:,}"
    if scenario.duration_s is not None and scenario.duration_s > lasts_s + 1e-3:
        yield (
            ("duration_s",),
            f"must be absent or at most {lasts_s:g}, the length of all stages, found {scenario.duration_s:g}",
        )
    # The stages say when a driver is on the road, and a driver at rest would not keep to the rate.
    deliveries = scenario.deliveries
    if deliveries.mode is not DeliveryMode.CONTINUOUS:
        yield (
            ("deliveries", "mode"),
            f'must be "continuous" or absent beside [[stages]], found {deliveries.mode.value!r}',
        )
    if deliveries.start_spread_s:
        yield (
            ("deliveries", "start_spread_s"),
            f"must be 0 or absent beside [[stages]], found {deliveries.start_spread_s:g}",
        )
    if deliveries.pause_s != (0.0, 0.0):
        yield ("deliveries", "pause_s"), f"must be [0, 0] or absent beside [[stages]], found {list(deliveries.pause_s)}"


def _arrivals(arrivals: Arrivals) -> Iterator[Fault]:
    if (arrivals.per_second is None) == (arrivals.per_hour is None):
        yield ("arrivals",), "needs either per_second or per_hour"
    is_histogram = arrivals.process == "histogram"
    if is_histogram and not arrivals.histogram:
        yield ("arrivals", "histogram"), "is missing: the relative intensities of equal parts of a day"
    if not is_histogram and arrivals.histogram:
        yield (
            ("arrivals", "histogram"),
            f'goes with process = "histogram" and only with it, found process = "{arrivals.process}"',
        )


def _thresholds(scenario: Scenario, thresholds: Thresholds) -> Iterator[Fault]:
    place = ("thresholds",)
    names = [stage.name for stage in scenario.stages] or [WHOLE_RUN]
    yield from (((*place, *inner), what) for inner, what in unknown_stages(thresholds, names))
    if PRODUCED_RATE in thresholds.names and not scenario.is_plan_exact:
        yield (
            place,
            f"must not have {PRODUCED_RATE} where drivers rest or end, or where [arrivals] or [traces] make positions beside the plan",
        )
    if scenario.viewers is None and (told := sorted(name for name in thresholds.names if name.startswith("viewed_"))):
        yield place, f"must not have {told[0]} without [viewers]: nobody would measure it"
