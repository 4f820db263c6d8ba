"""A run's fleet is changed by the command, through REST, Kafka and Ray; nothing is missing."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from running_stack import own_environment
from typer.testing import CliRunner

from cli.local.api_client import ApiClient, ApiError
from cli.local.port import free_port
from cli.main import app

pytestmark = [pytest.mark.ray, pytest.mark.timeout(500)]

SCENARIO = """\
name = "changing"
duration_s = 3600
time_scale = 2

[routes]
ancestor = true

[fleet]
size = 20
"""


def wait_for(run: Callable[[], Any], is_right: Callable[[Any], Any], timeout_s: float = 150.0) -> Any:
    """Ask until there is a right answer, and return it."""
    deadline, found = time.monotonic() + timeout_s, None
    while time.monotonic() < deadline:
        try:
            found = run()
            if is_right(found):
                return found
        except ApiError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"it did not come about; the last answer was {found}")


def asked(url: str, *arguments: str) -> None:
    done = CliRunner().invoke(app, ["control", *arguments, "--url", url])
    assert done.exit_code == 0, done.output


def test_a_fleet_grows_and_shrinks_by_the_command_and_the_ledger_is_clean(tmp_path: Path) -> None:
    scenario, port = tmp_path / "changing.toml", free_port()
    scenario.write_text(SCENARIO)
    url = f"http://127.0.0.1:{port}"
    command = [
        sys.executable,
        "-m",
        "cli",
        "run",
        str(scenario),
        "--port",
        str(port),
        "--data-dir",
        str(tmp_path / "data"),
        "--json",
    ]
    running = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=own_environment(DATA_DIR=str(tmp_path / "data")),
    )
    client = ApiClient(url)

    def wait_for_size(drivers: int, after: int = 0) -> int:
        """Wait until N drivers are on the road and have made positions since; return how many were made."""
        run = wait_for(
            lambda: client.run(run_id),
            lambda run: run and (run["drivers"], run["active"]) == (drivers, drivers) and run["produced"] > after,
        )
        return int(run["produced"])

    try:
        [run_id] = wait_for(lambda: [run["runId"] for run in client.runs()], len)
        made = wait_for_size(20)
        asked(url, run_id, "fleet", "50")
        made = wait_for_size(50, made)
        asked(url, run_id, "rate", "10", "--stage", "calm")
        wait_for_size(10, made)
        asked(url, run_id, "cancel")
        told, errors = running.communicate(timeout=60)
    finally:
        client.close()
        running.terminate()
        running.communicate(timeout=60)
    assert running.returncode == 0, told + errors
    ledger = json.loads(told)
    assert ledger["clean"], ledger
    assert ledger["produced"] == ledger["acked"] == ledger["stored"] > 0
    assert (ledger["missing"], ledger["duplicated"]) == (0, 0)
