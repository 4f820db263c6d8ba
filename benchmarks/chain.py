"""What the benchmarks of the whole chain share: an API on real services, and what the chain has told of itself."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.simulation import free_port, services
from cli.api_client import ApiClient, ApiError
from cli.child import Child
from cli.ledger_table import LedgerSummary
from cli.services import Services
from cli.topic_reader import TopicReader
from engine.histogram import Histogram
from engine.kafka_connection import KafkaConnection
from engine.messages import RunMetrics, Topic

_READY_S, _STOP_S = 60.0, 15.0


class Api:
    """One API process with every role, on some services; `with` starts it, waits until it is ready, and ends it."""

    def __init__(self, found: Services, folder: Path) -> None:
        port = free_port()
        environment = {**found.environment(), "DATA_DIR": str(folder), "PORT": str(port), "API_HOST": "127.0.0.1"}
        self.url, self.live_url = f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/ws/live"
        self.child = Child("the API", "api", [], environment, folder / "api.log")
        self._client = ApiClient(self.url, timeout_s=60.0)

    def __enter__(self) -> Api:
        self.child.start()
        deadline = time.monotonic() + _READY_S
        while not self._client.is_ready():
            self.child.check()
            if time.monotonic() > deadline:
                raise RuntimeError(f"the API was not ready within {_READY_S:g} s:\n{self.child.last_words()}")
            time.sleep(0.2)
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self.child.stop(_STOP_S)

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
            ledger = self._client.ledger(run_id)
            if (ledger is not None and ledger.is_clean) or time.monotonic() > deadline:
                return ledger
            time.sleep(2.0)


@contextmanager
def chain() -> Iterator[tuple[Services, Api, Path]]:
    """Give Kafka, Elasticsearch and the stand-in for MongoDB, an API on them, and a folder."""
    with (
        tempfile.TemporaryDirectory(prefix="code-delivery-bench-") as folder,
        services("kafka", "elasticsearch", "mongodb") as found,
        Api(found, Path(folder)) as api,
    ):
        yield found, api, Path(folder)


def latencies(bootstrap: str, run_id: str, after_s: float = 0.0) -> dict[str, Histogram]:
    """Return what the run's workers measured, merged by segment; of positions due more than `after_s` after the first one."""
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
