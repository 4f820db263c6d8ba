"""How far the end of a run has come: which driver actors and which records are still awaited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from actors.dispatch.actor_registry import RegisteredActor


@dataclass(frozen=True, slots=True)
class Left:
    """What the end of a run still waits for.

    Attributes
    ----------
    away : driver actors that cannot yet say how far their deliveries came.
    unended : driver actors that have not ended, those that are away included.
    unacknowledged : records that these have handed over and that, as far as is known, have not arrived.
    acked : positions of the run that have arrived.
    """

    away: int = 0
    unended: int = 0
    unacknowledged: int = 0
    acked: int = 0

    @classmethod
    def of(cls, unended: Mapping[str, RegisteredActor], away: int, acked: int) -> Left:
        """Return what is awaited of driver actors that have not ended."""
        return cls(
            away,
            len(unended),
            sum(registered.status.unacknowledged for registered in unended.values() if registered.status is not None),
            acked,
        )

    @property
    def measures(self) -> tuple[float, ...]:
        """What falls as the end proceeds."""
        return self.away, self.unended, self.unacknowledged, -self.acked

    @property
    def sentence(self) -> str:
        """What is awaited, for a person."""
        if self.away:
            return f"waiting for {_counted(self.away, 'driver actor')} to be back"
        if self.unacknowledged:
            return f"waiting for {_counted(self.unacknowledged, 'record')} to be acknowledged by Kafka"
        if self.unended:
            return f"waiting for {_counted(self.unended, 'driver actor')} to end"
        return "waiting for Kafka to take the end of the run"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
