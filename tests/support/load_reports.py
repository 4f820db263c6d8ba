"""Load test reports made by hand: values drawn from a seed, on an invented machine; none is measured."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cli.load.report.model import (
    FORMAT,
    Brief,
    Capacity,
    CheckRow,
    Disturbance,
    Environment,
    Judgement,
    Latency,
    Ledger,
    LoadReport,
    Probe,
    Run,
    ScenarioText,
    Second,
    Stage,
    Use,
    WorkerRow,
)
from engine.judging.verdict import Bound, Outcome
from engine.latency.histogram import Histogram

WAY_MS = {"produced": 1.5, "acked": 6.0, "consumed": 14.0, "pushed": 22.0, "stored": 55.0, "indexed": 160.0}
"""Medians of what each segment adds to the one that it follows."""

AFTER = {"acked": "produced", "consumed": "acked", "pushed": "consumed", "stored": "consumed", "indexed": "consumed"}

STAGES = (("warm-up", 3, 300, 1.0), ("ramp", 5, 500, 1.0), ("peak", 6, 900, 1.35), ("spike", 3, 1500, 3.0))
"""Name, seconds, positions a second, how much slower than when idle."""

TOML = """name = "rush <hour> & more"
seed = 7

[thresholds]
e2e_p99_ms = 300
lost = 0
"""

MACHINE = Environment(
    cpu="Imaginary CPU, for tests",
    cpus=2,
    memory_bytes=8 * 2**30,
    os="Linux 6.0 x86_64",
    python="CPython 3.11.7",
    versions={
        "code-delivery": "0.1.0",
        "confluent-kafka": "2.16.1",
        "librdkafka": "2.16.0",
        "numpy": "2.4.6",
        "ray": "2.60.0",
    },
    settings={"ELASTICSEARCH_REPLICAS": "1"},
    profile="services",
    broker="Kafka 4.1.0, one broker",
    stores=("MongoDB stand-in", "Elasticsearch 9.2.0"),
)


def latencies_ms(chance: np.random.Generator, count: int, slower: float) -> dict[str, np.ndarray]:
    """Return how long after due each position got so far, by segment."""
    found: dict[str, np.ndarray] = {}
    for segment, median in WAY_MS.items():
        own = median * slower * np.exp(chance.normal(0.0, 0.55, count))
        found[segment] = own + found[AFTER[segment]] if segment in AFTER else own
    return found


def sample_report(
    seed: int = 1,
    *,
    slower: float = 1.0,
    longer: int = 1,
    outcome: Outcome = Outcome.FAILED,
    run_id: str = "run-sample",
    capacity: bool = True,
) -> LoadReport:
    """Return a report as a load test makes it.

    Parameters
    ----------
    slower : how much, in all stages.
    longer : how many times as many seconds.
    """
    chance = np.random.default_rng(seed)
    stages, series, begin = [], [], 0
    for name, seconds, per_s, load in STAGES:
        whole = {segment: Histogram() for segment in WAY_MS}
        for second in range(begin, begin + seconds * longer):
            found = latencies_ms(chance, per_s, load * slower * float(np.exp(chance.normal(0.0, 0.08))))
            series.append(
                Second(
                    float(second),
                    name,
                    float(per_s),
                    per_s,
                    {segment: _brief(ms) for segment, ms in found.items()},
                    per_s,
                )
            )
            for segment, ms in found.items():
                whole[segment].add(ms * 1000)
        end, counted = (
            begin + seconds * longer,
            {segment: Latency.of(histogram) for segment, histogram in whole.items()},
        )
        produced = per_s * (end - begin)
        stages.append(
            Stage(
                name,
                name != "warm-up",
                float(begin),
                float(end),
                float(end - begin),
                float(produced),
                produced,
                counted,
                per_s,
                _uses(load),
            )
        )
        begin = end
    produced = sum(stage.produced for stage in stages)
    return LoadReport(
        FORMAT,
        Run(run_id, "2026-01-02T03:04:05+00:00", float(begin)),
        MACHINE,
        ScenarioText("rush <hour> & more", TOML, 7),
        tuple(stages),
        tuple(series),
        _workers(begin, produced, slower),
        _judged(stages, outcome),
        thresholds={
            "e2e_p99_ms": 300.0,
            "lateness_p99_ms": 20.0,
            "lost": 0.0,
            "produced_rate": 0.99,
            "spike.e2e_p99_ms": 250.0,
        },
        ledger=Ledger(produced, produced, produced, produced - 12, 0, 3, True, lost_on_purpose=12),
        faults={"late": 40, "lost": 12},
        disturbances=(Disturbance("kill-actor", begin * 0.6, "driver actor 1 was killed"),),
        capacity=_capacity() if capacity else None,
    )


def _brief(ms: np.ndarray) -> Brief:
    p50, p99 = (round(float(np.percentile(ms, p)), 3) for p in (50, 99))
    return Brief(len(ms), p50, p99, round(float(ms.max()), 3))


def _judged(stages: list[Stage], outcome: Outcome) -> Judgement:
    checks = []
    for stage in stages[1:]:
        lateness, e2e = stage.segments["produced"].p99_ms, stage.segments["pushed"].p99_ms
        assert lateness is not None
        assert e2e is not None
        limit = 250.0 if stage.name == "spike" else 300.0
        checks.append(CheckRow("e2e_p99_ms", stage.name, limit, e2e, e2e <= limit))
        checks.append(CheckRow("lateness_p99_ms", stage.name, 20.0, lateness, lateness <= 20.0))
        checks.append(CheckRow("produced_rate", stage.name, 0.99, 1.0, True))
    checks.append(CheckRow("lost", None, 0.0, 0.0, True))
    if outcome == Outcome.PASSED:
        return Judgement(outcome, 0, tuple(_easier(check) for check in checks))
    if outcome == Outcome.NO_VERDICT:
        return Judgement(
            outcome,
            3,
            tuple(checks),
            Bound.ENCODING,
            "driver processes computed for 97 % of the time and waited for 1 %",
            ("spike",),
        )
    return Judgement(
        outcome, 1, tuple(checks), Bound.STORE, "the history sink was paused for 31 % of the time and its queue grew"
    )


def _easier(check: CheckRow) -> CheckRow:
    return replace(check, limit=check.limit * 10, holds=True) if check.threshold.endswith("_ms") else check


def _uses(load: float) -> tuple[Use, ...]:
    busy = min(0.2 * load, 0.97)
    drivers = (
        Use(f"driver-{n}:5f1c{n}e", "driver", {"cpu": busy, "compute": busy * 0.8, "send": busy * 0.2, "wait": 0.0})
        for n in (1, 2)
    )
    is_behind = load > 2
    sink = Use(
        "history-8000:77aa01",
        "sink",
        {"cpu": 0.3, "write": min(0.3 * load, 1.0)},
        0.31 if is_behind else 0.0,
        {"queue": 300.0 if is_behind else 0.0},
    )
    return (*drivers, sink)


def _workers(seconds: int, produced: int, slower: float) -> tuple[WorkerRow, ...]:
    wall_s = float(seconds)
    one = {"produced": produced // 2, "acked": produced // 2}
    drivers = (
        WorkerRow(
            f"driver-{n}:5f1c{n}e",
            "driver",
            one,
            wall_s,
            0.11 * wall_s * slower,
            180e6,
            {"queue": 12.0, "drivers": 750.0},
        )
        for n in (1, 2)
    )
    read, seen = {"consumed": produced, "indexed": produced - 12}, {"pushed": produced - 12}
    cpu_s = 0.53 * wall_s * slower  # of the one process of which sink and live are parts
    sink = WorkerRow("history-8000:77aa01", "sink", read, wall_s, cpu_s, 240e6, {"lag": 310.0, "paused": 0.0})
    return (*drivers, sink, WorkerRow("live-8000:77aa01", "live", seen, wall_s, cpu_s, 240e6, {"queue": 0.0}))


def _capacity() -> Capacity:
    rising = ((1000, 41.0, 1.2, 0.31), (2000, 58.0, 1.9, 0.55), (4000, 119.0, 3.4, 0.86), (8000, 2400.0, 710.0, 0.99))
    tried = (*rising, (6000, 640.0, 90.0, 0.98), (5000, 261.0, 9.0, 0.94))
    probes = (
        Probe(
            drivers,
            float(min(drivers, 5600)),
            Outcome.PASSED if e2e < 300 else Outcome.FAILED,
            e2e,
            late,
            cpu,
            Bound.ENCODING if cpu > 0.95 else None,
        )
        for drivers, e2e, late, cpu in tried
    )
    return Capacity(5000, tuple(probes))
