"""The number of positions that a scenario's plan has due between two instants of a run.

Pure. Changes of the fleet during the run are included.

The plan is the fleet's: how long the deliveries are that arrive by themselves, and how long traces, is in no plan. It
counts what is produced: what an injected fault leaves out is not due, and what it sends twice is due twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from engine.delivery.faults import RECORD_FAULTS, Fault, FaultKind
from engine.demand.stage_table import stages_of
from engine.judging.plan import fleet_curve
from engine.judging.run_time import StageSpan
from engine.scenario.scenario import MAX_DURATION_S, Scenario

NEVER_SENT = frozenset({FaultKind.LOST, FaultKind.TUNNEL})


class DuePositions:
    """What is due of a run.

    Parameters
    ----------
    start_ms : the run's beginning, virtual epoch ms.
    changes : from when (virtual epoch ms, ascending) the fleet has how many drivers, instead of what the scenario says.
    """

    def __init__(self, scenario: Scenario, start_ms: float, changes: Sequence[tuple[float, int]] = ()) -> None:
        duration_s = MAX_DURATION_S if scenario.duration_s is None else scenario.duration_s
        self._curve = fleet_curve(scenario, duration_s)
        self._start_ms, self._end_ms = start_ms, start_ms + duration_s * 1000.0
        self._changes = changes
        plan = scenario.fault_plan
        self._hz = scenario.sampling_mix.mean_hz * records_per_sample(plan.faults if plan else ())

    def between(self, from_ms: float, to_ms: float) -> float:
        """Return how many positions are due in ``[from_ms, to_ms)``, virtual epoch ms."""
        to_ms = min(to_ms, self._end_ms)
        edges = [at_ms for at_ms, _ in self._changes] + [math.inf]
        planned_to_ms = min(to_ms, edges[0])
        driver_s = (
            self._curve.driver_seconds(round(from_ms - self._start_ms), round(planned_to_ms - self._start_ms))
            if from_ms < planned_to_ms
            else 0.0
        )
        for (at_ms, drivers), until_ms in zip(self._changes, edges[1:], strict=True):
            driver_s += drivers * max(0.0, min(to_ms, until_ms) - max(from_ms, at_ms)) / 1000.0
        return driver_s * self._hz


def records_per_sample(faults: Sequence[Fault]) -> float:
    """Return how many records a sample makes on average.

    Of some faults only one hits a sample, the first in the order of `RECORD_FAULTS`.
    """
    free, records = 1.0, 1.0
    for fault in sorted(
        (one for one in faults if one.kind in RECORD_FAULTS), key=lambda one: RECORD_FAULTS.index(one.kind)
    ):
        hit = free * fault.rate
        free -= hit
        records += hit if fault.kind is FaultKind.DUPLICATED else -hit if fault.kind in NEVER_SENT else 0.0
    return records


def fleet_changes(
    scenario: Scenario, stages: Sequence[StageSpan], reported: Sequence[tuple[float, int]]
) -> list[tuple[float, int]]:
    """Return the changes of a run's fleet that its table of stages shows.

    Each change begins a stage that the scenario does not have.

    Parameters
    ----------
    reported : the fleet's size as the run reported it, at least once: (virtual epoch ms, drivers), in order.

    Returns
    -------
    [(virtual epoch ms, drivers)], ascending. The size in a stage is the last one reported in it; in a stage without a
    report yet, the newest.
    """
    if not stages:
        return []
    end_ms = None if stages[-1].to_ms == math.inf else round(stages[-1].to_ms)
    own = {(name, from_ms) for name, from_ms, _ in stages_of(scenario, round(stages[0].from_ms), end_ms)}
    first = next((number for number, stage in enumerate(stages) if (stage.name, stage.from_ms) not in own), len(stages))
    found = []
    for stage in stages[first:]:
        within = [drivers for at_ms, drivers in reported if stage.from_ms <= at_ms < stage.to_ms]
        found.append((stage.from_ms, within[-1] if within else reported[-1][1]))
    return found
