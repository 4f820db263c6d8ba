"""Our side of the producing benchmarks: one process as fast as it can.

A fleet's positions are interpolated, encoded, produced and acknowledged.

    python -m benchmarks.produce_fleet BOOTSTRAP WARMUP RECORDS
    python -m benchmarks.produce_fleet --points | --records

It does what a driver actor does, without Ray and without waiting for the clock: `FleetSimulation.advance`, then the
publisher that the settings name. Prints one JSON object; seconds are those from the first record after the warm-up
until the last acknowledgement.
"""

from __future__ import annotations

import json
import sys
import time

from actors.driving.host import MAX_TICK_RECORDS
from actors.producing.open_publisher import open_publisher
from actors.producing.publisher import Publisher
from actors.settings import Settings
from benchmarks.rivals.counting import CountingSink
from benchmarks.size import sized
from engine.delivery.simulation import FleetSimulation
from engine.delivery.spec import make_spec
from engine.roads import shipped_network
from engine.roads.route import Route

DRIVERS = sized(10_000, toy=100)
ROUTES = sized(200, toy=10)
START_MS = 1_700_000_000_000
STEP_MS = 1_000


def routes() -> list[Route]:
    """Return the roads that both sides drive, long enough that no driver arrives."""
    return shipped_network("liechtenstein").random_routes(ROUTES, 1, min_length_m=15_000)


class Fleet:
    """Drivers at 1 Hz, one delivery each."""

    def __init__(self) -> None:
        roads = routes()
        self._simulation = FleetSimulation("live")
        self._simulation.define_routes(roads)
        self._simulation.add(
            make_spec(
                delivery_id=f"live-car-{i:05d}-3",
                driver_id=f"car-{i:05d}",
                client_id="scenario",
                run_id="live",
                route_id=roads[i % ROUTES].id,
                depart_ms=START_MS + i * STEP_MS // DRIVERS,
                period_ms=1000,
                seed=1,
            )
            for i in range(DRIVERS)
        )
        self._until_ms = START_MS

    def produce(self, publisher: Publisher, records: int) -> tuple[int, int]:
        """Send at least some positions, and wait for all acknowledgements; return number and bytes."""
        sent = size = 0
        while sent < records:
            tick = self._simulation.advance(self._until_ms, max_records=MAX_TICK_RECORDS)
            publisher.publish(tick.records, tick.events)
            publisher.poll()
            sent += len(tick.records)
            size += sum(block.matrix.size for block in tick.records.blocks)
            if not tick.more:
                self._until_ms += STEP_MS
        if publisher.flush(120.0):
            raise RuntimeError("the broker did not acknowledge within 120 s")
        return sent, size

    def make(self, sink: CountingSink, until_ms: int) -> None:
        """Hand over everything that is due up to an instant to a sink that counts."""
        more = True
        while more:
            tick = self._simulation.advance(until_ms, max_records=MAX_TICK_RECORDS)
            for block in tick.records.blocks:
                sink.take(block.matrix.size, len(block.matrix))
            more = tick.more

    def values(self, count: int) -> list[bytes]:
        """Return some records as they are sent."""
        return self._simulation.advance(START_MS + 2 * STEP_MS * count // DRIVERS + 60_000, max_records=count).values


def main(bootstrap: str, warmup: int, records: int) -> None:
    """Produce, and print what it took."""
    publisher = open_publisher(Settings(kafka_bootstrap=bootstrap))
    fleet = Fleet()
    fleet.produce(publisher, warmup)
    failed = publisher.counts.failed
    began, began_cpu = time.perf_counter(), time.process_time()
    sent, size = fleet.produce(publisher, records)
    took = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - began_cpu}
    print(json.dumps({"records": sent, "failed": publisher.counts.failed - failed, **took, "mean_bytes": size / sent}))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--points"]:
            print(
                json.dumps(
                    [
                        list(zip(road.lat_deg.round(7).tolist(), road.lng_deg.round(7).tolist(), strict=True))
                        for road in routes()
                    ]
                )
            )
        case ["--records"]:
            sys.stdout.buffer.write(b"\n".join(Fleet().values(MAX_TICK_RECORDS)))
        case [address, first, count]:
            main(address, int(first), int(count))
        case _:
            sys.exit(__doc__)
