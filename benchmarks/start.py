"""From ``code-delivery up`` to the first vehicle that moves, on a set-up machine.

Ray alone is measured beside it, because it bounds the start.
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import tempfile
import time
from typing import Any

import httpx

from cli.local.port import free_port

RAY_ALONE = (
    "import ray; ray.init(include_dashboard=False, logging_level='error', log_to_driver=False, num_cpus=2); "
    "ray.shutdown()"
)


async def _first_vehicle_moves(url: str) -> None:
    """Return when one delivery has driven some metres, as the API tells it."""
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        while True:
            try:
                found = (
                    await client.get("/deliveries", params={"limit": 1, "state": "moving", "sort": "-distanceM"})
                ).json()
                if any((delivery["distanceM"] or 0) > 1 for delivery in found["items"]):
                    return
            except (httpx.TransportError, KeyError, json.JSONDecodeError):
                pass
            await asyncio.sleep(0.2)  # asking costs the API what the start could use


def run() -> list[dict[str, Any]]:
    """Return seconds from the command to the first moving vehicle; 300 couriers, stores on."""
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        began = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", "up", "--port", str(port), "--data-dir", folder],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            asyncio.run(asyncio.wait_for(_first_vehicle_moves(f"http://127.0.0.1:{port}"), 90))
            moving_s = time.monotonic() - began
        finally:
            ending = time.monotonic()
            process.send_signal(signal.SIGINT)
            process.wait(30)
            ended_s = time.monotonic() - ending
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", RAY_ALONE], check=True, capture_output=True)
    ray_s = time.monotonic() - began
    return [
        {
            "name": "start",
            "value": moving_s,
            "unit": "s",
            "rival": "ray.init and ray.shutdown alone",
            "rival_value": ray_s,
            "ratio": ray_s / moving_s,
        },
        {"name": "start.end_s", "value": ended_s, "unit": "s"},
    ]
