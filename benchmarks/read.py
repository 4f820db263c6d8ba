"""Reading positions from a real broker in one process, beside a JSON library and a dict, one by one.

Consume, decode, bring the live map's hub up to date.

Each reader is a process of its own that reads the same topic from its beginning; the two take turns, and the best of
some rounds counts. Then the same work once more, a step at a time, to say where its time goes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from api.kafka_clients import MAX_POLL, POLL_S, lone_consumer, without_errors
from api.live import Hub
from api.measuring.tuning import tune_process
from api.stream.intake import read_messages, read_records
from api.stream.polling import position_queue
from api.stream.records import Inbound, Records
from benchmarks.size import sized
from engine.codec import PositionBatch, PositionEncoder, Positions, decode_buffer
from engine.contract.kafka_connection import KafkaConnection
from engine.messages import Topic

POSITIONS = sized(3_000_000, toy=4_000)
DRIVERS = sized(50_000, toy=1_000)
PARTITIONS = 12
ROUNDS = sized(3, toy=1)
BEGAN_MS = 1_767_225_600_000

TOPIC = Topic.NEW_POSITION.value


def run() -> list[dict[str, Any]]:
    """Return positions/s of our reader and of the plain one, and how long each step of ours takes."""
    from cli.local.services import Services

    with tempfile.TemporaryDirectory(prefix="code-delivery-") as folder:
        Path(folder).chmod(0o755)
        services = Services(Path(folder), free_ports=True)
        try:
            services.start(["kafka"])
            return measure(services.kafka.address)
        finally:
            services.stop()


def measure(bootstrap: str, positions: int = POSITIONS) -> list[dict[str, Any]]:
    """Return the rows, measured with a broker that has nothing yet."""
    _produce(bootstrap, positions)
    rates = dict.fromkeys(READERS, 0.0)
    for _ in range(ROUNDS):
        for name in READERS:
            found = _in_a_process(name, bootstrap)
            rates[name] = max(rates[name], found["positions"] / found["seconds"])
    steps = _in_a_process("steps", bootstrap)
    ours, rival = rates["ours"], rates["rival"]
    rows: list[dict[str, Any]] = [
        {
            "name": "read",
            "value": ours,
            "unit": "positions/s",
            "rival": "orjson and a dict, per record",
            "rival_value": rival,
            "ratio": ours / rival,
        }
    ]
    return rows + [
        {"name": f"read.{name}", "value": seconds / steps["positions"] * 1e6, "unit": "µs/position"}
        for name, seconds in steps["steps"].items()
    ]


def _produce(bootstrap: str, positions: int) -> None:
    """Fill the topic as drivers do: each second every one of them, each delivery in its partition."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(TOPIC, num_partitions=PARTITIONS, replication_factor=1)])[TOPIC].result(20)
    producer = Producer(
        {"bootstrap.servers": bootstrap, "compression.type": "lz4", "linger.ms": 5, "batch.size": 262_144}
    )
    encoder, chance = PositionEncoder(), np.random.default_rng(1)
    names = [f"live-car-{i:05d}-3" for i in range(DRIVERS)]
    rows = encoder.add_rows(
        [f"liechtenstein-{i % 400:04d}" for i in range(DRIVERS)],
        [f"client-{i}" for i in range(DRIVERS)],
        names,
        [f"car-{i:05d}" for i in range(DRIVERS)],
        "live",
    )
    for seq in range(positions // DRIVERS):
        values = encoder.encode(rows, Positions(*_seconds(seq, chance)))
        for partition in range(PARTITIONS):
            mine = range(partition, DRIVERS, PARTITIONS)
            _put(producer, partition, [{"value": values[i], "key": names[i]} for i in mine])
    if producer.flush(60):
        raise RuntimeError(f"the broker at {bootstrap} did not take all positions within 60 s")


def _seconds(seq: int, chance: np.random.Generator) -> Sequence[Any]:
    n, whole = DRIVERS, np.full(DRIVERS, seq)
    return (
        chance.uniform(47.0, 47.3, n),
        chance.uniform(9.4, 9.7, n),
        np.zeros(n, np.bool_),
        whole,
        BEGAN_MS + seq * 1000 + np.arange(n) % 1000,
        chance.uniform(0, 30, n),
        chance.uniform(0, 360, n),
        seq * 10.0 + chance.uniform(0, 9, n),
    )


def _put(producer: Producer, partition: int, records: list[dict[str, Any]]) -> None:
    while records:
        producer.produce_batch(TOPIC, records, partition=partition)
        records = [record for record in records if "_error" in record]
        for record in records:
            del record["_error"]
        producer.poll(0.05 if records else 0)


def _in_a_process(name: str, bootstrap: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.read", name, bootstrap]
    return dict(json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=600).stdout))


