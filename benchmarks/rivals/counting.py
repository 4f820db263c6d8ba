"""What all sides of `benchmarks.rate_vs_locust` share.

The sink that counts, the rivals' record, and the clock of a measurement. Standard library only.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field

EVENT_MS = 1_700_000_000_000
POINTS = [(47.1 + i * 1e-4, 9.5 + i * 7e-5) for i in range(400)]
"""Where the rivals' drivers are, second by second: stored, so that they need not interpolate."""


class CountingSink:
    """Takes records as they would go to Kafka, and counts them."""

    def __init__(self) -> None:
        self.records = self.bytes = 0

    def take(self, size: int, records: int = 1) -> None:
        """Count some records of a number of bytes together."""
        self.records += records
        self.bytes += size


def record_of(driver: str, seq: int) -> dict[str, object]:
    """Return a position of a rival's driver with every field that ours has."""
    return {
        "routeId": "liechtenstein-0042",
        "clientId": "scenario",
        "position": POINTS[seq % len(POINTS)],
        "finished": False,
        "deliveryId": driver,
        "driverId": driver,
        "runId": "rival",
        "seq": seq,
        "eventTime": EVENT_MS + 1000 * seq,
        "speed": 10.0,
        "bearing": 90.0,
        "distance": 10.0 * seq,
    }


@dataclass
class Measurement:
    """Records between two instants, and the processor time of this process between them."""

    sink: CountingSink
    began: tuple[int, int, float, float] = field(default=(0, 0, 0.0, 0.0))

    def begin(self) -> None:
        """Begin here."""
        self.began = self.sink.records, self.sink.bytes, time.process_time(), time.perf_counter()

    def told(self) -> str:
        """Return what there was since the beginning, as one JSON object."""
        records, size, cpu_s, at_s = self.began
        made = self.sink.records - records
        found = Told(
            made, (self.sink.bytes - size) / max(1, made), time.process_time() - cpu_s, time.perf_counter() - at_s
        )
        return json.dumps(asdict(found))


@dataclass(frozen=True)
class Told:
    """What a side tells."""

    records: int
    mean_bytes: float
    cpu_seconds: float
    seconds: float
