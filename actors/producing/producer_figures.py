"""A few figures of a producer, out of the many in librdkafka's statistics."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import orjson

from engine.messages import Topic

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProducerFigures:
    """A producer's figures of its last period.

    Attributes
    ----------
    queue_records, queue_bytes : handed over and not yet acknowledged.
    round_trip_ms : 99th percentile of the time between a request and its answer, of the slowest broker.
    errors, retries : requests that failed, and those sent again, since the process began.
    batch_records, batch_bytes : the mean batch of positions, its bytes as they were sent, compressed.
    """

    queue_records: int
    queue_bytes: int
    round_trip_ms: float
    errors: int
    retries: int
    batch_records: int
    batch_bytes: int

    @classmethod
    def of(cls, statistics: str | bytes) -> ProducerFigures:
        """Return the figures in librdkafka's JSON; a missing one is 0."""
        found: dict[str, Any] = orjson.loads(statistics)
        brokers = list(found.get("brokers", {}).values())
        positions = found.get("topics", {}).get(Topic.NEW_POSITION.value, {})
        return cls(
            queue_records=found.get("msg_cnt", 0),
            queue_bytes=found.get("msg_size", 0),
            round_trip_ms=max((broker.get("rtt", {}).get("p99", 0) for broker in brokers), default=0) / 1000,
            errors=sum(broker.get("txerrs", 0) for broker in brokers),
            retries=sum(broker.get("txretries", 0) for broker in brokers),
            batch_records=positions.get("batchcnt", {}).get("avg", 0),
            batch_bytes=positions.get("batchsize", {}).get("avg", 0),
        )

    def log(self) -> None:
        """Log the figures."""
        logger.info(
            "producer: %d records (%d bytes) queued, round trip p99 %.1f ms, %d errors, %d retries, "
            "batches of %d positions (%d bytes)",
            self.queue_records,
            self.queue_bytes,
            self.round_trip_ms,
            self.errors,
            self.retries,
            self.batch_records,
            self.batch_bytes,
        )
