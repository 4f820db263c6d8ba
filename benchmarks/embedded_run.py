"""The whole chain on this machine: 10,000 drivers at 1 Hz for 60 s.

Embedded broker, both stores and the live map are on; one viewer sees every driver.

The figure is the 99th percentile of lateness, from the instant at which a position was due until it was handed to
Kafka, over the whole run. The rival is one asyncio task per driver on the same broker, alone on the machine: without
stores, map or viewer.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from benchmarks.size import is_toy, sized
from benchmarks.viewer import Report, watch
from cli.local.broker import EmbeddedBroker
from cli.local.port import free_port

DRIVERS = sized(10_000, toy=50)
RIVAL_SECONDS = sized(20, toy=1)
WATCH_S = sized(45, toy=2)
"""The viewer comes once the fleet is on the road, and goes before the run ends."""


TOY = f"""\
duration_s = 6
[network]
extract = "liechtenstein"
routes = 20
[fleet]
size = {DRIVERS}
"""
"""A scenario in load-10k's place."""


def _wait_for_fleet(url: str, process: subprocess.Popen[str], within_s: float = 120.0) -> None:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the run ended with exit code {process.returncode}: {process.communicate()[1]}")
        try:
            runs = httpx.get(f"{url}/runs", trust_env=False).json()
            if runs and runs[0]["active"] >= 0.9 * DRIVERS:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise RuntimeError(f"{DRIVERS} drivers were not on the road within {within_s:g} s")


def _chain() -> tuple[dict[str, Any], Report]:
    """Run the shipped scenario load-10k; return the run's summary and what the viewer saw."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        scenario = sized("load-10k", toy=str(Path(folder, "toy.toml")))
        if is_toy():
            Path(scenario).write_text(TOY)
        command = [sys.executable, "-m", "cli", "run", scenario, "--json", "--port", str(port), "--data-dir", folder]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            _wait_for_fleet(f"http://127.0.0.1:{port}", process)
            seen = asyncio.run(watch(f"ws://127.0.0.1:{port}/ws/live", WATCH_S))
            out, err = process.communicate(timeout=120)
        finally:
            process.terminate()
            process.wait(30)
    if not out:
        raise RuntimeError(err)
    return json.loads(out), seen


def _rival() -> dict[str, Any]:
    with EmbeddedBroker() as broker:
        command = [
            sys.executable,
            "-m",
            "benchmarks.rivals.asyncio_drivers",
            broker.bootstrap,
            str(DRIVERS),
            str(RIVAL_SECONDS),
        ]
        return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def run() -> list[dict[str, Any]]:
    """Return lateness p99, the age at the viewer, and the ledger of the run."""
    rival = _rival()
    told, seen = _chain()
    lateness, late_rival = told["latenessP99Ms"], rival["lateness_p99_ms"]
    rows: list[dict[str, Any]] = [
        {
            "name": "embedded_run",
            "value": lateness,
            "unit": "ms lateness p99",
            "rival": "one asyncio task per driver, produce() per position, nothing else running",
            "rival_value": late_rival,
            "ratio": late_rival / lateness,
        },
        {"name": "embedded_run.browser_p99_ms", "value": seen.age_ms(99), "unit": "ms from due to the viewer's socket"},
        {
            "name": "embedded_run.browser_p99_after_5_s_ms",
            "value": seen.age_ms(99, after_s=5),
            "unit": "ms, without the burst of 10,000 starts",
        },
        {"name": "embedded_run.browser_p50_ms", "value": seen.age_ms(50), "unit": "ms from due to the viewer's socket"},
        {"name": "embedded_run.viewer_positions", "value": seen.positions, "unit": "positions seen by the viewer"},
        {"name": "embedded_run.lateness_max_ms", "value": told["latenessMaxMs"], "unit": "ms"},
    ]
    rows += [
        {"name": f"embedded_run.{name}", "value": told[name], "unit": "positions"}
        for name in ("produced", "acked", "stored", "missing", "duplicated")
    ]
    return [*rows, {"name": "embedded_run.ledger_clean", "value": int(told["clean"]), "unit": "1 = clean"}]
