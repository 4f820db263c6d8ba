"""Placements: which delivery sits in which driver actor, and from which sample it would be sent again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from actors.driving.assignment import Batch, Checkpoint, Finished, Steering
from engine.delivery.spec import DeliverySpec
from engine.messages import ControlAction
from engine.roads.route import Route


@dataclass(slots=True)
class Placed:
    """One delivery on the road.

    Attributes
    ----------
    number : of the fleet's deliveries if it is one, else of the requested ones; in the order in which they were placed.
    batch : number of the batch in which its actor got it last.
    resume_seq : first sample that its actor had to send when it got it.
    steerings : how it has been steered, in order.
    steered : how many steerings there were, those included that changed nothing.
    """

    spec: DeliverySpec
    actor: str
    number: int
    of_fleet: bool
    batch: int = 0
    resume_seq: int = 0
    steerings: list[Steering] = field(default_factory=list)
    steered: int = 0


class Placements:
    """Deliveries on the road by id, and the ids of all that were ever requested: each starts once.

    Which of the fleet's own deliveries have been handed out, its feed knows.

    Parameters
    ----------
    actors : names of the driver actors.
    first_batch : batches are numbered from here; greater than any number an earlier dispatcher of the run gave.
    """

    def __init__(self, actors: Iterable[str], first_batch: int = 1) -> None:
        self._placed: dict[str, Placed] = {}
        self._requested: set[str] = set()
        self._loads: Counter[str] = Counter(dict.fromkeys(actors, 0))
        self._batch = first_batch - 1

    def __len__(self) -> int:
        return len(self._placed)

    def __contains__(self, delivery_id: str) -> bool:
        """Whether the delivery is on the road, or was ever requested and placed."""
        return delivery_id in self._placed or delivery_id in self._requested

    def get(self, delivery_id: str) -> Placed | None:
        """Return a delivery on the road; None if it is not."""
        return self._placed.get(delivery_id)

    @property
    def loads(self) -> Mapping[str, int]:
        """Deliveries of each actor."""
        return self._loads

    @property
    def on_the_road(self) -> Iterable[Placed]:
        """Every delivery that has not finished."""
        return list(self._placed.values())

    def place(self, actor: str, placed: Iterable[Placed], routes: Iterable[Route] = ()) -> Batch:
        """Place new deliveries on an actor, and return the batch for it; known deliveries are left out.

        `routes` are those the actor does not have.
        """
        self._batch += 1
        new = []
        for one in placed:
            if one.spec.delivery_id not in self:
                one.batch = self._batch
                self._note(actor, one)
                new.append(one.spec)
        return Batch(self._batch, tuple(new), tuple(routes))

    def put_back(self, placed: Placed) -> None:
        """Put back a delivery that an earlier dispatcher placed; `resend` gives it to its actor."""
        self._note(placed.actor, placed)

    def _note(self, actor: str, placed: Placed) -> None:
        self._placed[placed.spec.delivery_id] = placed
        self._loads[actor] += 1
        if not placed.of_fleet:
            self._requested.add(placed.spec.delivery_id)

    def remember(self, delivery_id: str) -> None:
        """Remember a requested delivery that has finished."""
        self._requested.add(delivery_id)

    def finish(self, finished: Iterable[Finished]) -> list[tuple[Placed, int]]:
        """Take finished deliveries off the road; return those that were on it, with their position counts."""
        gone = []
        for delivery_id, positions in finished:
            placed = self._placed.pop(delivery_id, None)
            if placed is not None:
                self._loads[placed.actor] -= 1
                gone.append((placed, positions))
        return gone

    def steer(self, delivery_id: str, action: ControlAction, at_ms: int) -> Steering | None:
        """Steer a delivery, and return the steering; None if it is not on the road."""
        placed = self._placed.get(delivery_id)
        if placed is None:
            return None
        steering = Steering(delivery_id, action, at_ms, placed.steered)
        placed.steered += 1
        placed.steerings.append(steering)
        return steering

    def order(self, steerings: Iterable[Steering]) -> Batch:
        """Return some steerings of one actor's deliveries as one batch."""
        self._batch += 1
        return Batch(self._batch, (), steerings=tuple(steerings))

    def correct(self, steering: Steering, at_ms: int | None) -> bool:
        """Correct a steering's instant, or drop it (None: it changed nothing); return whether that is new."""
        placed = self._placed.get(steering.delivery_id)
        noted = [] if placed is None else [one for one in placed.steerings if one.number == steering.number]
        if placed is None or not noted or noted[0].at_ms == at_ms:
            return False
        here = placed.steerings.index(noted[0])
        placed.steerings[here : here + 1] = [] if at_ms is None else [replace(steering, at_ms=at_ms)]
        return True

    def note_checkpoint(self, actor: str, checkpoint: Checkpoint) -> None:
        """Resume an actor's deliveries after its checkpoint, should they be sent again."""
        self.resume_from(actor, checkpoint, lambda placed: placed.batch <= checkpoint.batch)

    def resume_from(self, actor: str, checkpoint: Checkpoint, covers: Callable[[Placed], bool]) -> None:
        """Resume some deliveries of an actor after a checkpoint, should they be sent again."""
        for placed in self._placed.values():
            if placed.actor == actor and covers(placed):
                placed.resume_seq = max(placed.resume_seq, checkpoint.resume_seq(placed.spec))

    def resend(self, actor: str, routes: Mapping[str, Route]) -> Batch:
        """Return all deliveries of an actor that has forgotten everything, as one batch.

        Each continues after its last sample known to be acknowledged.

        A delivery whose route is not in `routes` is left out: it cannot be driven.
        """
        self._batch += 1
        mine = [placed for placed in self._placed.values() if placed.actor == actor and placed.spec.route_id in routes]
        for placed in mine:
            placed.batch = self._batch
        return Batch(
            number=self._batch,
            specs=tuple(placed.spec for placed in mine),
            routes=tuple({placed.spec.route_id: routes[placed.spec.route_id] for placed in mine}.values()),
            resume_seq={placed.spec.delivery_id: placed.resume_seq for placed in mine if placed.resume_seq},
            steerings=tuple(steering for placed in mine for steering in placed.steerings),
        )
