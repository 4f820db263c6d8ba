"""Whether memory stays flat: the whole chain at half of what it holds, for some minutes.

Every process is weighed every two seconds.

    python -m benchmarks --only soak --minutes 20

Routes are short, so that deliveries end and begin all the time, and what is kept of a delivery that has ended would
show. The first quarter is the warm-up. After it growth is from the median of the first fifth to that of the last.
Weighed is what a process has for itself: not the files that the system has mapped for it, as Elasticsearch's indices.
The stand-in for MongoDB keeps what it stores in a file, for in memory it would have to grow; with that, and with
deliveries that begin and end, 6,000 positions a second take all of two cores, and the state falls behind.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.chain import chain
from benchmarks.simulation import Sample, Simulation, environment_of, name_of, sample_of
from benchmarks.size import sized

DRIVERS = sized(3_000, toy=50)
MINUTES = sized(20.0, toy=0.05)
WARM_UP = 0.25
EDGE = 0.2
"""Shares of the time: the warm-up of the whole, and each edge of what comes after it."""

SAMPLE_S = sized(2.0, toy=0.1)
START_S = 120.0
SETTLE_S = 60.0

SCENARIO = """\
name = "soak"
seed = 8
[network]
extract = "liechtenstein"
routes = 400
min_length_m = 300.0
max_length_m = 2000.0
[fleet.mix]
car = 0.6
van = 0.4
[[stages]]
shape = "ramp"
duration_s = 10.0
drivers = {drivers}
[[stages]]
shape = "soak"
duration_s = {seconds}
"""


def run(minutes: float = MINUTES) -> list[dict[str, Any]]:
    """Return the greatest growth, then each process's, in percent after the warm-up."""
    seconds = minutes * 60
    with chain(mongodb_in_memory=False) as (found, api, folder):
        scenario = SCENARIO.format(drivers=DRIVERS, seconds=seconds + 30)
        with Simulation(environment_of(found), scenario, folder, "soak") as simulation:
            simulation.watch(START_S, done=lambda: api.active("soak") >= DRIVERS)
            samples = _weigh([*simulation.pids(), *api.pids()], seconds)
            told = simulation.stop()
        ledger = api.settled_ledger("soak", SETTLE_S)
    print(f"  {told} {ledger}", file=sys.stderr)
    lasting = _of_processes(samples)
    rows = [_growth(name, sizes) for name, sizes in sorted(lasting.items())]
    rows = sorted(rows, key=lambda row: -row["value"])
    worst = {
        "name": "soak",
        "value": rows[0]["value"],
        "unit": f"% growth after warm-up in the process that grew most, {rows[0]['name']}",
    }
    return [
        worst,
        {"name": "soak.minutes", "value": minutes, "unit": "minutes"},
        *rows,
        {
            "name": "soak.deliveries",
            "value": told["deliveries"],
            "unit": f"deliveries, {DRIVERS:,} of them on the road at any time",
        },
        {"name": "soak.positions_per_s", "value": told["produced"] / seconds, "unit": "positions/s"},
        {"name": "soak.ledger_clean", "value": int(ledger is not None and ledger.is_clean), "unit": "1 = clean"},
    ]


def _weigh(roots: Sequence[int], seconds: float) -> list[Sample]:
    samples, deadline = [], time.monotonic() + seconds
    while time.monotonic() < deadline:
        samples.append(sample_of(roots))
        time.sleep(SAMPLE_S)
    return samples


def _of_processes(samples: Sequence[Sample]) -> dict[str, list[int]]:
    """Return the private bytes of each process that was there from the warm-up to the end."""
    warm = samples[round(WARM_UP * len(samples)) :]
    lasting = set.intersection(*(set(one.processes) for one in warm))
    found: dict[str, list[int]] = {}
    for pid in sorted(lasting):
        name, number = name_of(warm[-1].processes[pid].title), 1
        while f"{name}_{number}" in found:
            number += 1
        found[f"{name}_{number}"] = [one.processes[pid].private_bytes for one in warm]
    return found


def _growth(name: str, sizes: Sequence[int]) -> dict[str, Any]:
    edge = max(1, round(EDGE * len(sizes)))
    first, last = statistics.median(sizes[:edge]), statistics.median(sizes[-edge:])
    return {
        "name": f"soak.{name}",
        "value": (last / first - 1) * 100 if first else 0.0,
        "unit": f"% growth after warm-up, to {last / 2**20:,.1f} MiB",
    }
