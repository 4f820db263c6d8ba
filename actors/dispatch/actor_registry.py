"""The actor registry: what the dispatcher knows of each driver actor.

That is its last status, what it had acknowledged, and how many positions there are.

Positions are counted by identity, not by sending: what an actor reports that it took over, and what it has made since,
are different (delivery, seq) each. What a killed actor had sent and not reported is made again by its successor and
counted there. So the totals are those of the topic without its duplicates; they may fall for a moment, by what was
under way, when an actor dies.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from actors.dispatch.journal import Change, Entry, Table
from actors.driving.assignment import Checkpoint, DriverStatus, Finished
from actors.producing.publisher import Counts
from engine.latency.histogram import Histogram
from engine.latency.latencies import Latencies

_KEY = "actor/"


@dataclass(frozen=True, slots=True)
class Coverage:
    """What an actor has had acknowledged: everything due up to `until_ms` of the first deliveries.

    Attributes
    ----------
    fleet, requested : numbers of deliveries of the fleet, and of requested ones.
    """

    until_ms: int = -1
    fleet: int = 0
    requested: int = 0


@dataclass(frozen=True, slots=True)
class PositionCounts:
    """Positions of finished deliveries, and positions that were refused for good."""

    positions: int = 0
    failed: int = 0

    def plus(self, positions: int, failed: int = 0) -> PositionCounts:
        """Return the counts with more added."""
        return PositionCounts(self.positions + positions, self.failed + failed)


@dataclass(slots=True)
class RegisteredActor:
    """One driver actor as its last status described it.

    Attributes
    ----------
    incarnation : the newest one known, perhaps from the journal alone.
    status : None before its first status.
    routes : ids of the routes it has.
    unsettled : batches that its checkpoint may not cover, with the numbers that deliveries in them begin with.
    finished_seen : how many finished deliveries of this incarnation were taken.
    coverage : what need not be sent again.
    before, within : position counts of earlier incarnations and of this one.
    resumed : positions of deliveries on the road that are known to be acknowledged; for an actor without a status.
    reported : lateness up to the last report.
    """

    incarnation: str = ""
    status: DriverStatus | None = None
    routes: set[str] = field(default_factory=set)
    unsettled: deque[tuple[int, Coverage]] = field(default_factory=deque)
    finished_seen: int = 0
    coverage: Coverage = field(default_factory=Coverage)
    before: PositionCounts = field(default_factory=PositionCounts)
    within: PositionCounts = field(default_factory=PositionCounts)
    resumed: int = 0
    reported: Histogram = field(default_factory=Histogram)

    @property
    def has_caught_up(self) -> bool:
        """Whether its present incarnation has reached the run's clock at least once."""
        return self.status is not None and self.status.until_ms is not None

    def is_new(self, status: DriverStatus) -> bool:
        """Return whether this is the first status of its incarnation that this dispatcher gets."""
        return self.status is None or self.status.incarnation != status.incarnation

    def begin_incarnation(self, incarnation: str) -> None:
        """Forget what the actor was sent, and keep the position counts of an incarnation that is gone."""
        if incarnation != self.incarnation:
            if self.status is not None:
                self.within = PositionCounts(self.within.positions, self.status.counts.failed)
            self.before, self.within = self.before.plus(self.within.positions, self.within.failed), PositionCounts()
        self.incarnation = incarnation
        self.routes, self.finished_seen, self.reported = set(), 0, Histogram()
        self.unsettled.clear()

    def take(self, status: DriverStatus) -> tuple[Finished, ...]:
        """Take a status, and return the finished deliveries that are new in it."""
        self.status = status
        self.within = PositionCounts(self.within.positions, status.counts.failed)
        new = status.finished[max(0, self.finished_seen - status.finished_from) :]
        self.finished_seen = max(self.finished_seen, status.finished_from + len(status.finished))
        return new

    def cover(self, fleet: int, requested: int) -> None:
        """Bring `coverage` up to the checkpoint. `fleet` and `requested` are how many deliveries there are."""
        checkpoint = None if self.status is None else self.status.checkpoint
        if checkpoint is None:
            return
        while self.unsettled and self.unsettled[0][0] <= checkpoint.batch:
            self.unsettled.popleft()
        least = self.unsettled[0][1] if self.unsettled else Coverage(-1, fleet, requested)
        if (
            least.fleet >= self.coverage.fleet
            and least.requested >= self.coverage.requested
            and checkpoint.until_ms >= self.coverage.until_ms
        ):
            self.coverage = Coverage(checkpoint.until_ms, least.fleet, least.requested)

    @property
    def counts(self) -> Counts:
        """Different positions of all its incarnations."""
        failed_before = self.before.failed
        if self.status is None:
            known = self.before.positions + self.within.positions + self.resumed
            failed = failed_before + self.within.failed
            return Counts(known, known - failed, failed)
        whole, counts = self.before.positions + self.status.resumed, self.status.counts
        return Counts(whole + counts.produced, whole + counts.acked - failed_before, failed_before + counts.failed)

    def entry(self) -> Entry:
        """Return the actor's journal entry."""
        coverage = [self.coverage.until_ms, self.coverage.fleet, self.coverage.requested]
        before, within = ([counts.positions, counts.failed] for counts in (self.before, self.within))
        return {"incarnation": self.incarnation, "coverage": coverage, "before": before, "within": within}

    def replay(self, entry: Entry) -> None:
        """Take over what an earlier dispatcher wrote down."""
        self.incarnation, self.coverage = entry["incarnation"], Coverage(*entry["coverage"])
        self.before, self.within = PositionCounts(*entry["before"]), PositionCounts(*entry["within"])


