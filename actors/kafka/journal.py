"""The journal on Kafka: the compacted topic ``run.journal``, so that a run outlives its whole cluster.

A run's entries are in one partition, under the keys ``<runId>/<key>``. Each `append` is one transaction: it is kept all
or not at all, and it is safe when `append` returns (acks=all). The transactional id belongs to the run, so the broker
itself refuses a dispatcher that a newer one has followed: a process that was cut off and comes back can neither write
nor act. The last one to take a journal over wins.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from actors.dispatch.journal import Change, Entry, JournalClosed, JournalError, NoPlace, Superseded, Table, reduced
from actors.producing.options import Options, topic_metadata
from engine.contract.topics import TOPICS
from engine.messages import Topic

logger = logging.getLogger(__name__)

TRANSACTION_MS = 60_000
"""A transaction that takes longer is given up by the broker, and begun again here."""

_WAIT_S = 0.5
"""One wait for the broker; between two `close` is looked at."""

_READ_RECORDS = 10_000
_FENCED = frozenset({KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED})


def partition_of(run_id: str) -> int:
    """Return the partition of a run's journal.

    It follows from the contract and not from the broker, so that a topic may get more partitions later.
    """
    return zlib.crc32(run_id.encode()) % TOPICS[Topic.RUN_JOURNAL].partitions


class KafkaJournal:
    """One run's journal.

    Parameters
    ----------
    producer, consumer : options of Kafka clients, see `actors.producing.options`.
    topic : another name for tests on a shared broker.
    """

    def __init__(self, run_id: str, producer: Options, consumer: Options, topic: str = Topic.RUN_JOURNAL.value) -> None:
        self._run_id, self._topic, self._partition = run_id, topic, partition_of(run_id)
        self._consumer_options: Options = {
            **consumer,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
        self._producer = Producer(
            {
                **producer,
                "acks": "all",
                "enable.idempotence": True,
                "linger.ms": 0,
                "transactional.id": f"code-delivery-journal-{run_id}",
                "transaction.timeout.ms": TRANSACTION_MS,
                "message.timeout.ms": TRANSACTION_MS,
            }
        )
        self._keys: set[str] = set()
        self._closing = threading.Event()

    def read(self) -> Table:
        """Take the journal over: from now on no earlier dispatcher can write. Return what it holds.

        Raises
        ------
        NoPlace : the topic is missing or has too few partitions.
        """
        self._check_topic()
        self._insist(self._producer.init_transactions)
        table = reduced(self._changes())
        self._keys = set(table)
        return table

    def append(self, changes: Iterable[Change]) -> None:
        """Keep some changes in one transaction; waits as long as the broker is away.

        Raises
        ------
        Superseded : a newer dispatcher has taken the journal over.
        JournalClosed : `close` was called meanwhile; nothing is kept.
        """
        newest = dict(changes)
        while newest:
            self._check_open()
            try:
                self._producer.begin_transaction()
                for key, entry in newest.items():
                    self._send(key, entry)
                self._insist(self._producer.commit_transaction)
                break
            except KafkaException as error:
                self._abort(error)
        self._keys |= {key for key, entry in newest.items() if entry is not None}
        self._keys -= {key for key, entry in newest.items() if entry is None}

    def conclude(self, key: str, entry: Entry) -> None:
        """Forget everything but one entry."""
        self.append([*((known, None) for known in self._keys), (key, entry)])

    def close(self) -> None:
        """Give up what is being kept."""
        self._closing.set()

    def _check_topic(self) -> None:
        found = topic_metadata(self._producer, self._topic, 10.0)
        if found.error is not None or len(found.partitions) <= self._partition:
            fault = f"has {len(found.partitions)} partitions" if found.error is None else found.error.str()
            wanted = TOPICS[Topic.RUN_JOURNAL].partitions
            raise NoPlace(
                f"topic {self._topic} must have {wanted} partitions and be compacted, found: {fault}; "
                "mend: code-delivery topics apply"
            )

    def _send(self, key: str, entry: Entry | None) -> None:
        value = None if entry is None else json.dumps(entry, separators=(",", ":")).encode()
        while True:
            with contextlib.suppress(BufferError):
                self._producer.produce(self._topic, value, f"{self._run_id}/{key}".encode(), self._partition)
                return
            self._producer.poll(_WAIT_S)
            self._check_open()

    def _insist(self, act: Callable[[float], None]) -> None:
        """Do what may time out until it is done."""
        while True:
            try:
                act(_WAIT_S)
            except KafkaException as error:
                self._check_fenced(error)
                if not error.args[0].retriable():
                    raise
                self._check_open()
            else:
                return

    def _abort(self, error: KafkaException) -> None:
        """Give a transaction up, so that it can be begun again."""
        self._check_fenced(error)
        if not error.args[0].txn_requires_abort():
            raise JournalError(f"the journal of run {self._run_id} cannot be kept: {error.args[0].str()}") from error
        logger.warning("the journal of run %s is kept once more: %s", self._run_id, error.args[0].str())
        self._check_open()
        self._insist(self._producer.abort_transaction)

    def _check_fenced(self, error: KafkaException) -> None:
        if error.args[0].code() in _FENCED:
            raise Superseded(f"another dispatcher has taken over run {self._run_id}") from error

    def _check_open(self) -> None:
        if self._closing.is_set():
            raise JournalClosed(f"the journal of run {self._run_id} was closed while the broker was away")

    def _changes(self) -> Iterator[Change]:
        """Yield this run's changes from the beginning to the present end."""
        prefix = f"{self._run_id}/".encode()
        consumer = Consumer(self._consumer_options)
        try:
            consumer.assign([TopicPartition(self._topic, self._partition, OFFSET_BEGINNING)])
            for message in self._messages(consumer):
                key, value = message.key() or b"", message.value()
                if key.startswith(prefix):
                    yield key[len(prefix) :].decode(), None if value is None else json.loads(value)
        finally:
            consumer.close()

    def _messages(self, consumer: Consumer) -> Iterator[Message]:
        while True:
            for message in consumer.consume(_READ_RECORDS, _WAIT_S):
                error = message.error()
                if error is None:
                    yield message
                elif error.code() == KafkaError._PARTITION_EOF:
                    return
                else:
                    logger.warning("reading the journal of run %s: %s", self._run_id, error)
            self._check_open()
