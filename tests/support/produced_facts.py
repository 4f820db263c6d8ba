"""The facts of a run without its drivers: what actors would produce, for tests of readers."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from confluent_kafka import Producer

from engine.codec import PositionEncoder, Positions
from engine.messages import DeliveryEvent, RunEvent, Topic


class Simulation:
    """Produces the facts of one run as the actors do."""

    def __init__(self, bootstrap: str, run_id: str = "run", deliveries: int = 50) -> None:
        self.producer = Producer(
            {"bootstrap.servers": bootstrap, "compression.type": "lz4", "linger.ms": 2, "message.max.bytes": 5_000_000}
        )
        self.run_id, self.now_ms, self.sent = run_id, int(time.time() * 1000), 0
        self.names = [f"{run_id}-{number}" for number in range(deliveries)]
        self._encoder = PositionEncoder()
        n = len(self.names)
        self._rows = self._encoder.add_rows(
            ["r1"] * n, ["client"] * n, self.names, [f"driver-{name}" for name in self.names], run_id
        )

    def send(self, topic: Topic, key: bytes, value: bytes) -> None:
        while True:
            try:
                self.producer.produce(topic, value, key)
                return
            except BufferError:
                self.producer.poll(0.1)

    def positions(self, seqs: range, *, last: bool = False) -> None:
        n = len(self.names)
        for seq in seqs:
            values = self._encoder.encode(
                self._rows,
                Positions(
                    np.full(n, 47.1) + seq * 1e-4,
                    np.full(n, 9.5),
                    np.full(n, last and seq == seqs[-1]),
                    np.full(n, seq),
                    np.full(n, self.now_ms + seq),
                    np.full(n, 5.0),
                    np.full(n, 0.0),
                    np.full(n, seq * 5.0),
                ),
            )
            for name, value in zip(self.names, values, strict=True):
                self.send(Topic.NEW_POSITION, name.encode(), value)
        self.sent += n * len(seqs)
        assert self.producer.flush(60) == 0

    def example(self) -> bytes:
        """Return a position's record."""
        one = np.ones(1)
        return self._encoder.encode(
            self._rows[:1], Positions(one, one, one > 1, np.zeros(1, np.int64), np.full(1, self.now_ms), one, one, one)
        )[0]

    def events(self, kind: str, seq: int, **more: Any) -> None:
        for name in self.names:
            event = DeliveryEvent(
                name, self.run_id, "r1", "client", f"driver-{name}", "car", kind, seq, self.now_ms + seq, **more
            )
            self.send(Topic.DELIVERY_EVENT, event.key, event.to_json())
        assert self.producer.flush(60) == 0

    def run(self, state: str, seq: int) -> None:
        event = RunEvent(
            self.run_id,
            state,
            seq,
            self.now_ms + seq,
            "test",
            clock=[self.now_ms, self.now_ms, 1.0],
            produced=self.sent,
            acked=self.sent,
        )
        self.send(Topic.RUN_EVENT, event.key, event.to_json())
        assert self.producer.flush(60) == 0

    def whole(self, seqs: int) -> None:
        self.run("running", 0)
        self.events("started", 0, route_length=1000.0, planned_arrival=self.now_ms + 60_000)
        self.positions(range(seqs), last=True)
        self.events("delivered", 1, positions=seqs)
        self.run("finished", 1)
