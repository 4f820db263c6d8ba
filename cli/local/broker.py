"""The embedded broker: librdkafka's own, out of the confluent-kafka wheel, in a process of its own.

It is for trials and for tests. Its limits, which it does not report, are why no measurement with it is published:

- it keeps 5 MiB a partition and drops the oldest records: hence partitions by the fleet, lz4, readers that stay
  attached, and gaps found by seq;
- it finds an offset by walking the record batches of a partition from the oldest on, once for each batch and reader:
  hence few partitions, and so few and large batches (see `partitions_for`);
- classic consumer groups hang once their last member has left: consumers use ``group.protocol=consumer``;
- no admin API, no transactions, no retention, nothing outlives its process.

It knows the topics of the contract, and no message on them.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import math
import signal
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from cli.errors import CliError
from cli.local.child import Child
from engine.librdkafka.wheel import LibraryUnusable, library_path
from engine.messages import Topic

MAX_PARTITIONS = 64

_OTHERS: dict[Topic, int] = {
    # Nearly each event is a batch of its own, however few partitions there are: the more of them, the fewer batches
    # each holds.
    Topic.DELIVERY_EVENT: MAX_PARTITIONS,
    Topic.DELIVERY_STORY: 1,
    Topic.ROUTE_DEFINED: 16,
    Topic.NEW_DIRECTION: 8,
    Topic.RUN_CONTROL: 4,
    Topic.RUN_EVENT: 4,
    Topic.RUN_METRICS: 4,
    Topic.RUN_JOURNAL: 4,
    Topic.DEAD_LETTER: 4,
}
"""Partitions of the topics that hold no positions."""

POSITIONS_PER_PARTITION = 1_250.0
"""Positions a second that one partition takes.

Its 5 MiB hold about a minute of them, at some 60 bytes each under lz4.
"""


def partitions_for(positions_per_s: float) -> dict[Topic, int]:
    """Return how many partitions each topic has, for a fleet's greatest rate of positions.

    A producer sends one batch a tick to every partition. The broker walks, for each batch and reader, the batches that
    the partition holds, so its processor time grows with the square of the batches a second. With few partitions a
    batch is some kilobytes: the 5 MiB of a partition are few batches, and the cost stays the same from the time when
    the partition is full.
    """
    count = min(MAX_PARTITIONS, max(1, math.ceil(positions_per_s / POSITIONS_PER_PARTITION)))
    return {Topic.NEW_POSITION: count, **_OTHERS}


HEARTBEAT_MS = 300
"""Heartbeat of consumer groups, ms.

