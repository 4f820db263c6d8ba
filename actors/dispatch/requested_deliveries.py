"""Requested deliveries, from the request to the finish, and their journal entries.

A request that cannot be decided yet waits here. A finished delivery leaves a small mark, because its id must never
start anything again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields

from actors.dispatch.journal import Change, Entry, Table
from actors.dispatch.placements import Placed
from engine.delivery.spec import DeliverySpec
from engine.messages import StartDelivery

_KEY = "delivery/"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request that waits for its route, or for the run to begin.

    Past `until_ms` (wall clock, epoch ms) it is rejected.
    """

    request: StartDelivery
    delivery_id: str
    until_ms: float


class RequestedDeliveries:
    """The requested deliveries of one run.

    Attributes
    ----------
    count : how many were placed; they are numbered in that order.
    waiting : by deliveryId.
    """

    def __init__(self) -> None:
        self.count = 0
        self.waiting: dict[str, Waiting] = {}

    def wait(self, waiting: Waiting) -> Change:
        """Let a request wait; return the journal's change."""
        self.waiting[waiting.delivery_id] = waiting
        return _KEY + waiting.delivery_id, {
            "state": "waiting",
            "request": asdict(waiting.request),
            "until_ms": waiting.until_ms,
        }

    def refuse(self, delivery_id: str) -> list[Change]:
        """Forget a request; return the journal's changes: none if it never waited."""
        return [] if self.waiting.pop(delivery_id, None) is None else [(_KEY + delivery_id, None)]

    def place(self, spec: DeliverySpec, actor: str) -> tuple[Placed, Change]:
        """Give a delivery that starts now its number; return it, and the journal's change."""
        self.waiting.pop(spec.delivery_id, None)
        placed = Placed(spec, actor, self.count, of_fleet=False)
        self.count += 1
        return placed, (
            _KEY + spec.delivery_id,
            {"state": "placed", "number": placed.number, "actor": actor, "spec": _record(spec)},
        )

    def finish(self, placed: Placed) -> Change:
        """Return the mark that a finished delivery leaves in the journal."""
        return _KEY + placed.spec.delivery_id, {"state": "finished", "number": placed.number}

    def replay(self, table: Table) -> Iterator[tuple[str, Placed | None]]:
        """Take over an earlier dispatcher's entries.

        Yield the id of each delivery that was placed, and the delivery if it is on the road.
        """
        placed: list[Placed] = []
        for key, entry in table.items():
            if key.startswith(_KEY):
                delivery_id = key.removeprefix(_KEY)
                self.count = max(self.count, entry.get("number", -1) + 1)
                match entry["state"]:
                    case "waiting":
                        self.waiting[delivery_id] = Waiting(
                            StartDelivery(**entry["request"]), delivery_id, entry["until_ms"]
                        )
                    case "placed":
                        placed.append(_placed(entry))
                    case _:
                        yield delivery_id, None
        for one in sorted(placed, key=lambda one: one.number):
            yield one.spec.delivery_id, one


_NAMES = tuple(field.name for field in fields(DeliverySpec))


def _record(spec: DeliverySpec) -> Entry:
    # A flat one: `asdict` copies deeply, which would be most of what a request costs.
    return {name: getattr(spec, name) for name in _NAMES}


def _placed(entry: Entry) -> Placed:
    return Placed(DeliverySpec(**entry["spec"]), entry["actor"], entry["number"], of_fleet=False)
