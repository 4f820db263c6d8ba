"""The dispatcher as a Ray actor: it joins the parts and runs the loop in a thread of its own."""

from __future__ import annotations

import logging
import os
import threading
from dataclasses import dataclass
from functools import partial

import ray

from actors.dispatch.dispatcher import Dispatcher
from actors.dispatch.ending import Left
from actors.dispatch.journal import FileJournal, Journal, JournalClosed, NoPlace, Superseded
from actors.dispatch.loop import DispatchLoop
from actors.dispatch.plan import RunPlan, RunRefused
from actors.dispatch.run_lifecycle import resumed_plan
from actors.dispatch.summary import Summary
from actors.kafka.facts import KafkaFacts
from actors.kafka.journal import KafkaJournal
from actors.kafka.request_reader import GROUP, RequestReader
from actors.on_ray.crew import RayCrew
from actors.producing.options import consumer_options, producer_options
from actors.settings import Settings
from engine.demand.stage_table import stages_of
from engine.demand.world import fleet_of, offered_routes, routes_of
from engine.errors import EngineError
from engine.scenario.scenario import Scenario
from engine.wall_clock import wall_ms

logger = logging.getLogger(__name__)

_STEP_WAIT_S = 0.03

JOURNAL_GROUP = "code-delivery-journal"
"""A consumer must name a group; this one commits nothing."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a run.

    Attributes
    ----------
    is_exhausted : nothing is on the road and nothing will be, unless it is requested.
    is_over : the run has come to the end of its duration.
    refusal : why the run cannot be, or cannot be here any more; empty if it can.
    left : what its end waits for; None before its end.
    summary : its totals once it has ended; None before.
    """

    pid: int
    is_exhausted: bool = False
    is_over: bool = False
    refusal: str = ""
    left: Left | None = None
    summary: Summary | None = None


class Dispatching:
    """One run's dispatcher, at work from its making on.

    Parameters
    ----------
    cpus : how many the cluster has.
    namespace : of the names of the run's actors.
    """

    def __init__(self, plan: RunPlan, scenario: Scenario, settings: Settings, cpus: float, namespace: str) -> None:
        self._plan, self._scenario, self._settings, self._cpus, self._namespace = (
            plan,
            scenario,
            settings,
            cpus,
            namespace,
        )
        self._crew: RayCrew | None = None
        self._dispatcher: Dispatcher | None = None
        self._loop: DispatchLoop | None = None
        #: Taken between two steps: in the midst of one, a delivery may have left the fleet and not yet be on the road.
        self._progress = Progress(os.getpid())
        self._stopping, self._giving_up = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="dispatch", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._loop, self._dispatcher = loop, dispatcher = self._opened_loop()
            while not self._stopping.is_set():
                loop.step(_STEP_WAIT_S)
                self._progress = Progress(os.getpid(), dispatcher.is_exhausted, dispatcher.is_over)
            self._end(loop, dispatcher)
        except JournalClosed:
            logger.error("the run ends while the broker is away; its journal does not say so")
            self._let_go()
        except (RunRefused, Superseded, NoPlace) as error:
            self._refuse(str(error))
        except Exception:
            # A new process that replays the journal is safer than one that continues in an unknown state.
            logger.exception("the dispatcher failed; its process ends and is restarted")
            os._exit(1)

    def _end(self, loop: DispatchLoop, dispatcher: Dispatcher) -> None:
        """End the run: drivers say how far each delivery came, everything is flushed, actors end."""
        while not loop.end_step():
            self._progress = Progress(os.getpid(), left=dispatcher.left)
            if self._giving_up.wait(_STEP_WAIT_S):
                loop.abandon()
                break
        self._let_go()

    def _let_go(self) -> None:
        if self._crew is not None:
            self._crew.dismiss()
        summary = Summary(self._plan.run_id) if self._dispatcher is None else Summary.of(self._dispatcher)
        self._progress = Progress(os.getpid(), summary=summary)

    def _opened_loop(self) -> tuple[DispatchLoop, Dispatcher]:
        try:
            return self._open()
        except (
            EngineError
        ) as error:  # a file that cannot be read, or roads without a way: a new process would find the same
            raise RunRefused(str(error)) from error

    def _open(self) -> tuple[DispatchLoop, Dispatcher]:
        # The journal first: it knows where the drivers sat, and it keeps an earlier dispatcher that still lives from
        # acting.
        journal = open_journal(self._plan.run_id, self._settings)
        table = journal.read()
        plan = resumed_plan(self._plan, table, self._cpus)
        self._crew = RayCrew(plan, self._settings, self._namespace, self._cpus)
        self._crew.start()  # then the processes, because they take longest to start
        routes = routes_of(self._scenario)
        offered = offered_routes(routes)
        facts = KafkaFacts(producer_options(self._settings))
        dispatcher = Dispatcher(
            plan,
            offered,
            partial(fleet_of, self._scenario, plan.run_id, routes),
            wall_ms(),
            partial(stages_of, self._scenario),
        )
        requests = RequestReader(consumer_options(self._settings, GROUP))
        loop = DispatchLoop(dispatcher, requests, self._crew, journal, facts, wall_ms)
        loop.open(table)
        for message in [] if dispatcher.has_begun else [route.to_message() for route in offered]:
            requests.expect_own(message.to_json())
            facts.publish(message)
        return loop, dispatcher

    def _refuse(self, reason: str) -> None:
        """Decide nothing more.

        The actors are ended without final events, because the dispatcher that took the run over reports on
        its deliveries.
        """
        logger.error("%s", reason)
        if self._crew is not None:
            self._crew.dismiss()
        self._progress = Progress(os.getpid(), refusal=reason)

    def join(self, timeout_s: float) -> None:
        """Wait for the end of the thread that dispatches."""
        self._thread.join(timeout_s)

    def progress(self) -> Progress:
        """Return how far the run has come."""
        return self._progress

    def end(self, *, give_up: bool) -> Progress:
        """Have the run end, and return its progress at once; a second call changes nothing.

        Parameters
        ----------
        give_up : wait no longer for what has not arrived.
        """
        self._stopping.set()
        if give_up and not self._giving_up.is_set():
            self._giving_up.set()
            if self._loop is not None:
                self._loop.stop()
        return self._progress


def open_journal(run_id: str, settings: Settings) -> Journal:
    """Return the journal of a run."""
    if settings.journal == "file":
        return FileJournal(settings.data_dir / "runs" / f"{run_id}.journal")
    return KafkaJournal(run_id, producer_options(settings), consumer_options(settings, JOURNAL_GROUP))


DispatcherActor = ray.remote(max_restarts=-1, max_task_retries=0)(Dispatching)
"""The actor of a run's dispatcher, restarted without bound; a new one replays the journal."""
