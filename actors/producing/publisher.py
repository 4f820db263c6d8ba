"""Publishers: how a tick's facts leave the process, and what is known of their arrival.

A publisher numbers what it is given. `settled` is the newest number up to which everything has been acknowledged (or
has failed for good and was counted), so a driver host can tell from one integer what need not be sent again. Accounting
needs no memory per delivery. Uncounted messages have no number: no caller waits for them, and none is sent again
because it was lost.

`MemoryPublisher` is here; the two that speak to Kafka are `actors.producing.python_publisher` and
`actors.producing.native_publisher`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import orjson

from actors.producing.producer_figures import ProducerFigures
from engine.codec import EncodedRecords
from engine.messages import DeliveryEvent, Topic

logger = logging.getLogger(__name__)

_NAMED = 5


class ProducerFailed(RuntimeError):
    """A producer can never again promise that nothing is lost or out of order.

    Only a new process, which continues after what was acknowledged, can.
    """


@dataclass(frozen=True, slots=True)
class Counts:
    """Positions since the process began.

    Attributes
    ----------
    produced : handed over.
    acked : acknowledged by Kafka.
    failed : refused by Kafka for good.
    """

    produced: int = 0
    acked: int = 0
    failed: int = 0


class Message(Protocol):
    """Something of the contract that goes to a topic."""

    TOPIC: ClassVar[Topic]

    @property
    def key(self) -> bytes:
        """Its Kafka key."""

    def to_json(self) -> bytes:
        """Return its Kafka value."""


class Publisher(Protocol):
    """The way out of a tick's facts, used by one thread.

    Any thread may ask for `counts`, `unacknowledged` and `figures`.
    """

    @property
    def counts(self) -> Counts:
        """Positions so far."""

    @property
    def waited_s(self) -> float:
        """Seconds so far spent waiting for a place in the producer's queue."""

    @property
    def settled(self) -> int:
        """Newest number given by `publish` up to which everything has arrived; 0 at first."""

    @property
    def unacknowledged(self) -> int:
        """Records of any kind that were handed over and have not arrived."""

    @property
    def figures(self) -> ProducerFigures | None:
        """How the producer did lately; None if it was not asked to say."""

    def publish(self, positions: EncodedRecords, events: Sequence[DeliveryEvent]) -> int:
        """Hand over positions and events of one tick, and return their number.

        It waits while the queue is full, and drops nothing.

        Raises
        ------
        ProducerFailed : see there. `poll`, `publish_uncounted` and `flush` raise it too.
        """

    def publish_uncounted(self, messages: Sequence[Message]) -> None:
        """Hand over messages of other topics.

        They are not counted, `settled` does not wait for them, and one that is refused is only logged.
        """

    def poll(self) -> None:
        """Take acknowledgements; the host calls it each tick, and between two of them."""

    def flush(self, timeout_s: float) -> int:
        """Wait until everything has arrived, and return how many records have not within the time."""


class Tally:
    """Running totals of positions; written by the publishing thread alone, so any other may read them."""

    __slots__ = ("acked", "failed", "produced")

    def __init__(self) -> None:
        self.produced = self.acked = self.failed = 0

    @property
    def counts(self) -> Counts:
        """The totals as they are."""
        return Counts(self.produced, self.acked, self.failed)


class Refusals:
    """A log of the records that Kafka has refused for good.

    The first few are logged by name, then their count whenever it has doubled.
    """

    def __init__(self) -> None:
        self._count = 0

    def note(self, value: bytes | None, reason: object) -> None:
        """Take a record that was refused."""
        self._count += 1
        if self._count <= _NAMED:
            logger.error("%s was refused by Kafka for good: %s", _name_of(value), reason)
        elif self._count & (self._count - 1) == 0:
            logger.error(
                "%d records were refused by Kafka for good so far, the last one, %s, because of: %s",
                self._count,
                _name_of(value),
                reason,
            )


def _name_of(value: bytes | None) -> str:
    """Return a fact's name: its delivery, or the worker that reported it, and its seq."""
    try:
        fact = orjson.loads(value or b"")
        if "worker" in fact:
            return f"what {fact['worker']} measured, seq {fact['seq']},"
        return f"delivery {fact['deliveryId']} seq {fact['seq']}"
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return f"a record of {len(value or b'')} bytes"


class MemoryPublisher:
    """A publisher that keeps everything; for tests and for runs without Kafka.

    With `holding` set, acknowledgements wait until it is cleared.
    """

    def __init__(self) -> None:
        self.positions: list[tuple[bytes, bytes]] = []
        self.events: list[DeliveryEvent] = []
        self.uncounted: list[Message] = []
        self.holding = False
        self._number = self._settled = self._acked = 0

    @property
    def counts(self) -> Counts:
        """Positions so far."""
        return Counts(len(self.positions), self._acked)

    @property
    def waited_s(self) -> float:
        """Return 0: there is always a place."""
        return 0.0

    @property
    def settled(self) -> int:
        """Newest number up to which everything has arrived."""
        return self._settled

    @property
    def unacknowledged(self) -> int:
        """Positions that have not arrived."""
        return len(self.positions) - self._acked

    @property
    def figures(self) -> ProducerFigures | None:
        """None: there is no producer."""
        return None

    def publish(self, positions: EncodedRecords, events: Sequence[DeliveryEvent]) -> int:
        """Keep positions and events of one tick."""
        self._number += 1
        self.positions += zip(positions.keys(), positions.values(), strict=True)
        self.events += events
        return self._number

    def publish_uncounted(self, messages: Sequence[Message]) -> None:
        """Keep messages."""
        self.uncounted += messages

    def poll(self) -> None:
        """Acknowledge everything, unless `holding`."""
        if not self.holding:
            self._settled, self._acked = self._number, len(self.positions)

    def flush(self, timeout_s: float) -> int:  # noqa: ARG002
        """Acknowledge everything, unless `holding`, and return how many positions are not."""
        self.poll()
        return self.unacknowledged