class ActorRegistry:
    """All driver actors of a run, by name."""

    def __init__(self, names: Iterable[str]) -> None:
        self._actors = {name: RegisteredActor() for name in names}
        self._journaled: Table = {}

    def __getitem__(self, name: str) -> RegisteredActor:
        return self._actors[name]

    def items(self) -> Iterable[tuple[str, RegisteredActor]]:
        """Return names and actors."""
        return self._actors.items()

    def changes(self, names: Iterable[str]) -> list[Change]:
        """Return what has changed of some actors since they were last journaled."""
        entries = {name: self._actors[name].entry() for name in names if self._actors[name].incarnation}
        changed: list[Change] = [
            (_KEY + name, entry) for name, entry in entries.items() if self._journaled.get(name) != entry
        ]
        self._journaled |= entries
        return changed

    def replay(self, table: Table) -> None:
        """Take over what an earlier dispatcher noted."""
        for name, registered in self._actors.items():
            if _KEY + name in table:
                self._journaled[name] = table[_KEY + name]
                registered.replay(table[_KEY + name])

    @property
    def have_all_reported(self) -> bool:
        """Whether every actor has sent a status."""
        return all(registered.status is not None for registered in self._actors.values())

    def are_past(self, virtual_ms: int) -> bool:
        """Return whether every actor has made its positions up to an instant."""
        return all(
            registered.status is not None
            and registered.status.until_ms is not None
            and registered.status.until_ms >= virtual_ms
            for registered in self._actors.values()
        )

    @property
    def totals(self) -> Counts:
        """Different positions of all actors and all their incarnations."""
        counts = [registered.counts for registered in self._actors.values()]
        return Counts(sum(c.produced for c in counts), sum(c.acked for c in counts), sum(c.failed for c in counts))

    @property
    def reporting(self) -> int:
        """How many actors have sent a status."""
        return sum(registered.status is not None for registered in self._actors.values())

    def lateness_since_last_report(self) -> Histogram:
        """Return the lateness of all actors since the last call."""
        window = Histogram()
        for registered in self._actors.values():
            if registered.status is not None:
                lateness = registered.status.lateness.histogram()
                window.merge(lateness.since(registered.reported))
                registered.reported = lateness
        return window

    def lateness(self) -> Histogram:
        """Return the lateness of all actors since they began."""
        return Latencies.merged(
            registered.status.lateness for registered in self._actors.values() if registered.status is not None
        )


def checkpoint_of(coverage: Coverage) -> Checkpoint:
    """Return the checkpoint that a coverage stands for; its batch says nothing."""
    return Checkpoint(coverage.until_ms, 0)
