"""The fleet's deliveries in the order of their departures, and which of them have finished.

Each has a number and an actor.

They follow from the scenario and from how its fleet's size was changed, so the journal holds these changes and how many
were handed out, not what they are. Which have finished is kept in blocks of bits: a block in which all have is
forgotten as soon as those before it are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from actors.dispatch.fleet_changes import noted, noted_changes
from actors.dispatch.journal import Change, Table
from actors.dispatch.placements import Placed
from actors.dispatch.plan import RunPlan
from engine.delivery.spec import DeliverySpec
from engine.demand.demand import Demand
from engine.demand.orders import courier_delivery
from engine.load.curve import FleetChange

BLOCK = 256
"""Deliveries that share an entry of the journal, which is written again when one of them finishes."""


class HandedOut:
    """The ids of the deliveries that were handed out.

    A driver's deliveries are numbered, so its last one stands for all of them; others are kept one by one.

    Parameters
    ----------
    run_id : begins the ids of the fleet's drivers' deliveries.
    """

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._next: dict[int, int] = {}
        self._others: set[str] = set()

    def __contains__(self, delivery_id: str) -> bool:
        courier = courier_delivery(self._run_id, delivery_id)
        return delivery_id in self._others if courier is None else courier[1] < self._next.get(courier[0], 0)

    def add(self, delivery_id: str) -> None:
        """Add one."""
        courier = courier_delivery(self._run_id, delivery_id)
        if courier is None:
            self._others.add(delivery_id)
        else:
            i, n = courier
            self._next[i] = max(self._next.get(i, 0), n + 1)


class FleetFeed:
    """The deliveries of one run's fleet.

    Parameters
    ----------
    make : given the run's first virtual instant (epoch ms), the fleet's deliveries in order of departure; may be
        endless. Only a `Demand` can be changed.
    block : deliveries that share an entry of the journal; the same for every dispatcher of a run.
    """

    def __init__(self, plan: RunPlan, make: Callable[[int], Iterator[DeliverySpec]], block: int = BLOCK) -> None:
        self._block = block
        self._make, self._actors, self._layout = make, plan.actors, plan.layout
        self._demand = _listed(())
        self._changes = 0
        self._driver_numbers: dict[str, int] = {}
        self._handed_out = HandedOut(plan.run_id)
        self._finished: dict[int, int] = {}
        self._whole_blocks = 0
        #: How many deliveries have been taken.
        self.count = 0

    @property
    def is_exhausted(self) -> bool:
        """Whether there are no more."""
        return self._demand.is_exhausted

    @property
    def is_changeable(self) -> bool:
        """Whether the fleet's size can be changed."""
        return self._demand.is_changeable

    def begin(self, start_ms: int) -> None:
        """Begin at the run's first virtual instant."""
        made = self._make(start_ms)
        self._demand = made if isinstance(made, Demand) else _listed(made)

    def stop(self) -> None:
        """Hand out nothing more."""
        self._demand = _listed(())

    def take(self, until_ms: float, at_most: int) -> list[Placed]:
        """Take the deliveries that depart up to a virtual instant, at most `at_most`."""
        taken: list[Placed] = []
        while len(taken) < at_most and (spec := self._demand.peek()) is not None and spec.depart_ms <= until_ms:
            next(self._demand)
            # Drivers are numbered in the order in which they first depart.
            driver = self._driver_numbers.setdefault(spec.driver_id, len(self._driver_numbers))
            taken.append(Placed(spec, self._actors[self._layout.actor_of(driver)], self.count, of_fleet=True))
            self._handed_out.add(spec.delivery_id)
            self.count += 1
        return taken

    def resize(self, change: FleetChange) -> tuple[Change, Callable[[DeliverySpec], bool]]:
        """Change the fleet's size.

        Return the journal's change, and a test for which of the deliveries taken must end at that instant.
        """
        number, self._changes = self._changes, self._changes + 1
        return noted(number, change, self.count), self._demand.change(change.at_ms, change.drivers)

    def change(self) -> Change:
        """Return the journal's change of how many were taken."""
        return "fleet", {"count": self.count, "blocks": self._whole_blocks}

    def finish(self, numbers: Iterable[int]) -> list[Change]:
        """Mark some as finished; return the journal's changes."""
        touched = set()
        for number in numbers:
            block, place = divmod(number, self._block)
            self._finished[block] = self._finished.get(block, 0) | 1 << place
            touched.add(block)
        before = self._whole_blocks
        while self._finished.get(self._whole_blocks) == (1 << self._block) - 1:
            del self._finished[self._whole_blocks]
            self._whole_blocks += 1
        touched.update(range(before, self._whole_blocks))
        changes: list[Change] = [
            (f"fleet/{block}", {"bits": f"{self._finished[block]:x}"} if block in self._finished else None)
            for block in sorted(touched)
        ]
        return [self.change(), *changes] if self._whole_blocks > before else changes

    def has_handed_out(self, delivery_id: str) -> bool:
        """Return whether a delivery is the fleet's, and not one of those to come."""
        return delivery_id in self._handed_out

    def has_finished(self, number: int) -> bool:
        """Return whether a delivery has finished, by its number."""
        block, place = divmod(number, self._block)
        return block < self._whole_blocks or bool(self._finished.get(block, 0) >> place & 1)

    def replay(self, table: Table) -> list[Placed]:
        """Take again, after `begin`, what an earlier dispatcher took; return it all, finished ones included."""
        fleet = table.get("fleet", {"count": 0, "blocks": 0})
        self._whole_blocks = fleet["blocks"]
        self._finished = {
            int(key.partition("/")[2]): int(entry["bits"], 16)
            for key, entry in table.items()
            if key.startswith("fleet/")
        }
        taken: list[Placed] = []
        for change, taken_before in noted_changes(table):
            taken += self.take(float("inf"), taken_before - self.count)
            self.resize(change)
        return taken + self.take(float("inf"), fleet["count"] - self.count)


def _listed(specs: Iterable[DeliverySpec]) -> Demand:
    return Demand(None, iter(specs))
