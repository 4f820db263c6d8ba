"""The tutorial's commands and the examples, on one running stack and on what it leaves behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from running_stack import Up, own_environment, until

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]


def _run(repository: Path, *command: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=repository,
        env=own_environment(PYTHONIOENCODING="utf-8", **environment),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_three_paths_of_the_tutorial(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    monkeypatch.setenv("SCENARIO", str(repository / "examples" / "scenarios" / "faults.toml"))
    up = Up(data, drivers=30)
    monkeypatch.delenv("SCENARIO")
    try:
        # 1. Positions from Kafka, by the consumer of the examples.
        until(lambda: up.client.get("/deliveries").json()["total"] >= 30, "thirty couriers on the road")
        lines = _run(repository, "examples/consumer.py", up.reported["kafka"], "50").splitlines()
        assert len(lines) == 50
        assert all(line.endswith(" m/s") for line in lines)
        # 2. Routes, a request and a change of the fleet, from a second terminal.
        imported = _run(
            repository,
            "-m",
            "cli",
            "routes",
            "import",
            "examples/routes/two-routes.csv",
            "--url",
            up.reported["url"],
            "--json",
        )
        assert len(json.loads(imported)["routes"]) == 2
        assert up.client.post("/deliveries", json={"routeId": "2", "deliveryId": "asked"}).status_code == 202
        until(lambda: up.delivery("asked"), "the delivery that was asked for")
        [run] = up.client.get("/runs").json()
        _run(repository, "-m", "cli", "control", run["runId"], "scale", "5", "--url", up.reported["url"])
        ledger_url = f"/runs/{run['runId']}/ledger"
        until(
            lambda: up.client.get(ledger_url).json()["lostOnPurpose"] > 0, "positions that an injected fault left out"
        )
    finally:
        up.process.send_signal(signal.SIGINT)
        out, err = up.process.communicate(timeout=60)
        up.end()
    ledger = json.loads(out)
    assert ledger["clean"], (ledger, err)
    # 3. What the run left behind: statements for DuckDB, and the proof that it is complete.
    answers = _run(repository, "examples/queries/duckdb_queries.py", str(data / "history.duckdb"))
    assert "tunnel" in answers
    verified = _run(repository, "-m", "cli", "verify", run["runId"], "--without-topic", "--json", DATA_DIR=str(data))
    assert json.loads(verified)
