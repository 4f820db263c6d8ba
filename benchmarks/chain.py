"""What the benchmarks of the whole chain share.

That is an API on real services, and what the chain has measured of itself.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.simulation import services
from cli.kafka.topic_reader import TopicReader
from cli.local.api_client import ApiClient, ApiError
from cli.local.child import Child
from cli.local.ledger_table import LedgerSummary
from cli.local.port import free_port
from cli.local.services import Services
from cli.local.services.service import Service
from engine.contract.kafka_connection import KafkaConnection
from engine.latency.histogram import Histogram
from engine.messages import RunMetrics, Topic

_READY_S, _STOP_S = 60.0, 15.0


class Api:
    """The API on some services, in two processes: one answers and shows, the other stores.

    `with` starts them, waits until they are ready, and ends them.
    """

    def __init__(self, found: Services, folder: Path) -> None:
        port, other = free_port(), free_port()
        environment = {**found.environment(), "DATA_DIR": str(folder), "API_HOST": "127.0.0.1"}
        self.url, self.live_url = f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/ws/live"
        self._children = [
            Child(
                f"the API ({roles})",
                "api",
                [],
                {**environment, "PORT": str(number), "API_ROLES": roles},
                folder / f"api-{number}.log",
            )
            for roles, number in (("rest,live", port), ("state,history", other))
        ]
        self._found = found
        self._client, self._other = ApiClient(self.url, timeout_s=60.0), ApiClient(f"http://127.0.0.1:{other}")

    def __enter__(self) -> Api:
        for child in self._children:
            child.start()
        deadline = time.monotonic() + _READY_S
        while not (self._client.is_ready() and self._other.is_ready()):
            for child in self._children:
                child.check()
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{child.name} was not ready within {_READY_S:g} s:\n{child.last_words()}")
            time.sleep(0.2)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._other.close()
        for child in self._children:
            child.stop(_STOP_S)

    def pids(self) -> list[int]:
        """Return the processes of the API and of the services behind it."""
        parts: tuple[Child | Service, ...] = (
            *self._children,
            self._found.kafka,
            self._found.elasticsearch,
            self._found.mongodb,
        )
        return [part.pid for part in parts if part.pid is not None]

    def active(self, run_id: str) -> int:
        """Return how many deliveries of a run are on the road; 0 before it is heard of."""
        try:
            run = self._client.run(run_id)
        except (ApiError, httpx.TransportError):
            return 0
        return 0 if run is None else int(run["active"])

    def settled_ledger(self, run_id: str, within_s: float) -> LedgerSummary | None:
        """Return a run's ledger once it is clean, or as it stands after some time."""
        deadline = time.monotonic() + within_s
        while True:
            ledger = self._client.ledger(run_id, max(1.0, deadline - time.monotonic()))
            if (ledger is not None and ledger.is_clean) or time.monotonic() > deadline:
                return ledger
            time.sleep(2.0)


@contextmanager
def chain(*, mongodb_in_memory: bool) -> Iterator[tuple[Services, Api, Path]]:
    """Give Kafka, Elasticsearch and the stand-in for MongoDB, an API on them, and a folder."""
    with (
        tempfile.TemporaryDirectory(prefix="code-delivery-bench-") as folder,
        services("kafka", "elasticsearch", "mongodb", mongodb_in_memory=mongodb_in_memory) as found,
        Api(found, Path(folder)) as api,
    ):
        yield found, api, Path(folder)


def latencies(bootstrap: str, run_id: str, after_s: float = 0.0) -> dict[str, Histogram]:
    """Return what the run's workers measured, merged by segment.

    Counted are positions due more than `after_s` after the first one.
    """
    told: dict[tuple[str, int], RunMetrics] = {}
    reader = TopicReader(KafkaConnection(bootstrap), [Topic.RUN_METRICS.value], "benchmark")
    try:
        reader.mark()
        for messages in reader.polls():
            for message in messages:
                one = RunMetrics.from_json(message.value() or b"")
                if one.run_id == run_id and one.due_s is not None:
                    told[one.worker, one.seq] = one
    finally:
        reader.close()
    first_s = min((one.due_s or 0 for one in told.values()), default=0)
    found: dict[str, Histogram] = {}
    for one in told.values():
        for segment, text in (one.histograms or {}).items():
            if (one.due_s or 0) - first_s >= after_s:
                found.setdefault(segment, Histogram()).merge(Histogram.decode(text))
    return found
