"""Whether the default runs all day: ``code-delivery up`` on the embedded broker and stores.

Every process is weighed every ten seconds.

    python -m benchmarks --only soak_embedded --minutes 60

The shipped scenario runs with 300 couriers for the minutes given, then with 5,000 for a third of them. A viewer watches
the live map in an early and in the last stretch of each run. The broker's processor time in the last stretch is
compared with that in the early one; a consumer group that loses a member gives up partitions, which the API's log says.
"""

from __future__ import annotations

import asyncio
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.simulation import Sample, cores, name_of, sample_of
from benchmarks.size import sized
from benchmarks.viewer import Report, watch
from cli.local.port import free_port

MINUTES = sized(60.0, toy=0.2)
FLEETS: tuple[tuple[int, float], ...] = sized(((300, 1.0), (5_000, 1 / 3)), toy=((20, 1.0),))
"""Couriers, and for what share of the minutes they drive."""

STRETCH_MIN = 5.0
"""Early is the fifth to the tenth minute, late the last five.

In a run of less than 20 minutes they are quarters of it.
"""

FLAT_SHARE, FLAT_EDGE = 1 / 3, 0.1
"""Share of a run, its last, in which memory must not grow.

Growth is from the median of that part's first tenth to the median of its last.
"""

SAMPLE_S = sized(10.0, toy=0.5)
STOP_S = 120.0


@dataclass
class Soak:
    """What one run showed.

    Attributes
    ----------
    printed : what ``up`` printed at its end.
    lost_members : lines in the API's log by which a consumer gave up partitions during the run.
    seen : the viewer's reports of the early and of the late stretch.
    """

    couriers: int
    samples: list[Sample] = field(default_factory=list)
    printed: dict[str, Any] = field(default_factory=dict)
    lost_members: int = 0
    seen: list[Report] = field(default_factory=list)


def run(minutes: float = MINUTES) -> list[dict[str, Any]]:
    """Return broker time, API memory, ledger and age of positions at the viewer, by fleet."""
    rows: list[dict[str, Any]] = []
    for couriers, share in FLEETS:
        found = _rows(_soak(couriers, minutes * share), minutes * share)
        print(
            "\n".join(f"  {row['name']}: {row['value']:,.4g} {row['unit']}" for row in found),
            file=sys.stderr,
            flush=True,
        )
        rows += found
    rows[0] = {**rows[0], "name": "soak_embedded"}
    return rows


@contextmanager
def _stack(couriers: int, folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Give a running ``code-delivery up``, and its address."""
    command = [
        sys.executable,
        "-m",
        "cli",
        "up",
        "--json",
        "--drivers",
        str(couriers),
        "--port",
        str(free_port()),
        "--data-dir",
        str(folder),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        if not first:
            raise RuntimeError(f"up did not start: {process.communicate()[1]}")
        yield process, json.loads(first)["url"]
    finally:
        process.terminate()
        process.wait(STOP_S)


def _soak(couriers: int, minutes: float) -> Soak:
    found, seconds, stretch_s = Soak(couriers), minutes * 60, _stretch_s(minutes)
    with (
        tempfile.TemporaryDirectory(prefix="code-delivery-bench-") as folder,
        _stack(couriers, Path(folder)) as (process, url),
    ):
        begun = time.monotonic()
        viewers = [
            threading.Timer(begin_s, lambda: found.seen.append(_watch(url, stretch_s)))
            for begin_s in (stretch_s, seconds - stretch_s)
        ]
        for viewer in viewers:
            viewer.start()
        while (at_s := time.monotonic() - begun) < seconds:
            found.samples.append(sample_of([process.pid]))
            _tell(found, at_s)
            time.sleep(min(SAMPLE_S, seconds - at_s))
        for viewer in viewers:
            viewer.join()
        found.lost_members = (Path(folder) / "logs" / "api.log").read_text().count("consumer gave up")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=STOP_S)
        if not out:
            raise RuntimeError(err)
        found.printed = json.loads(out)
    return found


def _stretch_s(minutes: float) -> float:
    return 60 * min(STRETCH_MIN, minutes / 4)


def _watch(url: str, seconds: float) -> Report:
    return asyncio.run(watch(url.replace("http://", "ws://") + "/ws/live", seconds - SAMPLE_S))


def _tell(found: Soak, at_s: float) -> None:
    """Show how it goes, once a minute."""
    every = round(60 / SAMPLE_S)
    if len(found.samples) % every == 1 and len(found.samples) > every:
        before, now = found.samples[-1 - every], found.samples[-1]
        api_mb = _resident_mb(now, "api")
        print(
            f"  {found.couriers} couriers, minute {at_s / 60:.0f}: "
            f"broker {100 * cores(before, now).get('broker', 0):.1f} % of a core, API {api_mb:.0f} MB",
            file=sys.stderr,
            flush=True,
        )


def _resident_mb(sample: Sample, name: str) -> float:
    return sum(used.resident_bytes for used in sample.processes.values() if name_of(used.title) == name) / 1e6


def _within(samples: Sequence[Sample], begin_s: float, end_s: float) -> list[Sample]:
    return [one for one in samples if begin_s <= one.at_s - samples[0].at_s <= end_s]


def _rows(found: Soak, minutes: float) -> list[dict[str, Any]]:
    name, stretch_s, end_s = (
        f"soak_embedded.{found.couriers}",
        _stretch_s(minutes),
        found.samples[-1].at_s - found.samples[0].at_s,
    )
    early, late = (_within(found.samples, begin_s, begin_s + stretch_s) for begin_s in (stretch_s, end_s - stretch_s))
    broker_early, broker_late = (100 * cores(part[0], part[-1])["broker"] for part in (early, late))
    api_mb = [_resident_mb(one, "api") for one in found.samples]
    last = api_mb[-max(2, round(FLAT_SHARE * len(api_mb))) :]
    edge = max(1, round(FLAT_EDGE * len(last)))
    figures: list[tuple[str, float, str]] = [
        (
            "broker_growth",
            broker_late / broker_early,
            f"times the broker's processor time of minutes {stretch_s / 60:g} to {stretch_s / 30:g} in the last",
        ),
        ("minutes", minutes, f"minutes with {found.couriers:,} couriers"),
        ("broker_early", broker_early, "% of a core"),
        ("broker_late", broker_late, "% of a core"),
        ("broker_mb", _resident_mb(found.samples[-1], "broker"), "MB resident at the end"),
        ("api_mb", max(api_mb), "MB resident at most"),
        (
            "api_growth_mb",
            statistics.median(last[-edge:]) - statistics.median(last[:edge]),
            f"MB of growth in the last {minutes * FLAT_SHARE:.1f} minutes",
        ),
        ("lost_members", found.lost_members, "times a consumer gave up partitions"),
        *(
            (word, found.printed[word], "positions")
            for word in ("produced", "acked", "stored", "missing", "duplicated")
        ),
        ("clean", int(found.printed["clean"]), "1 = clean"),
        *(
            (f"browser_p99_{when}_ms", seen.age_ms(99), "ms from due to the viewer's socket")
            for when, seen in zip(("early", "late"), found.seen, strict=True)
        ),
    ]
    return [{"name": f"{name}.{word}", "value": value, "unit": unit} for word, value, unit in figures]
