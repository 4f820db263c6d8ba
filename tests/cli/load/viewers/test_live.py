"""Simulated viewers on a real server see what is due and when, each for itself."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI
from typer.testing import CliRunner

from api.live import Hub, live_router
from cli.load.viewers.connection import live_address
from cli.load.viewers.crowd import Crowd
from cli.load.viewers.plan import CrowdPlan, Manner, Storm
from cli.load.viewers.tally import Totals
from cli.load.viewers.viewport import Bounds
from cli.load.viewers.watcher import Surroundings
from cli.main import app as command_line
from engine.codec import PositionBatch
from engine.errors import InvalidInput
from engine.latency.meter import Segment
from engine.messages import RunEvent, RunState

VEHICLES = 500
LATE_MS = 700.0
"""Positions reach the server so long after they were due."""

CORNERS = (9.47, 47.05, 9.64, 47.27)
BOUNDS = Bounds.of_degrees(*CORNERS)


def positions(seq: int, due_ms: float) -> PositionBatch:
    chance = np.random.default_rng(seq)
    word = {name: np.full(VEHICLES, name.encode()) for name in ("route", "client", "driver", "run")}
    zero, ids = np.zeros(VEHICLES), np.array([b"d%d" % i for i in range(VEHICLES)])
    lat, lng = chance.uniform(CORNERS[1], CORNERS[3], VEHICLES), chance.uniform(CORNERS[0], CORNERS[2], VEHICLES)
    whole = np.zeros(VEHICLES, np.int64)
    return PositionBatch.of_columns(
        word["route"],
        word["client"],
        ids,
        word["driver"],
        word["run"],
        lat,
        lng,
        zero > 1,
        whole + seq,
        whole + int(due_ms),
        zero,
        zero,
        zero,
    )


@dataclass
class Served:
    """A server whose run is at scale 2, and whose positions are `LATE_MS` old on arrival."""

    hub: Hub
    url: str

    def __post_init__(self) -> None:
        self.began_ms = time.time() * 1000
        self.hub.on_run(RunEvent(run_id="run", state=RunState.RUNNING, clock=[5_000_000.0, self.began_ms, 2.0], seq=1))

    async def feed(self) -> None:
        seq = 0
        while True:
            due_ms = 5_000_000.0 + 2 * (time.time() * 1000 - LATE_MS - self.began_ms)
            self.hub.on_positions(positions(seq, due_ms))
            seq += 1
            await asyncio.sleep(0.2)

    async def seen_by(
        self, plan: CrowdPlan, seconds: float, *storms: Storm, run: str | None = None
    ) -> tuple[Totals, Crowd]:
        crowd = Crowd(plan.of_process(0, 1), Surroundings(live_address(self.url), run_id=run), storms)
        return await crowd.run(seconds, asyncio.Event()), crowd


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    hub, app = Hub(), FastAPI()
    app.include_router(live_router(hub))

    @app.get("/config.json")
    async def config() -> dict[str, Any]:
        return {"bounds": CORNERS}

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        config_ = uvicorn.Config(
            app, log_level="error", ws="websockets-sansio", ws_per_message_deflate=False, timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config_)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        found = Served(hub, f"http://127.0.0.1:{listener.getsockname()[1]}")
        feeding = asyncio.create_task(found.feed())
        yield found
        feeding.cancel()
        server.should_exit = True
        await asyncio.gather(serving, feeding, return_exceptions=True)
        assert hub.counters.viewers == 0


async def test_a_position_is_as_old_as_the_runs_clock_says_when_it_is_seen(served: Served) -> None:
    totals, crowd = await served.seen_by(CrowdPlan(4, BOUNDS, pan_s=0.5), 2.5)
    ages = totals.groups[Manner.FAST].ages
    assert ages.total > VEHICLES
    assert (ages.percentile_us(0) or 0) >= (LATE_MS - 1) * 1000
    assert totals.whole.errors == {}
    assert totals.whole.frames >= 10
    [run] = {measured.run_id for measured in crowd.meter.take()}
    assert run == "run"


async def test_only_the_run_that_is_meant_is_measured(served: Served) -> None:
    totals, crowd = await served.seen_by(CrowdPlan(2, BOUNDS), 1.2, run="another")
    assert totals.whole.frames > 0
    assert (totals.whole.ages.total, crowd.meter.take()) == (0, [])


async def test_stalled_and_slow_viewers_are_told_apart_and_stop_no_other(served: Served) -> None:
    # Every stalled viewer stops reading for its first time within 4 s.
    plan = CrowdPlan(9, BOUNDS, slow=1 / 3, stalled=1 / 3, seed=4)
    totals, crowd = await served.seen_by(plan, 4.5)
    fast, slow, stalled = (totals.groups[manner] for manner in (Manner.FAST, Manner.SLOW, Manner.STALLED))
    assert (fast.viewers, slow.viewers, stalled.viewers, crowd.stalled) == (3, 3, 3, 3)
    assert 0 < slow.frames < fast.frames / 2
    assert 0 < stalled.frames < fast.frames
    assert sum(measured.histograms[Segment.VIEWED].total for measured in crowd.meter.take()) == fast.ages.total


async def test_a_storm_takes_every_connection_and_all_come_back(served: Served) -> None:
    totals, _ = await served.seen_by(CrowdPlan(20, BOUNDS), 2.0, Storm(0.8))
    [storm] = totals.storms
    assert (storm.viewers, len(storm.back_ms), totals.whole.reconnects, totals.whole.connected) == (20, 20, 20, 20)
    assert totals.whole.errors == {}


async def test_viewers_that_leave_come_back_and_a_server_that_is_gone_is_sought_again(served: Served) -> None:
    totals, _ = await served.seen_by(CrowdPlan(6, BOUNDS, reconnecting=1.0, seed=53), 6.2)
    assert totals.whole.reconnects >= 1
    assert totals.whole.errors == {}
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        crowd = Crowd(
            CrowdPlan(1, BOUNDS).of_process(0, 1),
            Surroundings(live_address(f"http://127.0.0.1:{nobody.getsockname()[1]}")),
        )
        lost = await crowd.run(1.5, asyncio.Event())
    assert lost.whole.errors["no connection: ConnectionRefusedError"] >= 2


async def test_the_process_ends_in_order_and_its_last_line_is_its_totals(served: Served) -> None:
    arguments = ["--url", served.url, "--viewers", "3", "--duration", "0", "--from-s", "0", "--every-second"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli.load.viewers", *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    for _ in range(2):
        last = Totals.from_json(json.loads(await process.stdout.readline()))
    process.send_signal(signal.SIGTERM)
    rest = (await process.stdout.read()).splitlines()
    assert await process.wait() == 0
    assert Totals.from_json(json.loads(rest[-1])).whole.frames >= last.whole.frames > 0


async def test_the_command_joins_its_processes(served: Served) -> None:
    command = [
        "viewers",
        "--url",
        served.url,
        "--viewers",
        "4",
        "--processes",
        "2",
        "--duration",
        "3",
        "--come-per-s",
        "100",
        "--json",
    ]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cli",
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "COLUMNS": "200"},
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    figures = json.loads(out)
    assert (figures["viewers"], figures["generator"]["processes"], figures["errors"]) == (4, 2, {})
    assert (figures["connected"], figures["ageMs"]["p50"] is None or figures["ageMs"]["p50"] >= LATE_MS - 1) == (
        4,
        True,
    )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--url", "ftp://here"], "url must be http://host:port or https://host:port, found 'ftp://here'"),
        (["--bounds", "1,2,3"], "bounds must be west,south,east,north in degrees, found '1,2,3'"),
        (
            ["--bounds", "9,47,10,48", "--slow", "0.7", "--stalled", "0.7"],
            "slow, stalled and reconnecting must be at most 1 together, found 1.4",
        ),
        (["--sample", "0"], "sample must be more than 0 and at most 1, found 0.0"),
    ],
)
def test_bad_input_is_refused_plainly(arguments: list[str], complaint: str) -> None:
    result = CliRunner().invoke(command_line, ["viewers", *arguments])
    assert isinstance(result.exception, InvalidInput)
    assert str(result.exception) == complaint


def test_an_api_that_is_not_there_is_refused_plainly() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        result = CliRunner().invoke(command_line, ["viewers", "--url", url])
    assert isinstance(result.exception, InvalidInput)
    assert str(result.exception).startswith(f"{url} does not say where its map is")
