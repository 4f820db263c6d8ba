"""A scenario with a growing fleet and every kind of fault: a clean ledger that counts injected losses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.local.port import free_port
from engine.delivery.faults import FaultKind

pytestmark = [pytest.mark.ray, pytest.mark.timeout(400)]

RATE = 0.05

SCENARIO = """\
name = "faulty"
seed = 11
sample_hz = 2
time_scale = 4

[routes]
ancestor = true

[[stages]]
shape = "ramp"
duration_s = 30
drivers = 12

[[stages]]
shape = "hold"
duration_s = 30
""" + "".join(f'[[faults]]\nkind = "{kind}"\nrate = {RATE}\n' for kind in FaultKind)


def told(folder: Path, *arguments: str) -> dict[str, Any]:
    """Return what a command prints, once it has ended with 0."""
    command = [sys.executable, "-m", "cli", *arguments, "--json"]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, env={**os.environ, "DATA_DIR": str(folder)}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads(done.stdout))


def test_a_run_with_every_fault_ends_clean_and_says_what_was_lost_on_purpose(tmp_path: Path) -> None:
    scenario, data = tmp_path / "faulty.toml", tmp_path / "data"
    scenario.write_text(SCENARIO)
    ledger = told(data, "run", str(scenario), "--port", str(free_port()), "--data-dir", str(data))
    assert ledger["clean"], ledger
    assert (ledger["missing"], ledger["gaps"]) == (0, [])
    assert ledger["produced"] == ledger["acked"] == ledger["stored"] + ledger["lostOnPurpose"]
    # Twelve drivers at 2 Hz, half of them on average while the fleet grows. Three of the eight kinds leave positions
    # out, one of them in long stretches.
    assert 800 < ledger["produced"] < 1200
    assert 0.05 < ledger["lostOnPurpose"] / ledger["produced"] < 0.3
    assert ledger["duplicated"] > 0
    assert ledger["deadLettered"] > 0

    verified = told(data, "verify", ledger["runId"], "--without-topic")
    assert verified["equal"]
    assert verified["lostOnPurpose"] == ledger["lostOnPurpose"]
    assert verified["expected"] == ledger["stored"]
