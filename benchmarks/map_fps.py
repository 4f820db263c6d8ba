"""Frames per second of the live map in headless Chromium without a GPU.

10,000 moving couriers beside the same page with 100.

The vehicles come from `benchmarks.fleet_server` (an engine fleet behind the real live socket), so that Kafka and Ray do
not share the cores with the browser.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from benchmarks.size import sized
from cli.local.port import free_port

ROOT = Path(__file__).resolve().parents[1]
DRIVERS = sized(10_000, toy=50)
SECONDS = sized(15, toy=2)


def _measure(drivers: int) -> dict[str, Any]:
    """Return what the page says of itself: fps, milliseconds to the first vehicles, vehicles shown."""
    port = free_port()
    command = [
        sys.executable,
        str(ROOT / "benchmarks" / "fleet_server.py"),
        "--port",
        str(port),
        "--drivers",
        str(drivers),
        "--ui",
        str(ROOT / "ui" / "dist"),
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for(url)
        done = subprocess.run(
            ["node", "e2e/fps.mjs", url, str(SECONDS)],
            cwd=ROOT / "ui",
            capture_output=True,
            text=True,
            check=True,
            timeout=180,
        )
        return dict(json.loads(done.stdout.strip().splitlines()[-1]))
    finally:
        server.terminate()
        server.wait(10)


def _wait_for(url: str, within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/config.json", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise RuntimeError(f"the fleet server at {url} did not answer within {within_s:g} s")


def run() -> list[dict[str, Any]]:
    """Return frames per second with 10,000 movers, and the time to the first vehicles."""
    found = _measure(DRIVERS)
    few = _measure(100)
    ratio = found["fps"] / few["fps"]
    return [
        {
            "name": "map_fps",
            "value": found["fps"],
            "unit": "frames/s",
            "rival": "the same page with 100 movers",
            "rival_value": few["fps"],
            "ratio": ratio,
        },
        {
            "name": "map_fps.first_vehicle_ms",
            "value": found["first_vehicle_ms"],
            "unit": "ms",
            "rival": "with 100 movers",
            "rival_value": few["first_vehicle_ms"],
        },
        {"name": "map_fps.vehicles", "value": found["vehicles"], "unit": "vehicles"},
    ]
