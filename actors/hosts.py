"""What the dispatcher knows of the driver actors: their last statuses, and what they said before they last died."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from actors.assignment import Checkpoint, DriverStatus
from actors.pacing import Lateness
from actors.publisher import Counts


@dataclass(slots=True)
class Host:
    """One driver actor as it was last heard of.

    Attributes
    ----------
    status : None before it has been heard of.
    routes : ids of the routes it has.
    batch : the last batch it was sent.
    finished_seen : how many finished deliveries of this incarnation have been noted.
    before : totals of earlier incarnations.
    reported : lateness up to the last report.
    """

    status: DriverStatus | None = None
    routes: set[str] = field(default_factory=set)
    batch: int = 0
    finished_seen: int = 0
    before: Counts = field(default_factory=Counts)
    reported: Lateness = field(default_factory=Lateness)

    def is_reborn(self, status: DriverStatus) -> bool:
        """Return whether a status is the first one of an incarnation."""
        return self.status is None or self.status.incarnation != status.incarnation

    def begin_incarnation(self) -> None:
        """Forget what the last incarnation knew, and keep its totals."""
        if self.status is not None:
            counts = self.status.counts
            self.before = Counts(self.before.produced + counts.produced, self.before.acked + counts.acked, self.before.failed + counts.failed)
        self.routes, self.batch, self.finished_seen, self.reported = set(), 0, 0, Lateness()

    def take(self, status: DriverStatus) -> tuple[str, ...]:
        """Note a status, and return the finished deliveries that are new in it."""
        self.status = status
        new = status.finished[max(0, self.finished_seen - status.finished_from) :]
        self.finished_seen = max(self.finished_seen, status.finished_from + len(status.finished))
        return new

    @property
    def full_checkpoint(self) -> Checkpoint | None:
        """The checkpoint, if it covers everything that the actor was sent."""
        checkpoint = None if self.status is None else self.status.checkpoint
        return checkpoint if checkpoint is not None and checkpoint.batch >= self.batch else None


class Hosts:
    """All driver actors of a run, by name."""

    def __init__(self, names: Iterable[str]) -> None:
        self._hosts = {name: Host() for name in names}

    def __getitem__(self, name: str) -> Host:
        return self._hosts[name]

    def items(self) -> Iterable[tuple[str, Host]]:
        """Return names and hosts."""
        return self._hosts.items()

    @property
    def have_all_reported(self) -> bool:
        """Whether every actor has been heard of."""
        return all(host.status is not None for host in self._hosts.values())

    def are_past(self, virtual_ms: int) -> bool:
        """Return whether every actor has made its positions up to an instant."""
        return all(host.status is not None and host.status.until_ms is not None and host.status.until_ms >= virtual_ms for host in self._hosts.values())

    @property
    def totals(self) -> Counts:
        """Positions of all actors, those of earlier incarnations included."""
        counts = [host.before for host in self._hosts.values()] + [host.status.counts for host in self._hosts.values() if host.status is not None]
        return Counts(sum(c.produced for c in counts), sum(c.acked for c in counts), sum(c.failed for c in counts))

    @property
    def heard_of(self) -> int:
        """How many actors have been heard of."""
        return sum(host.status is not None for host in self._hosts.values())

    def lateness_since_last_report(self) -> Lateness:
        """Return the lateness of all actors since the last call."""
        window = Lateness()
        for host in self._hosts.values():
            if host.status is not None:
                window = window.plus(host.status.lateness.since(host.reported))
                host.reported = host.status.lateness
        return window

    def lateness(self) -> Lateness:
        """Return the lateness of all actors since they began."""
        total = Lateness()
        for host in self._hosts.values():
            if host.status is not None:
                total = total.plus(host.status.lateness)
        return total
