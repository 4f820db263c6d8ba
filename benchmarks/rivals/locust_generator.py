"""Positions as Locust makes them: one user per driver, stored points, a client that counts.

    python -m benchmarks.rivals.locust_generator USERS SECONDS

Each user goes by Locust's own pacing, one position a second. It needs Locust, which is no dependency of the project:
`benchmarks.rate_vs_locust` runs it in an environment of its own.
"""

from __future__ import annotations

import itertools
import sys

import gevent
from locust import User, constant_pacing, task  # before anything else: it puts gevent in the standard library's place
from locust.env import Environment

import orjson  # isort: skip

from benchmarks.rivals.counting import CountingSink, Measurement, record_of

SINK = CountingSink()
_NUMBERS = itertools.count()
_SETTLE_S = 2.0


class Driver(User):
    """One driver."""

    wait_time = constant_pacing(1.0)

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.name, self.seq = f"rival-courier-{next(_NUMBERS):05d}-0", 0

    @task
    def tell(self) -> None:
        """Send a position as a custom client of Locust does, then fire Locust's event."""
        size = len(orjson.dumps(record_of(self.name, self.seq)))
        SINK.take(size)
        self.seq += 1
        self.environment.events.request.fire(
            request_type="position", name="tell", response_time=0.0, response_length=size, exception=None, context={}
        )


def main(users: int, seconds: float) -> None:
    """Run, and print what came about after all users were there."""
    environment = Environment(user_classes=[Driver])
    runner = environment.create_local_runner()
    runner.start(users, spawn_rate=users)
    while runner.user_count < users:
        gevent.sleep(0.1)
    measurement = Measurement(SINK)
    gevent.sleep(_SETTLE_S)
    measurement.begin()
    gevent.sleep(seconds)
    print(measurement.told(), flush=True)
    runner.quit()


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
