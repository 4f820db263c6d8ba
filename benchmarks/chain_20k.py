"""The whole chain under 20,000 positions a second, all on this machine: simulation, Kafka, API, Elasticsearch and the stand-in for MongoDB, one viewer.

Latencies are counted from when a position was due. Indexed is when Elasticsearch has confirmed it, as the API tells on `run.metrics`. The viewer sees
everybody; a position is there when its socket has the frame. The first seconds, in which the fleet comes on the road, are left out.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.chain import chain, latencies
from benchmarks.simulation import Simulation, account_of, environment_of, fleet_scenario

DRIVERS = 20_000
RAMP_S, HOLD_S = 10, 60
WATCH_S = 45
SETTLE_S = 45.0
LIMIT_S = 150.0


def run() -> list[dict[str, Any]]:
    """Return latencies until indexed and until viewed, and whether the ledger is clean."""
    with chain() as (found, api, folder):
        with Simulation(environment_of(found), fleet_scenario(DRIVERS, ramp_s=RAMP_S, hold_s=HOLD_S), folder, "chain") as simulation:
            simulation.watch(LIMIT_S, done=lambda: api.active("chain") >= DRIVERS)
            viewer = _viewer(api.live_url)
            simulation.watch(LIMIT_S)
            seen = dict(json.loads(viewer.communicate(timeout=WATCH_S + 30)[0]))
            told = simulation.summary()
        ledger = api.settled_ledger("chain", SETTLE_S)
        hold = latencies(found.kafka.address, "chain", after_s=RAMP_S)
        account = account_of(found.kafka.address, "chain")
    print(f"  {told} {account} {ledger} {seen}", file=sys.stderr)
    if ledger is None:
        raise RuntimeError("the API has not heard of the run")
    rows = [_row("chain_20k", hold, "indexed", 99, "ms from due to indexed p99, whole fleet on the road")]
    rows.append({"name": "chain_20k.viewer_p99", "value": seen["age_p99_ms"], "unit": "ms from due to the viewer's socket, whole fleet on the road"})
    rows.append({"name": "chain_20k.viewer_p50", "value": seen["age_p50_ms"], "unit": "ms"})
    rows += [_row(f"chain_20k.{segment}_p99", hold, segment, 99, "ms from due, whole fleet on the road") for segment in hold if segment != "indexed"]
    rows.append(_row("chain_20k.indexed_p50", hold, "indexed", 50, "ms from due, whole fleet on the road"))
    rows.append(
        {"name": "chain_20k.positions_per_s", "value": told["produced"] / (RAMP_S / 2 + HOLD_S), "unit": "positions/s while the whole fleet is on the road"}
    )
    rows.append({"name": "chain_20k.ledger_clean", "value": int(ledger.is_clean and account.missing == 0), "unit": "1 = clean"})
    return [*rows, {"name": "chain_20k.stored", "value": ledger.stored, "unit": f"positions of {told['produced']:,}"}]


def _row(name: str, found: dict[str, Any], segment: str, percentile: float, unit: str) -> dict[str, Any]:
    micros = found[segment].percentile_us(percentile) if segment in found else None
    return {"name": name, "value": None if micros is None else micros / 1000, "unit": unit}


def _viewer(url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "benchmarks/viewer.py", url, "--seconds", str(WATCH_S)], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]
    )
