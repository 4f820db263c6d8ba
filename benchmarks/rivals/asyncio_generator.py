"""Positions as asyncio makes them: one task per driver, stored points, a sink that counts.

    python -m benchmarks.rivals.asyncio_generator DRIVERS SECONDS [free]

Each task goes by a schedule of its own, one position a second; `free` waits for nothing and makes as many as one core
can.
"""

from __future__ import annotations

import asyncio
import random
import sys

import orjson

from benchmarks.rivals.counting import CountingSink, Measurement, record_of

_SETTLE_S = 2.0


async def _drive(name: str, sink: CountingSink, due_s: float) -> None:
    loop, seq = asyncio.get_running_loop(), 0
    while True:
        await asyncio.sleep(due_s - loop.time())
        sink.take(len(orjson.dumps(record_of(name, seq))))
        seq += 1
        due_s += 1.0


async def _drive_freely(name: str, sink: CountingSink, _due_s: float) -> None:
    seq = 0
    while True:
        await asyncio.sleep(0)
        sink.take(len(orjson.dumps(record_of(name, seq))))
        seq += 1


async def _run(drivers: int, seconds: float, *, free: bool) -> str:
    sink, loop = CountingSink(), asyncio.get_running_loop()
    measurement, drive = Measurement(sink), _drive_freely if free else _drive
    tasks = [
        asyncio.create_task(drive(f"rival-courier-{number:05d}-0", sink, loop.time() + 1.0 + random.random()))
        for number in range(drivers)
    ]
    await asyncio.sleep(_SETTLE_S)
    measurement.begin()
    await asyncio.sleep(seconds)
    told = measurement.told()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return told


if __name__ == "__main__":
    print(asyncio.run(_run(int(sys.argv[1]), float(sys.argv[2]), free="free" in sys.argv)))
