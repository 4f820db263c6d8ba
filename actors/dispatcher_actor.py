"""The dispatcher as a Ray actor: it joins the parts and turns the loop in a thread of its own."""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import dataclass
from functools import partial

import ray

from actors.crew import RayCrew
from actors.dispatch_loop import DispatchLoop
from actors.dispatcher import Dispatcher
from actors.facts import KafkaFacts
from actors.journal import FileJournal
from actors.kafka import consumer_options, producer_options
from actors.plan import RunPlan
from actors.requests import GROUP, RequestReader
from actors.settings import Settings
from actors.summary import Summary
from actors.world import fleet_of, offered_routes, routes_of
from engine.scenario import Scenario

logger = logging.getLogger(__name__)

_STEP_WAIT_S = 0.03
_STOP_S = 1.0


def wall_ms() -> float:
    """Return the wall clock, epoch ms."""
    return time.time() * 1000


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come.

    Attributes
    ----------
    is_exhausted : nothing is on the road and nothing will be, unless somebody asks for it.
    is_over : the run has come to the end of its duration.
    """

    pid: int
    is_exhausted: bool
    is_over: bool


class Dispatching:
    """One run's dispatcher, at work from its making on."""

    def __init__(self, plan: RunPlan, scenario: Scenario, settings: Settings, namespace: str) -> None:
        self._plan, self._scenario, self._settings = plan, scenario, settings
        self._crew = RayCrew(plan, settings, namespace)
        self._dispatcher: Dispatcher | None = None
        self._loop: DispatchLoop | None = None
        #: Taken between two steps: in the midst of one, a delivery may have left the fleet and not yet be on the road.
        self._progress = Progress(os.getpid(), is_exhausted=False, is_over=False)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="dispatch", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._crew.start()  # first, because processes take longest to start
            self._open()
            while not self._stopping.is_set() and self._loop is not None and self._dispatcher is not None:
                self._loop.step(_STEP_WAIT_S)
                self._progress = Progress(os.getpid(), self._dispatcher.is_exhausted, self._dispatcher.is_over)
        except Exception:
            # A new process that replays the journal is surer than one that goes on in an unknown state.
            logger.exception("the dispatcher failed; its process ends and is restarted")
            os._exit(1)

    def _open(self) -> None:
        routes = routes_of(self._scenario)
        offered = offered_routes(routes)
        facts = KafkaFacts(producer_options(self._settings))
        fleet = partial(fleet_of, self._scenario, self._plan.run_id, routes)
        dispatcher = Dispatcher(self._plan, offered, fleet, wall_ms())
        journal = FileJournal(self._settings.data_dir / "runs" / f"{self._plan.run_id}.journal")
        requests = RequestReader(consumer_options(self._settings, GROUP))
        self._loop = DispatchLoop(dispatcher, requests, self._crew, journal, facts, wall_ms)
        self._loop.open()
        for message in [] if dispatcher.has_begun else [route.to_message() for route in offered]:
            requests.expect_own(message.to_json())
            facts.tell(message)
        self._dispatcher = dispatcher

    def progress(self) -> Progress:
        """Return how far the run has come."""
        return self._progress

    def drain(self, timeout_s: float) -> Summary:
        """End the run: drivers say how far each delivery came, everything is flushed, actors end. Returns the totals."""
        self._stopping.set()
        self._thread.join(_STOP_S)
        if self._loop is None or self._dispatcher is None:
            return Summary(self._plan.run_id)
        self._loop.drain(timeout_s)
        return Summary.of(self._dispatcher)


DispatcherActor = ray.remote(max_restarts=-1, max_task_retries=0)(Dispatching)
"""Restarted for ever; a new one replays the journal."""
