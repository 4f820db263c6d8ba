"""``code-delivery up`` and ``run``, as a person uses them: the whole chain in its processes, and its end."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from confluent_kafka import Producer

pytestmark = [pytest.mark.ray, pytest.mark.timeout(180)]

SHORT = """\
name = "short"
seed = 7
sample_hz = 2
duration_s = 20
time_scale = 4

[routes]
ancestor = true

[fleet]
size = 6

[deliveries]
mode = "continuous"
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _until(condition: Callable[[], Any], what: str, within_s: float = 30.0) -> Any:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{what} did not happen within {within_s:g} s")


class Up:
    """A running ``code-delivery up --json``."""

    def __init__(self, folder: Path, *, drivers: int) -> None:
        self.port = _free_port()
        command = [sys.executable, "-m", "cli", "up", "--json", "--port", str(self.port), "--drivers", str(drivers), "--data-dir", str(folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.process.communicate()[1])
        self.told: dict[str, Any] = json.loads(line)
        self.client = httpx.Client(base_url=self.told["url"], trust_env=False)

    def descendants(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def delivery(self, delivery_id: str) -> dict[str, Any] | None:
        answer = self.client.get(f"/deliveries/{delivery_id}")
        return answer.json() if answer.status_code == 200 else None

    def end(self) -> None:
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.communicate()


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    running = Up(tmp_path / "data", drivers=20)
    yield running
    running.end()


def test_ctrl_c_ends_everything_within_ten_seconds_with_a_clean_ledger(up: Up) -> None:
    _until(lambda: up.client.get("/deliveries", params={"state": "moving"}).json()["total"] >= 20, "twenty couriers on the road")
    asked = up.client.post("/deliveries", json={"routeId": "2", "deliveryId": "asked-by-post"})
    assert asked.status_code == 202
    producer = Producer({"bootstrap.servers": up.told["kafka"]})
    producer.produce("route.new-direction", key=b"3", value=b'{"routeId":"3","clientId":"a-script","deliveryId":"asked-on-kafka"}')
    assert producer.flush(10) == 0
    for delivery_id in ("asked-by-post", "asked-on-kafka"):
        moving = _until(lambda wanted=delivery_id: (found := up.delivery(wanted)) and found["distanceM"] > 5 and found, f"{delivery_id} on the road")
        assert moving["state"] == "moving"

    descendants = up.descendants()
    up.process.send_signal(signal.SIGINT)
    out, err = up.process.communicate(timeout=10)

    ledger = json.loads(out)
    assert ledger["clean"], ledger
    assert ledger["produced"] == ledger["acked"] == ledger["stored"] > 20
    assert up.process.returncode == 0, err
    assert [p for p in descendants if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []


def test_after_a_kill_no_process_is_left(up: Up) -> None:
    descendants = up.descendants()
    assert len(descendants) >= 3
    up.process.kill()
    up.process.communicate()
    _until(lambda: not [p for p in descendants if p.is_running() and p.status() != psutil.STATUS_ZOMBIE], "the end of every part")


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "cli", "up", "--port", str(port), "--data-dir", str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert f"port {port} on 127.0.0.1 cannot be used" in done.stderr
    assert f"PORT={port + 1}" in done.stderr


def test_a_scenario_runs_to_its_end_with_a_clean_ledger(tmp_path: Path) -> None:
    scenario = tmp_path / "short.toml"
    scenario.write_text(SHORT)
    command = [sys.executable, "-m", "cli", "run", str(scenario), "--json", "--port", str(_free_port()), "--data-dir", str(tmp_path / "data")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "COLUMNS": "120"})
    assert done.returncode == 0, done.stderr
    ledger = json.loads(done.stdout)
    assert ledger["clean"], ledger
    # Six drivers, 2 Hz for 20 virtual seconds, less the part of each driver's first period before its phase.
    assert 6 * 38 <= ledger["produced"] <= 6 * 41
