"""One poll of a consumer.

Positions come in native batches where that is possible, everything else as messages.
"""

from __future__ import annotations

import logging

from confluent_kafka import Consumer, Message

from api.kafka_clients import MAX_POLL, client_id_of, without_errors
from api.stream.intake import Intake, read_messages, read_records
from api.stream.native_queue import NativeQueue
from api.stream.offsets import Partition
from api.stream.records import Records
from engine.contract.kafka_connection import KafkaConnection
from engine.librdkafka.wheel import LibraryUnusable
from engine.messages import Topic

logger = logging.getLogger(__name__)


class UnreadPoll(RuntimeError):
    """A poll whose records could not be read, by a fault of the reader.

    Attributes
    ----------
    first_offsets : the offset of the first record of each partition.
    """

    def __init__(self, first_offsets: dict[Partition, int]) -> None:
        super().__init__(f"{len(first_offsets)} partitions of a poll could not be read")
        self.first_offsets = first_offsets


def position_queue(consumer: Consumer, kafka: KafkaConnection, role: str, *, has_keys: bool) -> NativeQueue | None:
    """Return the native queue of a consumer's positions.

    Where there can be none it is None, with the reason in the log.
    """
    try:
        return NativeQueue(consumer, client_id_of(kafka, role), Topic.NEW_POSITION, MAX_POLL, has_keys=has_keys)
    except LibraryUnusable as error:
        logger.warning("the %s consumer reads positions one by one: %s", role, error)
        return None


def poll(
    consumer: Consumer,
    positions: NativeQueue | None,
    role: str,
    timeout_s: float,
    *,
    shape_routes: bool = False,
    keep_records: bool = True,
) -> Intake | None:
    """Return what comes within some seconds; None if nothing does.

    Callbacks of the consumer are called here.

    Parameters
    ----------
    shape_routes, keep_records : see `api.stream.intake.read_messages`.

    Raises
    ------
    UnreadPoll : a fault of ours.
    """
    if positions is None:
        messages = without_errors(consumer.consume(MAX_POLL, timeout_s), role)
        return _read(messages, None, shape_routes, keep_records)
    with positions.take(timeout_s) as records:
        messages = without_errors(consumer.consume(MAX_POLL, 0), role)
        return _read(messages, records, shape_routes, keep_records)


def _read(messages: list[Message], records: Records | None, shape_routes: bool, keep_records: bool) -> Intake | None:
    if not messages and not records:
        return None
    found: list[Intake] = []
    try:
        # Positions may be among the messages as well: those that came before their partition was forwarded.
        if messages:
            found.append(read_messages(messages, shape_routes=shape_routes, keep_records=keep_records))
        if records:
            found.append(read_records(records, keep_records=keep_records))
        return Intake.merged(found)
    except Exception as error:
        first: dict[Partition, int] = {}
        for record in (*messages, *(records or ())):
            first.setdefault((record.topic() or "", record.partition() or 0), record.offset() or 0)
        raise UnreadPoll(first) from error
