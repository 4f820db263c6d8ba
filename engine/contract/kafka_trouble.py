"""What a Kafka client reports of its connections: in bounded words, and in the log.

It knows librdkafka's names of errors, and no client library.
"""

from __future__ import annotations

import logging
from typing import Protocol

_ADVICE = {
    "_AUTHENTICATION": "check KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD",
    "_SSL": "check KAFKA_SSL_CA, and KAFKA_SSL_CERTIFICATE if the broker asks for one",
    "_RESOLVE": "check KAFKA_BOOTSTRAP",
    "_ALL_BROKERS_DOWN": "if they are up, check KAFKA_BOOTSTRAP and KAFKA_SECURITY_PROTOCOL",
}
"""What may mend an error, by librdkafka's name of it."""


class ConnectionTrouble:
    """Reports of a client's connections, in bounded words.

    Each kind of error is reported once, and then each time its count has doubled.

    Attributes
    ----------
    last : the last report; empty at first, and again after `is_well`.
    """

    def __init__(self) -> None:
        self.last = ""
        self._counts: dict[str, int] = {}

    def report(self, name: str, text: str) -> str | None:
        """Take an error by its name and text; return the sentence to log, None if it was logged enough."""
        self.last = "; ".join(filter(None, (f"{text} [{name}]", _ADVICE.get(name))))
        count = self._counts[name] = self._counts.get(name, 0) + 1
        if count & (count - 1):
            return None
        return self.last if count == 1 else f"{self.last}, {count} times so far"

    def is_well(self) -> None:
        """Forget the last report: the client has been answered since."""
        self.last = ""


class ClientError(Protocol):
    """An error as a Kafka client reports it."""

    def name(self) -> str:
        """Return librdkafka's name of the error."""

    def str(self) -> str:
        """Return the error in words."""


class TroubleLog:
    """Reports of a client's connections, put in the log in few words.

    An object is a client's ``error_cb``, called when the client is polled.

    Parameters
    ----------
    logger : the log of the module whose client it is.
    where : the address, for the message.
    part : the part of a process that has the client, for the message; none if empty.
    """

    def __init__(self, logger: logging.Logger, where: object, part: str = "") -> None:
        self._logger, self._where, self._part = logger, where, part
        self._trouble = ConnectionTrouble()

    def __call__(self, error: ClientError) -> None:
        """Log an error unless it has been logged often enough."""
        sentence = self._trouble.report(error.name(), error.str())
        if sentence is not None:
            prefix = f"{self._part}: " if self._part else ""
            self._logger.warning("%sKafka at %s: %s", prefix, self._where, sentence)

    @property
    def last(self) -> str:
        """The last report; empty if there was none since `is_well`."""
        return self._trouble.last

    def is_well(self) -> None:
        """Forget the last report."""
        self._trouble.is_well()
