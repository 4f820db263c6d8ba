"""Weak scaling over worker processes: 1, 2 and 4 driver actors of equal size.

A perfect machine would show the same lateness and the same processor time a position in every row, and positions/s that
rise with the actors. This one has as many cores as `machine` says, shared with the broker: where there are more actors
than cores, rows show what sharing costs.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.simulation import DRIVER, Simulation, account_of, environment_of, fleet_scenario, services
from benchmarks.size import sized

DRIVERS_PER_ACTOR = sized(20_000, toy=50)
ACTORS: tuple[int, ...] = sized((1, 2, 4), toy=(2,))
RAMP_S, HOLD_S = sized((8, 20), toy=(1, 2))
LIMIT_S = 90.0


def run() -> list[dict[str, Any]]:
    """Return for each number of actors the rate, lateness, and processor time of a position."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="code-delivery-bench-") as folder, services("kafka") as found:
        for actors in ACTORS:
            scenario = fleet_scenario(
                actors * DRIVERS_PER_ACTOR, ramp_s=RAMP_S, hold_s=HOLD_S, per_actor=DRIVERS_PER_ACTOR
            )
            with Simulation(environment_of(found), scenario, Path(folder), f"weak{actors}") as simulation:
                simulation.watch(LIMIT_S)
            rows += _rows(actors, simulation, account_of(found.kafka.address, simulation.run_id).different)
    return rows


def _rows(actors: int, simulation: Simulation, sent: int) -> list[dict[str, Any]]:
    told, name, workers = (
        simulation.summary(),
        f"weak_scaling.{actors}",
        f"{actors} driver actor{'s' if actors > 1 else ''}",
    )
    planned = actors * DRIVERS_PER_ACTOR * (RAMP_S / 2 + HOLD_S)
    cpu_us = simulation.cpu_s(DRIVER) / max(sent, 1) * 1e6
    return [
        {
            "name": name,
            "value": sent / (RAMP_S / 2 + HOLD_S),
            "unit": f"positions/s, {workers} of {DRIVERS_PER_ACTOR:,} drivers",
        },
        {"name": f"{name}.share", "value": sent / planned, "unit": "of the planned positions"},
        {"name": f"{name}.lateness_p99", "value": told["latenessP99Ms"], "unit": "ms"},
        {"name": f"{name}.cpu", "value": cpu_us, "unit": "us of the actors' processor time a position, start included"},
        {
            "name": f"{name}.lost",
            "value": told["produced"] - told["acked"] + abs(told["produced"] - sent),
            "unit": "positions",
        },
    ]
