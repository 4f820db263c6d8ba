"""The whole chain under 20,000 positions a second, all on this machine.

It is simulation, Kafka, API, Elasticsearch, the stand-in for MongoDB and one viewer.

Latencies are counted from when a position was due. Indexed is when Elasticsearch has confirmed it, as the API tells on
`run.metrics`. The viewer sees everybody; a position is there when its socket has the frame. Before the measured run a
shorter one warms up what compiles itself while it runs, and the seconds in which a fleet comes on the road are left
out. Where 20,000 a second do not hold (2 s until indexed, 300 ms until viewed, a clean ledger), fewer are tried, until
some do. Rows say how many cores each part used, and so what was the bound. The stand-in for MongoDB keeps what it
stores in memory.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.chain import Api, chain, latencies
from benchmarks.simulation import Simulation, account_of, cores, environment_of, fleet_scenario, sample_of
from benchmarks.size import sized
from cli.local.services import Services

DRIVERS = sized(20_000, toy=50)
FEWER: tuple[int, ...] = sized((15_000, 12_000, 10_000), toy=())
INDEXED_P99_MS, VIEWER_P99_MS = 2_000, 300
WARM_UP_S, RAMP_S, SETTLE_IN_S, HOLD_S = sized((40, 15, 10, 60), toy=(1, 1, 1, 3))
"""Seconds of the run that warms up, and of the measured one.

The measured one has those until the fleet is on the road, those left out after that, and those of its stay.
"""

SETTLE_S = 90.0
LIMIT_S = 150.0


@dataclass(frozen=True, slots=True)
class _Found:
    """What one run has shown: percentiles in ms from due by segment, those at the viewer, cores by part."""

    drivers: int
    p50_ms: dict[str, float]
    p99_ms: dict[str, float]
    viewer: dict[str, float]
    cores: dict[str, float]
    produced: int
    stored: int
    is_clean: bool

    @property
    def holds(self) -> bool:
        """Whether the bars hold; what was not measured does not."""
        return (
            self.is_clean
            and self.p99_ms.get("indexed", float("inf")) < INDEXED_P99_MS
            and self.viewer["age_p99_ms"] < VIEWER_P99_MS
        )


def run() -> list[dict[str, Any]]:
    """Return latencies until indexed and viewed, and whether the ledger is clean.

    It also returns the greatest fleet tried at which all of it holds.
    """
    with chain(mongodb_in_memory=True) as (found, api, folder):
        with Simulation(environment_of(found), _scenario(DRIVERS, WARM_UP_S), folder, "warm-up") as simulation:
            simulation.watch(LIMIT_S)
        api.settled_ledger("warm-up", SETTLE_S)
        runs = [_measured(found, api, folder, DRIVERS)]
        for drivers in FEWER:
            if runs[-1].holds:
                break
            runs.append(_measured(found, api, folder, drivers))
    first, last = runs[0], runs[-1]
    rows = [
        {
            "name": "chain_20k",
            "value": first.p99_ms.get("indexed"),
            "unit": "ms from due to indexed p99, whole fleet on the road",
        },
        *_rows("chain_20k", first),
    ]
    rows.append(
        {
            "name": "chain_20k.holds",
            "value": last.drivers if last.holds else 0,
            "unit": "positions/s at which the bars hold, of those tried",
        }
    )
    for one in runs[1:]:
        rows += _rows(f"chain_{one.drivers // 1000}k", one)
    return rows


def _measured(found: Services, api: Api, folder: Path, drivers: int) -> _Found:
    run_id = f"chain-{drivers}"
    with Simulation(environment_of(found), _scenario(drivers, HOLD_S), folder, run_id) as simulation:
        simulation.watch(LIMIT_S, done=lambda: api.active(run_id) >= drivers)
        viewer = _viewer(api.live_url)
        before = sample_of([*simulation.pids(), *api.pids()])
        simulation.watch(LIMIT_S, done=lambda: viewer.poll() is not None)
        used = cores(before, sample_of([*simulation.pids(), *api.pids()]))
        seen = dict(json.loads(viewer.communicate()[0]))
        simulation.watch(LIMIT_S)
        told = simulation.summary()
    ledger = api.settled_ledger(run_id, SETTLE_S)
    if ledger is None:
        raise RuntimeError(f"the API has not heard of {run_id}")
    hold = latencies(found.kafka.address, run_id, after_s=RAMP_S + SETTLE_IN_S)
    account = account_of(found.kafka.address, run_id)
    print(f"  {told} {account} {seen}; stored {ledger.stored:,}, missing {ledger.missing:,}", file=sys.stderr)
    p50_ms, p99_ms = (
        {segment: us / 1000 for segment, one in hold.items() if (us := one.percentile_us(p)) is not None}
        for p in (50, 99)
    )
    return _Found(
        drivers, p50_ms, p99_ms, seen, used, told["produced"], ledger.stored, ledger.is_clean and account.missing == 0
    )


def _rows(name: str, found: _Found) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = [
        {
            "name": f"{name}.viewer_p99",
            "value": found.viewer["age_p99_ms"],
            "unit": "ms from due to the viewer's socket",
        },
        {"name": f"{name}.viewer_p50", "value": found.viewer["age_p50_ms"], "unit": "ms"},
        {"name": f"{name}.indexed_p50", "value": found.p50_ms.get("indexed"), "unit": "ms from due"},
    ]
    rows += [
        {"name": f"{name}.{segment}_p99", "value": p99_ms, "unit": "ms from due"}
        for segment, p99_ms in found.p99_ms.items()
    ]
    rows += [
        {"name": f"{name}.cores.{part}", "value": share, "unit": "cores"}
        for part, share in found.cores.items()
        if share >= 0.01
    ]
    rows.append(
        {
            "name": f"{name}.positions_per_s",
            "value": found.produced / (RAMP_S / 2 + SETTLE_IN_S + HOLD_S),
            "unit": "positions/s",
        }
    )
    rows.append({"name": f"{name}.ledger_clean", "value": int(found.is_clean), "unit": "1 = clean"})
    return [*rows, {"name": f"{name}.stored", "value": found.stored, "unit": f"positions of {found.produced:,}"}]


def _scenario(drivers: int, hold_s: float) -> str:
    """Return a fleet in one actor.

    Two actors would send twice as many batches, half as large, and there is little left of two cores.
    """
    return fleet_scenario(drivers, ramp_s=RAMP_S, hold_s=SETTLE_IN_S + hold_s, per_actor=drivers)


def _viewer(url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "benchmarks/viewer.py", url, "--seconds", str(HOLD_S - 15)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
    )
