"""A crew in this process, for tests and for trying things without Ray.

Its driver hosts tick when they are asked, publish to memory, and can be killed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from actors.dispatch.plan import RunPlan
from actors.driving.assignment import Batch, DriverStatus, Steering
from actors.driving.host import DriverHost
from actors.producing.publisher import MemoryPublisher
from engine.delivery.simulation import FleetSimulation
from engine.messages import DeliveryEvent
from engine.motion.clock import RunClock


class LocalCrew:
    """The driver hosts of one run.

    Parameters
    ----------
    now_ms : the wall clock, epoch ms; a test's own.

    Attributes
    ----------
    publishers : of the hosts that live, by name.
    """

    def __init__(self, plan: RunPlan, now_ms: Callable[[], float]) -> None:
        self._plan, self._now_ms = plan, now_ms
        self._past: list[MemoryPublisher] = []
        self.publishers: dict[str, MemoryPublisher] = {}
        self._hosts: dict[str, DriverHost] = {}
        self._steered: list[tuple[Steering, int | None]] = []
        self._drained: set[str] = set()
        #: Always 0, because hosts take deliveries over at once, unless a test sets it.
        self.untaken = 0
        for name in plan.actors:
            self.restart(name)

    def restart(self, name: str) -> None:
        """Replace a host, if there is one, by a new one that knows nothing.

        What the old one has published stays published.
        """
        self._past += [self.publishers[name]] if name in self.publishers else []
        self._drained.discard(name)
        self.publishers[name] = MemoryPublisher()
        self._hosts[name] = DriverHost(name, FleetSimulation(self._plan.run_id), self.publishers[name], self._now_ms)

    @property
    def positions(self) -> list[tuple[bytes, bytes]]:
        """Keys and values of all positions that were ever published."""
        return [record for publisher in [*self._past, *self.publishers.values()] for record in publisher.positions]

    @property
    def events(self) -> list[DeliveryEvent]:
        """All events that were ever published."""
        return [event for publisher in [*self._past, *self.publishers.values()] for event in publisher.events]

    def hold(self, name: str, *, holding: bool = True) -> None:
        """Stop acknowledging to a host, or acknowledge everything again."""
        self.publishers[name].holding = holding

    def tick(self) -> None:
        """Let every host tick once, or flush if it was drained."""
        for name, host in self._hosts.items():
            if name in self._drained:
                host.flush(0.0)
            else:
                host.tick()

    def add(self, actor: str, batch: Batch) -> None:
        """Give a host some deliveries, in small parts, as a driver actor takes over a large batch."""
        for part in batch.parts(2):
            self._steered += self._hosts[actor].add(part)

    def steer(self, actor: str, steering: Steering) -> None:
        """Have a host pause, resume or cancel a delivery."""
        self._steered.append((steering, self._hosts[actor].steer(steering)))

    def set_clock(self, actor: str, clock: RunClock, end_ms: int | None) -> None:
        """Send a host the run's clock."""
        self._hosts[actor].set_clock(clock, end_ms)

    def statuses(self, finished_seen: Mapping[str, int]) -> list[DriverStatus]:
        """Return how every host stands."""
        return [host.status(finished_seen.get(name, 0)) for name, host in self._hosts.items()]

    def steered(self) -> list[tuple[Steering, int | None]]:
        """Return the steerings done since the last call."""
        done, self._steered = self._steered, []
        return done

    def drain(self, actor: str) -> None:
        """Have a host end."""
        if actor not in self._drained:
            self._drained.add(actor)
            self._hosts[actor].stop()
            self._hosts[actor].suspend()
