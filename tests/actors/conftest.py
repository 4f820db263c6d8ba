"""Unit tests of the actors: plain classes, a clock of their own, no Ray, no sockets, no waiting."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from actors.dispatch.actor_layout import ActorLayout
from actors.dispatch.announcements import StageTable
from actors.dispatch.dispatcher import Dispatcher
from actors.dispatch.facts import MemoryFacts
from actors.dispatch.journal import MemoryJournal
from actors.dispatch.local_crew import LocalCrew
from actors.dispatch.loop import Crew, DispatchLoop
from actors.dispatch.plan import RunPlan
from actors.dispatch.requests import Offsets, Received, RouteGone
from actors.dispatch.run_lifecycle import resumed_plan
from engine.accounting.ledger import SeqLedger
from engine.delivery.spec import DeliverySpec, make_spec
from engine.messages import ControlRun, DeadLetter, StartDelivery
from engine.roads.route import Route

START_MS = 1_700_000_000_000


@dataclass
class FakeRequests:
    """Requests that a test puts in, each at the next offset."""

    routes: list[Route] = field(default_factory=list)
    inbox: list[Received | DeadLetter] = field(default_factory=list)
    ever: list[Received] = field(default_factory=list)
    offset: int = 0
    polled: int = 0
    committed: int = 0

    def put(self, *wishes: StartDelivery | ControlRun | Route | RouteGone) -> None:
        for wish in wishes:
            self.ever.append(Received(wish, 0, self.offset))
            self.inbox.append(self.ever[-1])
            self.offset += 1

    def open(self, decided: Offsets) -> list[Received]:
        """Everything that was put and is not decided is there to be read again, as on Kafka."""
        first = decided.get("wishes", {}).get("0", 0)
        self.inbox = [letter for letter in self.inbox if isinstance(letter, DeadLetter)] + [
            one for one in self.ever if one.offset >= first
        ]
        return [Received(route, 0, number) for number, route in enumerate(self.routes)]

    def poll(self, timeout_s: float) -> list[Received | DeadLetter]:
        found, self.inbox = self.inbox, []
        self.polled = self.offset
        return found

    def offsets(self) -> Offsets:
        return {"wishes": {"0": self.polled}}

    def commit(self) -> None:
        self.committed = self.polled


def make_routes(count: int = 3) -> list[Route]:
    """Straight roads to the north, 1 km and more, in Liechtenstein."""
    return [
        Route.from_points(f"road-{n}", f"Road {n}", [47.1, 47.109 + 0.002 * n], [9.5 + 0.01 * n, 9.5 + 0.01 * n])
        for n in range(count)
    ]


def make_fleet(
    routes: Iterable[Route], drivers: int, start_ms: int, run_id: str = "run", deliveries: int = 1
) -> Iterator[DeliverySpec]:
    """Each driver departs at the start, and again every three minutes."""
    routes = list(routes)
    for turn in range(deliveries):
        for driver in range(drivers):
            yield make_spec(
                delivery_id=f"{run_id}-{driver}-{turn}",
                driver_id=f"courier-{driver}",
                client_id="scenario",
                run_id=run_id,
                route_id=routes[(driver + turn) % len(routes)].id,
                depart_ms=start_ms + turn * 180_000,
                period_ms=1000,
                seed=1,
            )


class World:
    """One run in memory: dispatcher, loop and hosts under a clock that a test moves."""

    def __init__(
        self,
        *,
        drivers: int = 4,
        actors: int = 2,
        per_actor: int | None = None,
        time_scale: float = 1.0,
        duration_ms: int | None = None,
        deliveries: int = 1,
    ) -> None:
        self.now = float(START_MS)
        self.routes = make_routes()
        layout = ActorLayout(actors, per_actor or max(1, -(-drivers // actors)), 0.1)
        self.plan = RunPlan("run", "test", 1, 1000, time_scale, drivers, layout, duration_ms, START_MS)
        self.journal, self.facts, self.requests = MemoryJournal(), MemoryFacts(), FakeRequests()
        self.crew = LocalCrew(self.plan, self.clock)
        self.fleet: Callable[[int], Iterator[DeliverySpec]] = lambda start_ms: make_fleet(
            self.routes, drivers, start_ms, deliveries=deliveries
        )
        self.stages: StageTable | None = None
        self.restart_dispatcher()

    def clock(self) -> float:
        return self.now

    def restart_dispatcher(self) -> None:
        table = self.journal.read()
        self.plan = resumed_plan(self.plan, table, 2.0)
        self.dispatcher = Dispatcher(self.plan, self.routes, self.fleet, self.now, self.stages)
        self.loop = self.loop_with(self.crew)
        self.loop.open(table)

    def loop_with(self, crew: Crew) -> DispatchLoop:
        """A loop of the present dispatcher with another crew."""
        return DispatchLoop(self.dispatcher, self.requests, crew, self.journal, self.facts, self.clock)

    def run(self, wall_s: float, step_ms: float = 100.0) -> None:
        """Let time pass: in each step the dispatcher and every host act once."""
        for _ in range(round(wall_s * 1000 / step_ms)):
            self.loop.step(0.0)
            self.crew.tick()
            self.now += step_ms

    def end(self, rounds: int = 20) -> bool:
        """End the run, as far as it comes in some rounds; return whether it is over."""
        for _ in range(rounds):
            if self.loop.end_step():
                return True
            self.crew.tick()
            self.now += 100
        return False

    def records(self) -> dict[bytes, set[bytes]]:
        """The distinct positions of each delivery."""
        found: dict[bytes, set[bytes]] = {}
        for key, value in self.crew.positions:
            found.setdefault(key, set()).add(value)
        return found

    def ledger(self) -> SeqLedger:
        """What a reader of both topics would count."""
        ledger = SeqLedger()
        for key, value in self.crew.positions:
            ledger.record(np.array([key]), np.array([json.loads(value)["seq"]]))
        for event in self.crew.events:
            if event.positions is not None:
                ledger.expect(event.delivery_id, event.positions)
        return ledger


@pytest.fixture
def make_world() -> type[World]:
    return World


@pytest.fixture
def routes() -> list[Route]:
    return make_routes()


@pytest.fixture
def specs(routes: list[Route]) -> list[DeliverySpec]:
    """Three deliveries that depart at the start."""
    return list(make_fleet(routes, 3, START_MS))
