"""Producing to a real broker, against Go.

One process that interpolates, encodes and sends, beside one that sends stored points.

The rivals are `benchmarks/rivals/go_producer`, with the client that the ancestor used and with the fastest one; the
first row is against the faster of the two.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.producing import RECORDS, WARMUP, Round, Side, broker, by_turns, compared, measured, ours, told_round
from benchmarks.size import is_toy
from engine.messages import Topic

SOURCE = Path(__file__).parent / "rivals" / "go_producer"
CLIENTS = {"confluent-kafka-go": "confluent", "franz-go": "franz"}


def run() -> list[dict[str, Any]]:
    """Return our rate and both rivals'."""
    if is_toy() or shutil.which("go") is None:
        return _without_rivals("a toy fetches nothing" if is_toy() else "Go is not installed")
    points = measured([sys.executable, "-m", "benchmarks.produce_fleet", "--points"])
    with tempfile.TemporaryDirectory() as folder, broker() as bootstrap:
        program = Path(folder) / "go_producer"
        subprocess.run(["go", "build", "-o", str(program), "."], cwd=SOURCE, check=True)
        sides: dict[str, Side] = {"ours": ours} | {
            name: _go(program, client, points.encode()) for name, client in CLIENTS.items()
        }
        found = by_turns(sides, bootstrap)
    fastest, other = sorted(CLIENTS, key=lambda name: -found[name].rate)
    return compared("produce_vs_go", found, {fastest: "", other: "." + CLIENTS[other]})


def _without_rivals(reason: str) -> list[dict[str, Any]]:
    print(f"  without the Go clients: {reason}", file=sys.stderr)
    with broker() as bootstrap:
        rate = by_turns({"ours": ours}, bootstrap)["ours"].rate
    return [{"name": "produce_vs_go", "value": rate, "unit": "records/s"}]


def _go(program: Path, client: str, points: bytes) -> Side:
    def side(bootstrap: str) -> Round:
        amount = ["-warmup", str(WARMUP), "-records", str(RECORDS)]
        return told_round(
            measured(
                [str(program), "-bootstrap", bootstrap, "-topic", Topic.NEW_POSITION.value, "-client", client, *amount],
                points,
            )
        )

    return side
