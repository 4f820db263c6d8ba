"""Dead letters on their way to Kafka.

They are records that could not be read, or that a store refuses for good.
"""

from __future__ import annotations

import asyncio
import logging

from api.bus import Bus, Record
from api.errors import BusUnavailable
from api.measuring.metrics import Metrics
from api.tally import Tally
from engine.messages import DeadLetter, Topic

logger = logging.getLogger(__name__)

MAX_DEAD_LETTER_BYTES = 512 * 1024
"""The longest record in the dead-letter topic, bytes.

A longer one is cut, so that it passes Kafka's own limit together with its headers.
"""

MAX_KEY_BYTES = 4 * 1024
"""The longest key, bytes; a longer one is cut likewise."""


class DeadLetters:
    """Sends what could not be read or stored to the dead-letter topic."""

    def __init__(self, bus: Bus, tally: Tally, metrics: Metrics, *, retry_s: float = 1.0) -> None:
        self._bus, self._tally, self._metrics, self._retry_s = bus, tally, metrics, retry_s

    async def send(self, letters: list[DeadLetter]) -> None:
        """Return once the letters are acknowledged.

        A bus that does not take them is asked again from here: the facts that came with them are stored, and need not
        be stored again because Kafka is away.
        """
        while letters:
            try:
                await self._bus.publish([record_of(letter) for letter in letters])
                break
            except BusUnavailable as error:
                logger.warning("%d dead letters wait: %s", len(letters), error)
                await asyncio.sleep(self._retry_s)
        self._tally.add_dead_letters(len(letters))
        for letter in letters:
            self._metrics.dead_letters.labels(letter.topic).inc()


def record_of(letter: DeadLetter) -> Record:
    """Return the record of a letter, cut to what Kafka takes; headers then say how long the original was."""
    headers, key = dict(letter.headers), letter.key
    if len(letter.value) > MAX_DEAD_LETTER_BYTES:
        headers["original-bytes"] = str(len(letter.value)).encode()
    if key is not None and len(key) > MAX_KEY_BYTES:
        headers["original-key-bytes"] = str(len(key)).encode()
        key = key[:MAX_KEY_BYTES]
    return Record(Topic.DEAD_LETTER, key, letter.value[:MAX_DEAD_LETTER_BYTES], headers)
