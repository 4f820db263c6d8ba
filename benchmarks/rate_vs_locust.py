"""Positions made by one core, beside Locust and asyncio.

Ours interpolates and encodes; a Locust user per driver and an asyncio task per driver send stored points.

Every driver of every side sends one position a second by its own schedule, and every side hands its records to the same
sink, which counts them. Each is one process; what counts is records a second of its processor time, so that no side
gains from a second core, nor from how large its fleet is. The last row is the asyncio tasks without a schedule: they
wait for nothing, and are no generator any more, but bound what one could be.

Locust comes from the package index into an environment that lives as long as the benchmark, and is not ours.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.produce_fleet import START_MS, STEP_MS, Fleet
from benchmarks.rivals.counting import CountingSink, Measurement, Told
from benchmarks.size import is_toy, sized

ROUNDS, SECONDS = sized((3, 4.0), toy=(1, 0.2))
DRIVERS = {"asyncio": sized(20_000, toy=50), "asyncio_free": sized(1_000, toy=50), "locust": sized(5_000, toy=50)}
"""As many as one core serves on time, so that its processor time is spent on positions."""

TICK_MS = 50
"""As a driver actor ticks."""

TITLES = {
    "locust": "Locust {}, a user per driver",
    "asyncio": "an asyncio task per driver",
    "asyncio_free": "asyncio tasks without a schedule",
}


def run() -> list[dict[str, Any]]:
    """Return positions a second of one core: ours, and both rivals'."""
    has_locust = not is_toy()  # a toy fetches nothing
    with tempfile.TemporaryDirectory(prefix="code-delivery-bench-") as folder:
        python, version = _locust(Path(folder)) if has_locust else (sys.executable, "")
        asyncio_side = [sys.executable, "-m", "benchmarks.rivals.asyncio_generator"]
        sides = {
            "ours": [sys.executable, "-m", "benchmarks.rate_vs_locust", str(SECONDS)],
            "locust": [python, "-m", "benchmarks.rivals.locust_generator", str(DRIVERS["locust"]), str(SECONDS)],
            "asyncio": [*asyncio_side, str(DRIVERS["asyncio"]), str(SECONDS)],
            "asyncio_free": [*asyncio_side, str(DRIVERS["asyncio_free"]), str(SECONDS), "free"],
        }
        if not has_locust:
            print("  without Locust: a toy fetches nothing", file=sys.stderr)
            del sides["locust"]
        rounds: dict[str, list[Told]] = {name: [] for name in sides}
        for _ in range(ROUNDS):
            for name, command in sides.items():
                rounds[name].append(_told(command))
    found = {
        name: _Side(statistics.median(one.records / one.cpu_seconds for one in told), told[0].mean_bytes)
        for name, told in rounds.items()
    }
    suffixes = {"locust": "", "asyncio": ".asyncio", "asyncio_free": ".asyncio_without_schedule"}
    return [
        _row(f"rate_vs_locust{suffix}", found["ours"], found[name], TITLES[name].format(version))
        for name, suffix in suffixes.items()
        if name in found
    ]


@dataclass(frozen=True)
class _Side:
    rate: float
    mean_bytes: float


def _row(name: str, ours: _Side, other: _Side, title: str) -> dict[str, Any]:
    rival = f"{title}, stored points, records of {other.mean_bytes:.0f} bytes (ours: {ours.mean_bytes:.0f})"
    return {
        "name": name,
        "value": ours.rate,
        "unit": "positions/s of one core, interpolated and encoded",
        "rival": rival,
        "rival_value": other.rate,
        "ratio": ours.rate / other.rate,
    }


def _locust(folder: Path) -> tuple[str, str]:
    """Make an environment with Locust; return its Python and Locust's version."""
    venv.create(folder / "locust", with_pip=True)
    python = str(folder / "locust" / "bin" / "python")
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "locust", "orjson"], check=True, stdout=subprocess.DEVNULL
    )
    asked = "import importlib.metadata; print(importlib.metadata.version('locust'))"
    return python, subprocess.run([python, "-c", asked], check=True, capture_output=True, text=True).stdout.strip()


def _told(command: list[str]) -> Told:
    here = Path(__file__).resolve().parents[1]
    found = subprocess.run(
        command, cwd=here, env={**os.environ, "PYTHONPATH": str(here)}, capture_output=True, text=True, check=False
    )
    lines = [line for line in found.stdout.splitlines() if line.startswith("{")]
    if not lines:
        raise RuntimeError(f"{' '.join(command)} told nothing: {found.stderr[-2000:]}")
    return Told(**json.loads(lines[-1]))


def _ours(seconds: float) -> str:
    """Do what a driver actor does between its clock and its producer, tick by tick, without waiting."""
    sink, fleet = CountingSink(), Fleet()
    measurement = Measurement(sink)
    until_ms = START_MS + 2 * STEP_MS
    fleet.make(sink, until_ms)  # the first seconds, in which everybody starts
    measurement.begin()
    while json.loads(measurement.told())["seconds"] < seconds:
        until_ms += TICK_MS
        fleet.make(sink, until_ms)
    return measurement.told()


if __name__ == "__main__":
    print(_ours(float(sys.argv[1])))