class _Polls:
    """Polls of the whole topic by a consumer like the live map's; `seconds` count from the first record."""

    def __init__(self, bootstrap: str, *, native: bool) -> None:
        kafka = KafkaConnection(bootstrap)
        self._consumer = lone_consumer(kafka, "benchmark")
        self._queue = position_queue(self._consumer, kafka, "benchmark", has_keys=False) if native else None
        if self._queue is not None:
            self._queue.forward(range(PARTITIONS))
        partitions = [TopicPartition(TOPIC, partition, 0) for partition in range(PARTITIONS)]
        self.positions = sum(self._consumer.get_watermark_offsets(partition, timeout=10)[1] for partition in partitions)
        self.seconds = 0.0
        self._consumer.assign(partitions)

    def __iter__(self) -> Iterator[Sequence[Inbound]]:
        left, began = self.positions, 0.0
        while left > 0:
            with self._take() as records:
                began = began or (time.perf_counter() if len(records) else 0.0)
                left -= len(records)
                yield records
        self.seconds = time.perf_counter() - began
        if self._queue is not None:
            self._queue.close()
        self._consumer.close()

    def _take(self) -> AbstractContextManager[Sequence[Inbound]]:
        if self._queue is not None:
            return self._queue.take(POLL_S)
        return nullcontext(without_errors(self._consumer.consume(MAX_POLL, POLL_S), "benchmark"))


def _positions(records: Sequence[Inbound]) -> PositionBatch:
    if isinstance(records, Records):
        return read_records(records, keep_records=False).positions
    return read_messages(records, keep_records=False).positions


def _ours(bootstrap: str) -> dict[str, Any]:
    """Read as the live map does."""
    hub, polls = Hub(BEGAN_MS), _Polls(bootstrap, native=True)
    for records in polls:
        hub.on_positions(_positions(records))
    if hub.counters.positions != polls.positions or len(hub.world.slots) != DRIVERS:
        raise RuntimeError(f"the hub took {hub.counters.positions} positions of {len(hub.world.slots)} deliveries")
    return {"positions": polls.positions, "seconds": polls.seconds}


def _rival(bootstrap: str) -> dict[str, Any]:
    """Read as one would at first: each record parsed, the newest of each delivery kept."""
    newest: dict[str, dict[str, Any]] = {}
    polls = _Polls(bootstrap, native=False)
    for messages in polls:
        for message in messages:
            record = orjson.loads(message.value() or b"")
            known = newest.get(record["deliveryId"])
            if known is None or record["seq"] > known["seq"]:
                newest[record["deliveryId"]] = record
    if len(newest) != DRIVERS:
        raise RuntimeError(f"{len(newest)} deliveries were found")
    return {"positions": polls.positions, "seconds": polls.seconds}


def _steps(bootstrap: str) -> dict[str, Any]:
    """Read as the live map does, and count this thread's processor time for each step.

    The decoder's seconds are a part of the intake's.
    """
    hub, polls = Hub(BEGAN_MS), _Polls(bootstrap, native=True)
    spent = dict.fromkeys(("consume", "intake", "hub", "intake.decode"), 0.0)
    clock = time.thread_time
    marks = [clock()]
    for records in polls:
        marks.append(clock())
        positions = _positions(records)
        marks.append(clock())
        hub.on_positions(positions)
        marks.append(clock())
        if isinstance(records, Records):
            decode_buffer(records.values.buffer, records.values.begins, records.values.lengths)  # once more
        marks.append(clock())
        for name, seconds in zip(spent, np.diff(marks).tolist(), strict=True):
            spent[name] += seconds
        marks = marks[-1:]
    return {"positions": polls.positions, "steps": spent}


READERS = ("ours", "rival")

if __name__ == "__main__":
    name, address = sys.argv[1:]
    tune_process()  # as the API does, and for the rival too
    print(json.dumps({"ours": _ours, "rival": _rival, "steps": _steps}[name](address)))
