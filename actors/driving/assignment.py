"""What the dispatcher and a driver host send each other.

These are values only; they pickle, and mean the same when they arrive twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from actors.producing.producer_figures import ProducerFigures
from actors.producing.publisher import Counts
from engine.delivery.spec import DeliverySpec
from engine.latency.latencies import Latencies
from engine.messages import ControlAction
from engine.roads.route import Route


@dataclass(frozen=True, slots=True)
class Steering:
    """One delivery paused, resumed, cancelled or left by its driver from a virtual instant on.

    Attributes
    ----------
    action : ``fleet``: the driver leaves the road, because the fleet becomes smaller.
    at_ms : virtual epoch ms; journaled, so that a restarted driver does the same at the same instant.
    number : of the steerings of this delivery, from 0; one that comes twice is carried out once.
    """

    delivery_id: str
    action: ControlAction
    at_ms: int
    number: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Deliveries for one driver host.

    Attributes
    ----------
    number : rises with every batch of a run; a host's checkpoint names the last batch it has.
    routes : those of the specs that this host does not have yet.
    resume_seq : first sample still to be sent, by deliveryId; 0 if absent.
    steerings : how these deliveries have been steered before, in order.
    """

    number: int
    specs: tuple[DeliverySpec, ...]
    routes: tuple[Route, ...] = ()
    resume_seq: Mapping[str, int] = field(default_factory=dict)
    steerings: tuple[Steering, ...] = ()

    @classmethod
    def joined(cls, batches: Sequence[Batch]) -> Batch:
        """Return batches of one host, in the order of their numbers, as one."""
        if len(batches) == 1:
            return batches[0]
        return cls(
            number=batches[-1].number,
            specs=tuple(spec for batch in batches for spec in batch.specs),
            routes=tuple(route for batch in batches for route in batch.routes),
            resume_seq={delivery_id: seq for batch in batches for delivery_id, seq in batch.resume_seq.items()},
            steerings=tuple(steering for batch in batches for steering in batch.steerings),
        )

    def parts(self, at_most: int) -> Iterator[Batch]:
        """Yield the batch in parts of at most `at_most` deliveries, each with its steerings.

        Then come the steerings of deliveries that the host has already.

        Only the last part has the batch's number, and says that the host has all of it.
        """
        own = {spec.delivery_id for spec in self.specs}
        others = [steering for steering in self.steerings if steering.delivery_id not in own]
        parts = [(self.specs[begin : begin + at_most], others[:0]) for begin in range(0, len(self.specs), at_most)]
        parts += [(self.specs[:0], others[begin : begin + at_most]) for begin in range(0, len(others), at_most)]
        for number, (specs, to_others) in enumerate(parts or [(self.specs, others)], 1):
            ids = {spec.delivery_id for spec in specs} if self.steerings else set()
            steerings = (*(steering for steering in self.steerings if steering.delivery_id in ids), *to_others)
            is_first, is_last = number == 1, number >= len(parts)
            yield Batch(
                self.number if is_last else 0, specs, self.routes if is_first else (), self.resume_seq, steerings
            )


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a host's positions are acknowledged.

    Everything due up to `until_ms` (virtual epoch ms) of every delivery in batches up to `batch` has been.
    """

    until_ms: int
    batch: int

    def resume_seq(self, spec: DeliverySpec) -> int:
        """Return the first sample of a covered delivery that may not have been acknowledged."""
        return max(0, (self.until_ms - spec.depart_ms) // spec.period_ms + 1)


Finished = tuple[str, int]
"""A deliveryId, and how many positions the delivery has in all."""


@dataclass(frozen=True, slots=True)
class DriverStatus:
    """The state of a driver host.

    Attributes
    ----------
    name : of the actor.
    incarnation : another one after each restart of the process; a host that changed it has forgotten everything.
    pid : of the process.
    until_ms : virtual epoch ms up to which positions were made; None before the first tick.
    checkpoint : None until something has been acknowledged.
    active : deliveries on the road.
    resumed : positions that earlier processes had made of the deliveries that this one took over; with `counts` they
        make the whole.
    counts, lateness : since the process began; counted are different positions, including those that injected
        faults leave out.
    finished : deliveries whose last position and event were acknowledged, from number `finished_from` on.
    figures : how the producer did in its last period; None unless KAFKA_STATISTICS_S asks for it.
    unacknowledged : records of any kind that are with the producer and have not arrived.
    has_ended : it was drained, and everything has arrived.
    """

    name: str
    incarnation: str
    pid: int
    until_ms: int | None
    checkpoint: Checkpoint | None
    active: int
    resumed: int
    counts: Counts
    lateness: Latencies
    finished_from: int
    finished: tuple[Finished, ...]
    figures: ProducerFigures | None = None
    unacknowledged: int = 0
    has_ended: bool = False
