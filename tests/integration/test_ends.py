"""A run's end loses nothing, though its broker or its driver actors stood still for a while."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest
from processes import title_of
from running_stack import Up, until

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]

STAND_S = 12.0
"""Longer than any part waits for another one's answer; shorter than the end waits without progress."""


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    running = Up(tmp_path / "data", drivers=60)
    until(
        lambda: running.client.get("/deliveries", params={"state": "moving"}).json()["total"] >= 60,
        "sixty couriers on the road",
    )
    yield running
    running.end()


def titled(up: Up, title: str) -> list[psutil.Process]:
    return [process for process in up.descendants() if title in title_of(process)]


def send(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        process.send_signal(number)


def acked(up: Up) -> int:
    return int(up.client.get(f"/runs/{up.reported['runId']}").json()["acked"])


def end_whole(up: Up) -> None:
    out, err = up.process.communicate(timeout=120)
    ledger = json.loads(out)
    assert up.process.returncode == 0, (ledger, err)
    assert ledger["clean"], ledger
    assert ledger["produced"] == ledger["acked"] == ledger["stored"] > 60
    assert ledger["waiting"] == {"history": 0, "state": 0}


def test_a_broker_that_stands_still_before_ctrl_c_costs_no_position(up: Up) -> None:
    broker = titled(up, "cli.local.broker")
    assert len(broker) == 1
    send(broker, signal.SIGSTOP)
    up.process.send_signal(signal.SIGINT)
    time.sleep(STAND_S)
    send(broker, signal.SIGCONT)
    end_whole(up)


def test_driver_actors_that_stand_still_in_mid_run_and_while_it_ends_cost_no_position(up: Up) -> None:
    drivers = titled(up, "ray::TickingDriver")
    assert drivers
    send(drivers, signal.SIGSTOP)
    time.sleep(STAND_S)
    before = acked(up)
    send(drivers, signal.SIGCONT)
    until(lambda: acked(up) > before + 60 * STAND_S, "the positions of the time in which they stood still")
    assert {process.pid for process in titled(up, "ray::TickingDriver")} == {process.pid for process in drivers}

    send(drivers, signal.SIGSTOP)
    up.process.send_signal(signal.SIGINT)
    time.sleep(STAND_S)
    send(drivers, signal.SIGCONT)
    end_whole(up)