A reader waits one or two of these for its partitions; librdkafka's own default is 3 s.
"""

SESSION_TIMEOUT_MS = 4000
"""How long a consumer group waits for a killed reader before another gets its partitions, ms."""

_PRODUCER = 0  # RD_KAFKA_PRODUCER
_PRODUCE_REQUEST = 0


class BrokerError(CliError):
    """The embedded broker could not be started; the message says why."""


def broker_library() -> Path:
    """Return the librdkafka that the installed confluent-kafka brought along.

    Raises
    ------
    BrokerError : this wheel carries no such library.
    """
    try:
        return library_path()
    except LibraryUnusable as error:
        raise BrokerError(f"the embedded broker needs the binary wheel of confluent-kafka: {error}") from error


class BrokerCluster:
    """librdkafka's broker inside this process, for as long as the object is open.

    Parameters
    ----------
    partitions : how many each topic has.
    session_timeout_ms : after which a silent member of a consumer group is given up.
    """

    def __init__(self, partitions: Mapping[Topic, int], *, session_timeout_ms: int = SESSION_TIMEOUT_MS) -> None:
        self._library = library = ctypes.CDLL(str(broker_library()))
        pointer, number, text = ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p
        for name, result, arguments in (
            ("rd_kafka_conf_new", pointer, []),
            ("rd_kafka_conf_set", number, [pointer, text, text, text, ctypes.c_size_t]),
            ("rd_kafka_new", pointer, [number, pointer, text, ctypes.c_size_t]),
            ("rd_kafka_destroy", None, [pointer]),
            ("rd_kafka_mock_cluster_new", pointer, [pointer, number]),
            ("rd_kafka_mock_cluster_destroy", None, [pointer]),
            ("rd_kafka_mock_cluster_bootstraps", text, [pointer]),
            ("rd_kafka_mock_topic_create", number, [pointer, text, number, number]),
            ("rd_kafka_mock_set_group_consumer_heartbeat_interval_ms", None, [pointer, number]),
            ("rd_kafka_mock_set_group_consumer_session_timeout_ms", None, [pointer, number]),
            ("rd_kafka_mock_push_request_errors_array", None, [pointer, ctypes.c_int16, ctypes.c_size_t, pointer]),
        ):
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
        self._client = self._new_client()
        self._cluster = library.rd_kafka_mock_cluster_new(self._client, 1)
        if not self._cluster:
            raise BrokerError("librdkafka refused to open its broker on the loopback interface")
        library.rd_kafka_mock_set_group_consumer_heartbeat_interval_ms(self._cluster, HEARTBEAT_MS)
        library.rd_kafka_mock_set_group_consumer_session_timeout_ms(self._cluster, session_timeout_ms)
        for topic, count in partitions.items():
            code = library.rd_kafka_mock_topic_create(self._cluster, topic.value.encode(), count, 1)
            if code != 0:
                raise BrokerError(f'topic "{topic}" with {count} partitions was refused with librdkafka error {code}')

    def _new_client(self) -> int:
        reason = ctypes.create_string_buffer(512)
        conf = self._library.rd_kafka_conf_new()
        self._library.rd_kafka_conf_set(conf, b"log_level", b"3", reason, len(reason))
        client = self._library.rd_kafka_new(_PRODUCER, conf, reason, len(reason))
        if not client:
            raise BrokerError(f"librdkafka gave no client: {reason.value.decode(errors='replace')}")
        return int(client)

    @property
    def bootstrap(self) -> str:
        """Address of the broker, ``host:port``."""
        return str(self._library.rd_kafka_mock_cluster_bootstraps(self._cluster).decode())

    def refuse_next_produce_requests(self, *codes: int) -> None:
        """Answer the next produce requests with these error codes instead of storing their records."""
        errors = (ctypes.c_int * len(codes))(*codes)
        self._library.rd_kafka_mock_push_request_errors_array(self._cluster, _PRODUCE_REQUEST, len(codes), errors)

    def close(self) -> None:
        """End the broker; what it held is gone."""
        if self._cluster:
            self._library.rd_kafka_mock_cluster_destroy(self._cluster)
            self._library.rd_kafka_destroy(self._client)
            self._cluster = None


class EmbeddedBroker:
    """The broker as a child process.

    Use ``with EmbeddedBroker() as broker: ... broker.bootstrap``, or `start` and `stop`. The child ends on SIGTERM and
    when this process dies, however it dies. It has a session of its own, so that Ctrl-C leaves it alive while the other
    parts flush.

    Parameters
    ----------
    positions_per_s : the load that it must carry; see `partitions_for`.
    """

    def __init__(self, positions_per_s: float = 0.0) -> None:
        self._positions_per_s = positions_per_s
        self._child: Child | None = None
        self._bootstrap = ""

    @property
    def bootstrap(self) -> str:
        """Address of the broker, ``host:port``; empty before `start`."""
        return self._bootstrap

    @property
    def pid(self) -> int | None:
        """Process id of the broker while it runs."""
        return None if self._child is None else self._child.pid

    def start(self, timeout_s: float = 15.0) -> Self:
        """Start the process and wait for its address.

        Raises
        ------
        BrokerError : the process ended, or gave no address within `timeout_s` seconds.
        """
        with tempfile.TemporaryDirectory(prefix="code-delivery-") as folder:
            ready = Path(folder) / "bootstrap"
            arguments = ["--ready-file", str(ready), "--positions-per-s", str(self._positions_per_s)]
            self._child = Child("the embedded broker", "cli.local.broker", arguments, {})
            self._child.start()
            deadline = time.monotonic() + timeout_s
            while not ready.exists():
                if self._child.exit_code is not None:
                    raise BrokerError(f"the embedded broker ended at once with exit code {self._child.exit_code}")
                if time.monotonic() > deadline:
                    self.stop()
                    raise BrokerError(f"the embedded broker was not ready within {timeout_s:g} s")
                time.sleep(0.02)
            self._bootstrap = ready.read_text().strip()
        return self

    def stop(self, timeout_s: float = 3.0) -> None:
        """End the process and wait for it; a second call does nothing."""
        child, self._child = self._child, None
        if child is not None:
            child.stop(timeout_s)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def serve(ready_file: Path, positions_per_s: float) -> None:
    """Run the broker until SIGTERM, from its parent or because the parent has died."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cluster = BrokerCluster(partitions_for(positions_per_s))
    try:
        # A reader must never see half an address: write aside, then rename.
        draft = ready_file.with_name(ready_file.name + ".new")
        draft.write_text(cluster.bootstrap + "\n")
        draft.replace(ready_file)
        stopping.wait()
    finally:
        with contextlib.suppress(OSError):
            ready_file.unlink()
        cluster.close()


def main(arguments: list[str] | None = None) -> None:
    """Run the broker process from its command line."""
    parser = argparse.ArgumentParser(
        prog="python -m cli.local.broker", description="Run the embedded Kafka broker until SIGTERM."
    )
    parser.add_argument(
        "--ready-file", type=Path, required=True, help="file that gets the bootstrap address once the broker listens"
    )
    parser.add_argument(
        "--positions-per-s",
        type=float,
        default=0.0,
        help="load that the topics are made for (default: that of a small fleet)",
    )
    found = parser.parse_args(arguments)
    serve(found.ready_file, found.positions_per_s)


if __name__ == "__main__":
    main()
