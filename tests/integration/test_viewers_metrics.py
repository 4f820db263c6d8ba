"""What simulated viewers have measured is read from the topic as it was published."""

from __future__ import annotations

import time
import uuid

import numpy as np
from confluent_kafka import Consumer

from cli.load.viewers.metrics_publisher import MetricsPublisher
from engine.contract.kafka_connection import KafkaConnection
from engine.latency.histogram import Histogram
from engine.latency.meter import Meter, Segment
from engine.messages import RunMetrics, Topic, Worker

WAIT_S = 60.0


def told_of(run_id: str, bootstrap: str, count: int) -> list[RunMetrics]:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"viewers-{run_id}",
            "group.protocol": "consumer",
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([Topic.RUN_METRICS])
    found: list[RunMetrics] = []
    deadline = time.monotonic() + WAIT_S
    while len(found) < count and time.monotonic() < deadline:
        record = consumer.poll(0.5)
        if record is not None and record.error() is None and record.key() == run_id.encode():
            found.append(RunMetrics.from_json(record.value() or b""))
    consumer.close()
    return found


def test_what_was_measured_is_on_the_topic_once_with_the_gauges(embedded_broker: str) -> None:
    run_id, meter = f"run-{uuid.uuid4().hex[:8]}", Meter()
    meter.measure(run_id, Segment.VIEWED, np.array([1_000.0, 1_500.0]), 2_000.0)
    publisher = MetricsPublisher(KafkaConnection(embedded_broker), 3)
    publisher.publish(run_id, meter.take(), {"viewers": 7.0, "stalled": 1.0})
    publisher.publish(run_id, meter.take(), {"viewers": 8.0})
    publisher.close()
    first, second = told_of(run_id, embedded_broker, 2)
    assert (first.part, first.seq, first.due_s, second.seq, second.due_s, first.worker) == (
        Worker.VIEWER,
        0,
        1,
        1,
        None,
        second.worker,
    )
    assert first.worker.startswith("viewer-3:")
    assert Histogram.decode((first.histograms or {})[Segment.VIEWED]).total == 2
    gauges = first.gauges or {}
    assert (gauges["viewers"], gauges["stalled"], gauges["cpuS"] > 0, gauges["rssBytes"] > 1e6) == (
        7.0,
        1.0,
        True,
        True,
    )
    assert (second.gauges or {})["viewers"] == 8.0
