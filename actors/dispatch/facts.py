"""Facts of the run itself: few, one by one, with headers for dead letters.

Positions do not pass here.
"""

from __future__ import annotations

from typing import Protocol

from engine.messages import DeadLetter, DeliveryEvent, DeliveryStory, RouteDefined, RunEvent

Fact = DeliveryEvent | DeliveryStory | RouteDefined | RunEvent


class Facts(Protocol):
    """The way out of the dispatcher's facts."""

    def publish(self, fact: Fact) -> None:
        """Send a fact."""

    def publish_dead_letter(self, letter: DeadLetter) -> None:
        """Send a record that could not be read to the dead-letter topic."""

    def flush(self, timeout_s: float) -> int:
        """Wait until everything has arrived, and return how many have not."""


class MemoryFacts:
    """A list of the facts; for tests."""

    def __init__(self) -> None:
        self.published: list[Fact] = []
        self.dead_letters: list[DeadLetter] = []

    def publish(self, fact: Fact) -> None:
        """Keep a fact."""
        self.published.append(fact)

    def publish_dead_letter(self, letter: DeadLetter) -> None:
        """Keep a dead letter."""
        self.dead_letters.append(letter)

    def flush(self, timeout_s: float) -> int:  # noqa: ARG002
        """Return 0: nothing is ever on its way."""
        return 0
