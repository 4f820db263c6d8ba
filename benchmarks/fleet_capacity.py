"""The greatest fleet that holds, found by ``loadtest --find-capacity``.

Measured from the shipped simulation to a real broker's acknowledgements.

A fleet holds if, while it is on the road whole, its positions are handed to Kafka within 200 ms of when they are due
(p99), none fails, and all are acknowledged. Every probe is a run of its own on the same broker. API and stores are not
there: they would be the bound.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.chain import latencies
from benchmarks.simulation import Simulation, environment_of, fleet_scenario, services
from benchmarks.size import sized
from cli.load.capacity import Capacity, Outcome, ProbeResult, Search, find_capacity
from cli.local.services import Services
from engine.scenario.scenario import Scenario

START, PRECISION, MOST_PROBES = sized((100_000, 0.15, 8), toy=(50, 0.5, 1))
RAMP_S, SETTLE_S, HOLD_S = sized((20, 10, 20), toy=(1, 1, 1))
"""Of each probe: until the fleet is on the road, what is not judged after that, and what is."""

LATENESS_P99_MS = 200.0
COOL_DOWN_S = sized(3.0, toy=0.0)
LIMIT_S = 240.0


def run() -> list[dict[str, Any]]:
    """Return the greatest fleet that held, and each probe."""
    with tempfile.TemporaryDirectory(prefix="code-delivery-bench-") as folder, services("kafka") as found:
        capacity = _search(found, Path(folder))
    failed = f"{capacity.lowest_failed:,} did not" if capacity.lowest_failed is not None else "none failed"
    sureness = "confirmed" if capacity.is_confirmed else "not confirmed"
    rows = [{"name": "fleet_capacity", "value": capacity.highest, "unit": f"drivers at 1 Hz, {sureness}; {failed}"}]
    for number, probe in enumerate(capacity.probes, 1):
        figures = ", ".join(f"{name} {value:,.0f}" for name, value in probe.figures.items())
        rows.append(
            {
                "name": f"fleet_capacity.probe_{number}",
                "value": probe.drivers,
                "unit": f"drivers: {probe.outcome.value}; {figures}",
            }
        )
    return rows


def _search(found: Services, folder: Path) -> Capacity:
    scenario = Scenario.from_toml(fleet_scenario(START, ramp_s=RAMP_S, hold_s=SETTLE_S + HOLD_S), "fleet_capacity")
    numbers = iter(range(1, MOST_PROBES + 1))

    def run_probe(scenario: Scenario) -> ProbeResult:
        run_id = f"probe-{next(numbers)}"
        with Simulation(environment_of(found), scenario.to_toml(), folder, run_id) as simulation:
            simulation.watch(LIMIT_S)
            told = simulation.summary()
        hold = latencies(found.kafka.address, run_id, after_s=RAMP_S + SETTLE_S)
        lateness_ms = (hold["produced"].percentile_us(99) or 0) / 1000
        lost = told["produced"] - told["acked"] + told["failed"]
        print(f"  {told}, lateness p99 in the hold {lateness_ms:.0f} ms", file=sys.stderr)
        outcome = Outcome.PASSED if lateness_ms < LATENESS_P99_MS and lost == 0 else Outcome.FAILED
        return ProbeResult(outcome, figures={"lateness_p99_ms": lateness_ms, "lost": lost})

    search = Search(START, precision=PRECISION, most_probes=MOST_PROBES)
    return find_capacity(scenario, run_probe, search, cool_down_s=COOL_DOWN_S, sleep=time.sleep)
