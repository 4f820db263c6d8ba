"""The largest fleet of the bars: 100,000 drivers at 1 Hz for 60 s, to a real broker.

The fleet is on the road within 20 s and stays for 60. Lateness counts every position of the run, those of the ramp
included, from when it was due until it was handed to Kafka. Nothing is believed: the topic is read from its beginning,
and every delivery's last event says how many positions there must be. Memory is that of the driver actors' processes,
against a run of the same scenario with 10,000 drivers: enough that every actor has the plan of nearly every road and
vehicle class in both runs, for plans are what roads take and not what drivers do.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.chain import latencies
from benchmarks.simulation import DISPATCHER, DRIVER, Simulation, account_of, environment_of, fleet_scenario, services
from benchmarks.size import sized
from engine.latency.histogram import Histogram

DRIVERS, FEW = sized((100_000, 10_000), toy=(100, 50))
RAMP_S, HOLD_S, SHORT_S = sized((20, 60, 5), toy=(1, 2, 1))
LIMIT_S = 180.0


def run() -> list[dict[str, Any]]:
    """Return lateness, what was lost, memory per driver and the rate."""
    with tempfile.TemporaryDirectory(prefix="code-delivery-bench-") as folder, services("kafka") as found:
        environment = environment_of(found)
        few = Simulation(environment, fleet_scenario(FEW, ramp_s=RAMP_S, hold_s=SHORT_S), Path(folder), "few")
        with few:
            few.watch(LIMIT_S)
        many = Simulation(environment, fleet_scenario(DRIVERS, ramp_s=RAMP_S, hold_s=HOLD_S), Path(folder), "many")
        with many:
            many.watch(LIMIT_S)
        told, account = many.summary(), account_of(found.kafka.address, "many")
        hold = latencies(found.kafka.address, "many", after_s=RAMP_S)
        print(f"  {told}, {account}", file=sys.stderr)
    planned = DRIVERS * (RAMP_S / 2 + HOLD_S)
    memory = {title: (many.resident(title) - few.resident(title)) / (DRIVERS - FEW) for title in (DRIVER, DISPATCHER)}
    lost = (
        max(told["produced"] - told["acked"], 0)
        + told["failed"]
        + abs(told["produced"] - account.different)
        + account.missing
    )
    return [
        {
            "name": "fleet_100k.lateness_p99",
            "value": told["latenessP99Ms"],
            "unit": "ms from due to handed to Kafka, ramp included",
        },
        {
            "name": "fleet_100k.lateness_p99_in_hold",
            "value": _p99_ms(hold, "produced"),
            "unit": "ms, of the 60 s at 100,000 alone",
        },
        {
            "name": "fleet_100k.acked_p99_in_hold",
            "value": _p99_ms(hold, "acked"),
            "unit": "ms from due to acknowledged by Kafka, of the 60 s at 100,000 alone",
        },
        {"name": "fleet_100k.lateness_p50", "value": told["latenessP50Ms"], "unit": "ms"},
        {"name": "fleet_100k.lateness_max", "value": told["latenessMaxMs"], "unit": "ms"},
        {
            "name": "fleet_100k.lost",
            "value": lost,
            "unit": "positions; produced, acknowledged and found on the topic differ by this number",
        },
        {"name": "fleet_100k.produced", "value": told["produced"], "unit": f"positions of {planned:,.0f} planned"},
        {"name": "fleet_100k.memory_per_driver", "value": memory[DRIVER], "unit": "bytes of the driver actors"},
        {
            "name": "fleet_100k.memory_per_driver.dispatcher",
            "value": memory[DISPATCHER],
            "unit": "bytes of the dispatcher",
        },
        {
            "name": "fleet_100k.positions_per_s",
            "value": told["produced"] / (RAMP_S / 2 + HOLD_S),
            "unit": "positions/s while the whole fleet is on the road",
        },
        {
            "name": "fleet_100k.cpu",
            "value": many.cpu_s(DRIVER) / told["produced"] * 1e6,
            "unit": "us of the actors' processor time a position, start included",
        },
    ]


def _p99_ms(found: dict[str, Histogram], segment: str) -> float | None:
    micros = found[segment].percentile_us(99) if segment in found else None
    return None if micros is None else micros / 1000
