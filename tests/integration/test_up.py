"""``code-delivery up`` and ``run`` as a user starts them: the whole chain in processes, and its end."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from processes import is_running
from running_stack import Up, own_environment, until

from cli.local.port import free_port

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


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    running = Up(tmp_path / "data", drivers=20)
    yield running
    running.end()


def test_ctrl_c_ends_everything_within_ten_seconds_with_a_clean_ledger(up: Up) -> None:
    until(
        lambda: up.client.get("/deliveries", params={"state": "moving"}).json()["total"] >= 20,
        "twenty couriers on the road",
    )
    asked = up.client.post("/deliveries", json={"routeId": "2", "deliveryId": "asked-by-post"})
    assert asked.status_code == 202
    producer = Producer({"bootstrap.servers": up.reported["kafka"]})
    producer.produce(
        "route.new-direction", key=b"3", value=b'{"routeId":"3","clientId":"a-script","deliveryId":"asked-on-kafka"}'
    )
    assert producer.flush(60) == 0
    for delivery_id in ("asked-by-post", "asked-on-kafka"):

        def on_the_road(wanted: str = delivery_id) -> dict[str, Any] | None:
            found = up.delivery(wanted)
            return found if found and (found["distanceM"] or 0) > 5 else None

        moving = until(on_the_road, f"{delivery_id} on the road")
        assert moving["state"] == "moving"

    story = up.client.get(f"/runs/{up.reported['runId']}/deliveries/asked-by-post/story").json()
    assert {("dispatcher", "placed"), ("event", "started")} <= {(e["source"], e["kind"]) for e in story["entries"]}

    descendants = up.descendants()
    up.process.send_signal(signal.SIGINT)
    out, err = up.process.communicate(timeout=10)

    ledger = json.loads(out)
    assert ledger["clean"], ledger
    assert ledger["produced"] == ledger["acked"] == ledger["stored"] > 20
    assert up.process.returncode == 0, err
    assert [process for process in descendants if is_running(process)] == []


def test_after_a_kill_no_process_is_left(up: Up) -> None:
    descendants = up.descendants()
    assert len(descendants) >= 3
    up.process.kill()
    up.process.communicate()
    until(lambda: not [process for process in descendants if is_running(process)], "the end of every part")


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "cli", "up", "--port", str(port), "--data-dir", str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=own_environment())
    assert done.returncode == 2
    assert f"port {port} on 127.0.0.1 cannot be used" in done.stderr
    assert f"PORT={port + 1}" in done.stderr


def test_a_scenario_runs_to_its_end_with_a_clean_ledger(
    tmp_path: Path, repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario = tmp_path / "short.toml"
    scenario.write_text(SHORT)
    command = [
        sys.executable,
        "-m",
        "cli",
        "run",
        str(scenario),
        "--json",
        "--port",
        str(free_port()),
        "--data-dir",
        str(tmp_path / "data"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=own_environment())
    assert done.returncode == 0, done.stderr
    ledger = json.loads(done.stdout)
    assert ledger["clean"], ledger
    # Six drivers, 2 Hz for 20 virtual seconds, less the part of each driver's first period before its phase.
    assert 6 * 38 <= ledger["produced"] <= 6 * 41

    (query,) = re.findall(
        r"```python\n(.*?)```",
        (repository / "docs" / "how-to" / "query.md").read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
    exec(query.replace(".data", str(tmp_path / "data")))  # the guide's own words must work on what a run leaves behind
    printed = capsys.readouterr().out
    assert "kmh" in printed
    assert "│ 1 " in printed
