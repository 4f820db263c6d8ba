"""The embedded broker: librdkafka's own broker, out of the confluent-kafka wheel, in a process of its own.

It is for trying things out, and for tests. Its limits, all silent, are why nothing here is ever a published measurement:

- it keeps 5 MiB a partition and drops the oldest records: hence many partitions, lz4, readers that stay attached, and gaps found by seq;
- classic consumer groups hang once their last member has left: consumers use ``group.protocol=consumer``;
- no admin API, no transactions, no retention, nothing outlives its process.

It knows the topics of the contract and nothing of what travels on them.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from actors.wheel_library import LibraryUnusable, library_path
from engine.messages import Topic

PARTITIONS: dict[Topic, int] = {
    Topic.NEW_POSITION: 64,
    Topic.DELIVERY_EVENT: 64,
    Topic.ROUTE_DEFINED: 16,
    Topic.NEW_DIRECTION: 8,
    Topic.RUN_CONTROL: 4,
    Topic.RUN_EVENT: 4,
    Topic.RUN_METRICS: 4,
    Topic.RUN_JOURNAL: 4,
    Topic.DEAD_LETTER: 4,
}
"""Partitions of each topic; what there is much of gets 64, because each keeps 5 MiB only."""

HEARTBEAT_MS = 300
"""Heartbeat of consumer groups: the time a reader waits for its partitions is one or two of these (librdkafka's own default is 3 s)."""

SESSION_TIMEOUT_MS = 4000
"""How long a consumer group waits for a reader that was killed before it gives its partitions to another."""

_PRODUCER = 0  # RD_KAFKA_PRODUCER
_PARENT_POLL_S = 0.25


class BrokerError(RuntimeError):
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
    """librdkafka's broker inside this process, for as long as the object is open."""

    def __init__(self, partitions: dict[Topic, int] | None = None) -> None:
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
        ):
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
        self._client = self._new_client()
        self._cluster = library.rd_kafka_mock_cluster_new(self._client, 1)
        if not self._cluster:
            raise BrokerError("librdkafka refused to open its broker on the loopback interface")
        library.rd_kafka_mock_set_group_consumer_heartbeat_interval_ms(self._cluster, HEARTBEAT_MS)
        library.rd_kafka_mock_set_group_consumer_session_timeout_ms(self._cluster, SESSION_TIMEOUT_MS)
        for topic, count in (PARTITIONS if partitions is None else partitions).items():
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

    def close(self) -> None:
        """End the broker; what it held is gone."""
        if self._cluster:
            self._library.rd_kafka_mock_cluster_destroy(self._cluster)
            self._library.rd_kafka_destroy(self._client)
            self._cluster = None


class EmbeddedBroker:
    """The broker as a child process: ``with EmbeddedBroker() as broker: ... broker.bootstrap``, or `start` and `stop`.

    The child ends on SIGTERM and when this process dies, however it dies. It has a session of its own, so that Ctrl-C leaves it alive while the others flush.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._bootstrap = ""

    @property
    def bootstrap(self) -> str:
        """Address of the broker, ``host:port``; empty before `start`."""
        return self._bootstrap

    @property
    def pid(self) -> int | None:
        """Process id of the broker while it runs."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    def start(self, timeout_s: float = 15.0) -> Self:
        """Start the process and wait for its address.

        Raises
        ------
        BrokerError : the process ended or said nothing within `timeout_s` seconds.
        """
        with tempfile.TemporaryDirectory(prefix="code-delivery-") as folder:
            ready = Path(folder) / "bootstrap"
            command = [sys.executable, "-m", "cli.broker", "--ready-file", str(ready), "--parent", str(os.getpid())]
            # A session of its own: a signal to the terminal's group must not end it before those who still flush.
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
            deadline = time.monotonic() + timeout_s
            while not ready.exists():
                if self._process.poll() is not None:
                    raise BrokerError(f"the embedded broker ended at once with exit code {self._process.returncode}")
                if time.monotonic() > deadline:
                    self.stop()
                    raise BrokerError(f"the embedded broker was not ready within {timeout_s:g} s")
                time.sleep(0.02)
            self._bootstrap = ready.read_text().strip()
        return self

    def stop(self, timeout_s: float = 3.0) -> None:
        """End the process and wait for it; a second call does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()


def serve(ready_file: Path, parent: int) -> None:
    """Run the broker until SIGTERM or until the process `parent` is no longer our parent."""
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cluster = BrokerCluster()
    try:
        # A reader must never see half an address: write aside, then rename.
        draft = ready_file.with_name(ready_file.name + ".new")
        draft.write_text(cluster.bootstrap + "\n")
        draft.replace(ready_file)
        while not stopping.wait(_PARENT_POLL_S) and os.getppid() == parent:
            pass
    finally:
        with contextlib.suppress(OSError):
            ready_file.unlink()
        cluster.close()


def main(arguments: list[str] | None = None) -> None:
    """Command line of the broker process."""
    parser = argparse.ArgumentParser(prog="python -m cli.broker", description="Run the embedded Kafka broker until SIGTERM or the parent's end.")
    parser.add_argument("--ready-file", type=Path, required=True, help="file that gets the bootstrap address once the broker listens")
    parser.add_argument("--parent", type=int, default=os.getppid(), help="process whose end ends the broker (default: whoever starts this)")
    found = parser.parse_args(arguments)
    serve(found.ready_file, found.parent)


if __name__ == "__main__":
    main()
