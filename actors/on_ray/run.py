"""A run from its start to its end: cluster, dispatcher, and an end in which nothing is lost."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayActorError

from actors.dispatch.plan import RunPlan, RunRefused, make_run_id, plan_run
from actors.dispatch.summary import Summary
from actors.on_ray.cluster import ray_cluster
from actors.on_ray.crew import NO_TASK_EVENTS
from actors.on_ray.dispatcher_actor import DispatcherActor, Progress
from actors.patience import LAST_WORDS_S, Patience
from actors.settings import Settings
from engine.scenario.scenario import Scenario

logger = logging.getLogger(__name__)

NAMESPACE = "code-delivery"
"""Namespace of all our actors in the cluster; a run's own namespace begins with it."""

_NAME_S = 15.0
_PROGRESS_S = 0.25
_DISPATCHER_CPUS = 0.05


def run(
    settings: Settings,
    scenario: Scenario,
    *,
    run_id: str | None = None,
    once: bool = False,
    start_ms: int | None = None,
    stop: threading.Event | None = None,
    on_start: Callable[[], None] = lambda: None,
    on_wait: Callable[[str], None] = lambda _: None,
) -> Summary:
    """Run a scenario until `stop` is set or it has come to its end, and return its totals.

    Parameters
    ----------
    run_id : made from the scenario's name and the time if absent.
    once : end as well when no delivery is on the road and the fleet has no more; otherwise the run continues to serve
        requests.
    start_ms : virtual epoch ms at which the run begins; the present if absent.
    on_start : called when the cluster is up. Ray sets signal handlers of its own, so this is the time to set others.
    on_wait : given a sentence each time that the end of the run waits for something else.

    Raises
    ------
    MessageError : `run_id` cannot be one.
    RunRefused : the run has ended, was begun otherwise, or is running elsewhere.
    """
    run_id = run_id or make_run_id(scenario, datetime.now(UTC))
    plan_run(scenario, run_id, 1.0)  # what cannot be planned is refused before anything starts
    with ray_cluster(settings, NAMESPACE) as cpus:
        on_start()
        plan = plan_run(scenario, run_id, cpus, actor_cpus=settings.actor_cpus, start_ms=start_ms)
        return run_plan(settings, scenario, plan, cpus=cpus, once=once, stop=stop or threading.Event(), on_wait=on_wait)


def run_plan(
    settings: Settings,
    scenario: Scenario,
    plan: RunPlan,
    *,
    cpus: float,
    once: bool,
    stop: threading.Event,
    on_wait: Callable[[str], None] = lambda _: None,
) -> Summary:
    """Run a plan on the cluster that this process is connected to, with `cpus` CPUs; see `run`.

    A run that an earlier process has begun is resumed: its drivers, if they live, are taken over, and otherwise made
    again.
    """
    logger.info("run %s: %d drivers on %d actors", plan.run_id, plan.drivers, plan.layout.actors)
    # Ray starts its processes elsewhere: a relative folder would be another one there.
    settings = settings.model_copy(update={"data_dir": settings.data_dir.resolve()})
    namespace = f"{NAMESPACE}-{plan.run_id}"
    options = {"name": "dispatcher", "namespace": namespace, "num_cpus": _DISPATCHER_CPUS, **NO_TASK_EVENTS}
    dispatcher = _start_dispatcher(plan.run_id, options, (plan, scenario, settings, cpus, namespace), stop)
    try:
        while not stop.wait(_PROGRESS_S):
            progress = _ask(dispatcher.progress.remote())
            if progress is not None and progress.refusal:
                raise RunRefused(progress.refusal)
            if progress is not None and (progress.is_over or (once and progress.is_exhausted)):
                break
        return _end(dispatcher, plan, settings.end_wait_s, on_wait)
    finally:
        with contextlib.suppress(ValueError):  # the cluster has gone before us
            ray.kill(dispatcher, no_restart=True)


def _start_dispatcher(run_id: str, options: dict[str, Any], arguments: tuple[Any, ...], stop: threading.Event) -> Any:
    """Return the run's new dispatcher; the name of one just killed is taken for a moment longer."""
    deadline = time.monotonic() + _NAME_S
    while True:
        try:
            return DispatcherActor.options(**options).remote(*arguments)
        except ValueError as error:
            if time.monotonic() > deadline or stop.wait(_PROGRESS_S):
                raise RunRefused(f"run {run_id} is running already on this cluster: {error}") from None


def _ask(question: Any) -> Progress | None:
    """Return the dispatcher's progress; None while it is starting, dead or too busy to answer."""
    try:
        answer: Progress = ray.get(question, timeout=1.0)
    except (RayActorError, GetTimeoutError):
        return None
    return answer


def _end(dispatcher: Any, plan: RunPlan, end_wait_s: float, on_wait: Callable[[str], None]) -> Summary:
    """End the run and return its totals.

    Wait as long as the end proceeds, and `end_wait_s` more; then give up what has not arrived.

    The dispatcher is asked repeatedly, because one that Ray restarts does not know that the run ends.
    """
    patience, gives_up, reported = Patience(end_wait_s, time.monotonic()), False, ""
    while True:
        progress = _ask(dispatcher.end.remote(give_up=gives_up))
        if progress is not None and progress.refusal:
            raise RunRefused(progress.refusal)
        if progress is not None and progress.summary is not None:
            return progress.summary
        left = None if progress is None else progress.left
        sentence = "waiting for the dispatcher" if progress is None else reported if left is None else left.sentence
        if sentence != reported:
            reported = sentence
            on_wait(sentence)
        if patience.is_over(() if left is None else left.measures, time.monotonic()):
            if gives_up:
                break
            logger.error("run %s gives up after %g s without progress, while %s", plan.run_id, end_wait_s, sentence)
            patience, gives_up = Patience(LAST_WORDS_S, time.monotonic()), True
        time.sleep(_PROGRESS_S)
    logger.error("run %s did not end in time; its last positions may be missing", plan.run_id)
    return Summary(plan.run_id, unended=plan.layout.actors)
