"""Tells on ``run.metrics`` what the viewers of a process have measured."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Mapping, Sequence

import psutil
from confluent_kafka import Producer

from engine.contract.kafka_connection import KafkaConnection
from engine.latency.meter import Measured
from engine.messages import RunMetrics, Topic, Worker

FLUSH_S = 5.0


def reports(
    run_id: str, worker: str, seq: int, told_ms: int, measured: Sequence[Measured], gauges: Mapping[str, float]
) -> list[RunMetrics]:
    """Return the messages of one publication, numbered from `seq` on.

    There is one for each second of due times; the last has the gauges.
    """
    mine = [one for one in measured if one.run_id == run_id]
    published = [
        (one.due_s, {str(segment): histogram.encode() for segment, histogram in one.histograms.items()}) for one in mine
    ]
    messages = []
    for number, (due_s, histograms) in enumerate(published or [(None, None)]):
        is_last = number == max(len(published) - 1, 0)
        messages.append(
            RunMetrics(
                run_id,
                worker,
                Worker.VIEWER,
                seq + number,
                told_ms,
                due_s,
                histograms,
                dict(gauges) if is_last else None,
            )
        )
    return messages


class MetricsPublisher:
    """A producer for the messages of one process."""

    def __init__(self, kafka: KafkaConnection, index: int) -> None:
        self._producer = Producer(
            kafka.options() | {"linger.ms": 5, "acks": "all", "message.timeout.ms": 30_000, "log_level": 3}
        )
        self._worker = f"viewer-{index}:{uuid.uuid4().hex[:6]}"
        self._seq = 0
        self._process = psutil.Process(os.getpid())

    def publish(self, run_id: str, measured: Sequence[Measured], gauges: Mapping[str, float]) -> None:
        """Publish what was measured of a run, without waiting for Kafka."""
        own = {"cpuS": time.process_time(), "rssBytes": float(self._process.memory_info().rss)}
        for message in reports(run_id, self._worker, self._seq, int(time.time() * 1000), measured, {**own, **gauges}):
            self._seq += 1
            try:
                self._producer.produce(Topic.RUN_METRICS, message.to_json(), message.key)
            except BufferError:
                continue
        self._producer.poll(0)

    def close(self) -> None:
        """Wait a moment for what is on its way."""
        self._producer.flush(FLUSH_S)
