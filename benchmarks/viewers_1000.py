"""A thousand map viewers on one API process, 10,000 movers at 1 Hz.

How old is a position when a viewer sees it, and does a stalled tenth change that?

The movers are an engine fleet whose records go through the live hub and the real sockets (`benchmarks.fleet_server`),
without Kafka; they drive on roads that cover 42 x 67 km. A viewer is one of ``cli.load.viewers``: a street-level view
of 1280 x 720 pixels at zoom 14 to 17 (4.2 to 0.5 km wide), subscribed to as the page does, with a margin of one cell of
6.7 km, so 3 x 3 to 4 x 4 cells with some 1,300 movers, at the page's 8 frames a second; it pans every 5 s. Three rounds
without and three with a stalled tenth take turns; the fast viewers count, from when all have come and the tenth has
stopped reading. The server and the viewers share the machine, so the viewers' own lateness is reported beside.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

import httpx
import psutil

from benchmarks.map_fps import ROOT, _wait_for
from benchmarks.size import sized
from cli.load.viewers.options import Options
from cli.load.viewers.plan import READ_S, Manner
from cli.load.viewers.tally import Totals
from cli.local.port import free_port

VIEWERS, DRIVERS = sized((1000, 10_000), toy=(10, 100))
COME_PER_S = 250.0
SECONDS = sized(10.0, toy=3.0)
ROUNDS = sized(3, toy=1)
STALLED = 0.1
ROUND_TIMEOUT_S = 120.0
BYTES_PER_VEHICLE = 12


@dataclass(frozen=True)
class Round:
    """One round's figures: what the viewers saw, and the cores that the server took meanwhile."""

    totals: Totals
    server_cores: float

    @property
    def age_p99_ms(self) -> float:
        """Of the positions that fast viewers saw."""
        return (self.totals.groups[Manner.FAST].ages.percentile_us(99) or 0) / 1000


def _round(url: str, server: psutil.Process, stalled: float, seed: int) -> Round:
    come_s = VIEWERS / COME_PER_S + READ_S[1] + 1
    options = Options(
        url=url,
        viewers=VIEWERS,
        stalled=stalled,
        come_per_s=COME_PER_S,
        seed=seed,
        duration=come_s + SECONDS,
        from_s=come_s,
    )
    command = [sys.executable, "-m", "cli.load.viewers", *options.to_arguments()]
    began, cpu = time.monotonic(), sum(server.cpu_times()[:2])
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=ROUND_TIMEOUT_S, check=False)
    if done.returncode:
        raise RuntimeError(f"the viewers ended with exit code {done.returncode}: {done.stderr[-500:]}")
    cores = (sum(server.cpu_times()[:2]) - cpu) / (time.monotonic() - began)
    return Round(Totals.from_json(json.loads(done.stdout.splitlines()[-1])), cores)


def _rounds() -> tuple[list[Round], list[Round]]:
    """Return the rounds without and with a stalled tenth."""
    port = free_port()
    command = [
        sys.executable,
        str(ROOT / "benchmarks" / "fleet_server.py"),
        "--port",
        str(port),
        "--drivers",
        str(DRIVERS),
        "--copies",
        "4",
        "3",
    ]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    plain: list[Round] = []
    with_stalled: list[Round] = []
    try:
        url, process = f"http://127.0.0.1:{port}", psutil.Process(server.pid)
        _wait_for(url)
        for number in range(ROUNDS):
            turns = [(plain, 0.0), (with_stalled, STALLED)]
            for rounds, stalled in turns if number % 2 == 0 else reversed(turns):
                rounds.append(_round(url, process, stalled, number + 1))
                httpx.get(f"{url}/metrics.json", trust_env=False, timeout=30).raise_for_status()  # it lives
    finally:
        server.terminate()
        server.wait(20)
    return plain, with_stalled


def run() -> list[dict[str, Any]]:
    """Return the age p99 at the fast viewers, how a stalled tenth changes it, and what it took."""
    plain, with_stalled = _rounds()
    p99, stalled_p99 = (statistics.median(one.age_p99_ms for one in rounds) for rounds in (plain, with_stalled))
    whole = Totals.merged(one.totals for one in plain)
    fast = whole.groups[Manner.FAST]
    seconds = sum(one.totals.seconds for one in plain)
    p50 = (fast.ages.percentile_us(50) or 0) / 1000
    rows = [
        ("", p99, "ms frame age p99 at fast viewers"),
        (".with_stalled_tenth_ms", stalled_p99, "ms frame age p99 at fast viewers, a tenth stalled"),
        (".change_by_stalled", (stalled_p99 / p99 - 1) * 100 if p99 else 0.0, "% of the p99 without"),
        (".age_p50_ms", p50, "ms, without"),
        (".frames_per_s", fast.frames / seconds, "frames/s, all viewers"),
        (
            ".vehicles_per_frame",
            fast.bytes / max(1, fast.frames) / BYTES_PER_VEHICLE,
            "movers in a view and its margin",
        ),
        (".bytes_per_s", fast.bytes / seconds, "B/s, all viewers"),
        (
            ".server_cores",
            statistics.median(one.server_cores for one in plain),
            "cores of the API process, the fleet's engine included",
        ),
        (
            ".viewers_cores",
            statistics.median(one.totals.cpu_s / one.totals.seconds for one in plain),
            "cores of the viewers",
        ),
        (
            ".viewers_late_ms",
            (whole.lags.percentile_us(99) or 0) / 1000,
            "ms by which the viewers themselves were late, p99",
        ),
        (
            ".errors",
            float(sum(sum(one.totals.whole.errors.values()) for one in plain + with_stalled)),
            "connections lost in all rounds",
        ),
    ]
    return [{"name": f"viewers_1000{name}", "value": value, "unit": unit} for name, value, unit in rows]
