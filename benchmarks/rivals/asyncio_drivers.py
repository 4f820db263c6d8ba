"""The simulation as it is usually written: one asyncio task per driver.

A JSON library and one `produce` call per position.

    python -m benchmarks.rivals.asyncio_drivers BOOTSTRAP DRIVERS SECONDS

Each task steps along stored points at 1 Hz, by its own schedule, and notes how late each position was. Prints one JSON
object.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time

import numpy as np
import orjson
from confluent_kafka import Producer


async def _drive(
    number: int, producer: Producer, points: list[tuple[float, float]], end: float, late_ms: list[float]
) -> None:
    driver = f"driver-{number}"
    due = time.monotonic() + random.random()
    seq = 0
    while due < end:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        lat, lng = points[seq % len(points)]
        record = {
            "routeId": "1",
            "clientId": "rival",
            "position": [lat, lng],
            "finished": False,
            "deliveryId": driver,
            "driverId": driver,
            "runId": "rival",
            "seq": seq,
        }
        producer.produce(
            "route.new-position",
            orjson.dumps(
                record | {"eventTime": int(time.time() * 1000), "speed": 10.0, "bearing": 90.0, "distance": 10.0 * seq}
            ),
            driver,
        )
        producer.poll(0)
        late_ms.append((time.monotonic() - due) * 1000)
        seq += 1
        due += 1.0


async def _run(bootstrap: str, drivers: int, seconds: float) -> dict[str, float]:
    producer = Producer({"bootstrap.servers": bootstrap, "compression.type": "lz4", "linger.ms": 20})
    points = [(47.1 + i * 1e-4, 9.5) for i in range(400)]
    late_ms: list[float] = []
    end = time.monotonic() + seconds
    began_cpu = time.process_time()
    async with asyncio.TaskGroup() as tasks:
        for number in range(drivers):
            tasks.create_task(_drive(number, producer, points, end, late_ms))
    left = producer.flush(10)
    cpu_us = (time.process_time() - began_cpu) / max(1, len(late_ms)) * 1e6
    return {
        "positions": len(late_ms),
        "unacknowledged": left,
        "lateness_p99_ms": float(np.percentile(late_ms, 99)),
        "cpu_us_per_position": cpu_us,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_run(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))))
