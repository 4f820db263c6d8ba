"""What the producing benchmarks share: a broker of their own, sides that take turns, medians.

Each side is one process that sends at full speed to the same topic of 12 partitions, every record acknowledged by every
replica (there is one), idempotence on, lz4. A side's rate is the median of its rounds, and so is the processor time of
its process; what the broker does for it is not in that.
"""

from __future__ import annotations

import json
import re
import resource
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.simulation import services
from benchmarks.size import sized

ROUNDS = sized(5, toy=1)
RECORDS = sized(2_000_000, toy=20_000)
WARMUP = sized(400_000, toy=10_000)


@dataclass(frozen=True)
class Round:
    """What a side did in one turn after its warm-up.

    Records a second of wall time, and its process's processor time for one record.
    """

    rate: float
    cpu_us: float
    mean_bytes: float


Side = Callable[[str], Round]


@contextmanager
def broker() -> Iterator[str]:
    """Give the address of a real broker with the contract's topics, in a process of its own."""
    with services("kafka") as found:
        yield found.kafka.address


def ours(bootstrap: str) -> Round:
    """Our side: simulate, encode, produce."""
    return told_round(
        measured([sys.executable, "-m", "benchmarks.produce_fleet", bootstrap, str(WARMUP), str(RECORDS)])
    )


def measured(command: list[str], stdin: bytes = b"") -> str:
    """Run one side; return what it printed."""
    found = subprocess.run(command, input=stdin, capture_output=True, check=False)
    if found.returncode:
        raise RuntimeError(
            f"{' '.join(command)} ended with exit code {found.returncode}: "
            f"{found.stderr.decode(errors='replace')[-2000:]}"
        )
    return found.stdout.decode()


def told_round(told: str) -> Round:
    """Return the round that a side printed as one JSON object."""
    result = json.loads(told)
    if result["failed"]:
        raise RuntimeError(f"{result['failed']} records failed")
    return Round(
        result["records"] / result["seconds"], result["cpu_seconds"] / result["records"] * 1e6, result["mean_bytes"]
    )


def perf_test_round(command: list[str], mean_bytes: float) -> Round:
    """Run kafka-producer-perf-test and return its round.

    Its rate is that after its warm-up; its processor time that of the whole, start included, for it reports no other.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = measured(command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = re.search(r"^(\d+) steady state records sent, ([\d.]+) records/sec", told, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"kafka-producer-perf-test said nothing of its steady state: {told[-1000:]}")
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Round(float(found[2]), cpu_s / (int(found[1]) + WARMUP) * 1e6, mean_bytes)


def by_turns(sides: Mapping[str, Side], bootstrap: str) -> dict[str, Round]:
    """Return each side's medians; the sides take turns, each round another one first."""
    rounds: dict[str, list[Round]] = {name: [] for name in sides}
    names = list(sides)
    for turn in range(ROUNDS):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            rounds[name].append(sides[name](bootstrap))
            print(
                f"  {name}: {rounds[name][-1].rate:,.0f} records/s, "
                f"{rounds[name][-1].cpu_us:.2f} us of processor time a record",
                file=sys.stderr,
            )
    return {
        name: Round(
            *(statistics.median(getattr(one, field) for one in found) for field in ("rate", "cpu_us", "mean_bytes"))
        )
        for name, found in rounds.items()
    }


def compared(name: str, found: Mapping[str, Round], rivals: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the rows of "ours" against each rival: rates, processor time, length of records.

    `rivals` gives the suffix of each rival's rows.
    """
    our = found["ours"]
    rows = []
    for rival, suffix in rivals.items():
        other = found[rival]
        sizes = f"{rival}, records of {other.mean_bytes:.0f} bytes (ours: {our.mean_bytes:.0f})"
        rows.append(
            {
                "name": name + suffix,
                "value": our.rate,
                "unit": "records/s",
                "rival": sizes,
                "rival_value": other.rate,
                "ratio": our.rate / other.rate,
            }
        )
        cpu = {
            "value": our.cpu_us,
            "unit": "us of CPU a record",
            "rival": rival,
            "rival_value": other.cpu_us,
            "ratio": other.cpu_us / our.cpu_us,
        }
        rows.append({"name": f"{name}{suffix}.cpu", **cpu})
    return rows
