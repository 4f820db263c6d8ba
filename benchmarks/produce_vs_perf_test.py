"""Producing to a real broker, against Kafka's own kafka-producer-perf-test.

One process that makes records beside one that sends ready ones.

It sends as many bytes a record as we do: the first row is against its random letters, as everybody runs it; the second
against our very records, read from a file, which compress as ours do. Its records have no key.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.producing import (
    RECORDS,
    WARMUP,
    Round,
    Side,
    broker,
    by_turns,
    compared,
    measured,
    ours,
    perf_test_round,
)
from cli.local.services import tools
from cli.local.services.fetch import jars
from cli.local.services.folders import default_cache
from cli.local.services.pins import KAFKA
from cli.progress import silent
from engine.messages import Topic

PROPERTIES = ["compression.type=lz4", "linger.ms=5", "batch.size=262144", "acks=all"]


def run() -> list[dict[str, Any]]:
    """Return our rate and the tool's."""
    records = measured([sys.executable, "-m", "benchmarks.produce_fleet", "--records"])
    mean = round(sum(map(len, records.splitlines())) / records.count("\n"))
    with tempfile.TemporaryDirectory() as folder, broker() as bootstrap:
        file = Path(folder) / "records"
        file.write_text(records)
        letters, ready = _perf_test(["--record-size", str(mean)], mean), _perf_test(["--payload-file", str(file)], mean)
        found = by_turns(
            {"ours": ours, "perf-test, random letters": letters, "perf-test, our records": ready}, bootstrap
        )
    return compared(
        "produce_vs_perf_test", found, {"perf-test, random letters": "", "perf-test, our records": ".our_records"}
    )


def _perf_test(payload: list[str], mean_bytes: int) -> Side:
    class_path = f"{jars(KAFKA, default_cache(), silent)}/*"
    amount = ["--num-records", str(RECORDS + WARMUP), "--warmup-records", str(WARMUP), "--throughput", "-1"]

    def side(bootstrap: str) -> Round:
        properties = ["--command-property", f"bootstrap.servers={bootstrap}", *PROPERTIES]
        tool = [
            tools.java().java,
            "-cp",
            class_path,
            "org.apache.kafka.tools.ProducerPerformance",
            "--topic",
            Topic.NEW_POSITION.value,
        ]
        return perf_test_round([*tool, *amount, *payload, *properties], mean_bytes)

    return side
