"""The crew: a run's driver actors on a Ray cluster.

It starts them in waves, passes orders on and collects answers; it never waits.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError

from actors.dispatch.plan import RunPlan
from actors.driving.assignment import Batch, DriverStatus, Steering
from actors.on_ray.driver_actor import DriverActor
from actors.settings import Settings
from engine.motion.clock import RunClock

logger = logging.getLogger(__name__)

WAVE = 4
"""Actors that may be starting at once, unless there are more CPUs.

Each costs a second of CPU, and starting all of them together makes every one late.
"""

NO_TASK_EVENTS = {"enable_task_events": False}
"""Options of actors that are called several times a second.

Ray keeps an event of every call, up to 100,000 of them, and these would only fill its memory.
"""

STATUS_PERIOD_S = 0.25


class RayCrew:
    """The driver actors of one run.

    They are named and detached, so that a dispatcher that was killed finds them at work; Ray restarts those that die.

    Parameters
    ----------
    namespace : of the actors' names.
    cpus : how many the cluster has.
    """

    def __init__(self, plan: RunPlan, settings: Settings, namespace: str, cpus: float) -> None:
        self._plan, self._settings, self._namespace = plan, settings, namespace
        self._wave = max(WAVE, int(cpus))
        self._handles: dict[str, Any] = {}
        self._heard: set[str] = set()
        self._questions: dict[str, Any] = {}
        self._asked_s: dict[str, float] = {}
        self._orders: list[Any] = []
        self._batches: dict[Any, int] = {}
        self._answers: list[tuple[Steering, int | None]] = []
        self._steerings: dict[Any, Steering] = {}

    def start(self) -> None:
        """Start the next actors, as far as the wave allows; `statuses` does it too."""
        for number, name in enumerate(self._plan.actors):
            if len(self._handles) - len(self._heard) >= self._wave:
                return
            if name not in self._handles:
                options = {
                    "name": name,
                    "namespace": self._namespace,
                    "lifetime": "detached",
                    "get_if_exists": True,
                    **NO_TASK_EVENTS,
                }
                place = {
                    "num_cpus": self._plan.layout.actor_cpus,
                    "scheduling_strategy": "SPREAD",
                }  # over the nodes, for each has a network of its own
                self._handles[name] = DriverActor.options(**options, **place).remote(
                    name, self._plan.run_id, self._settings, number / len(self._plan.actors)
                )

    def add(self, actor: str, batch: Batch) -> None:
        """Give an actor some deliveries."""
        self._batches[self._handles[actor].add.remote(batch)] = len(batch.specs)

    @property
    def untaken(self) -> int:
        """How many deliveries the actors have been given and not taken over yet."""
        return sum(self._batches.values())

    def steer(self, actor: str, steering: Steering) -> None:
        """Have an actor pause, resume or cancel a delivery."""
        self._steerings[self._handles[actor].steer.remote(steering)] = steering

    def set_clock(self, actor: str, clock: RunClock, end_ms: int | None) -> None:
        """Send an actor the run's clock."""
        self._orders.append(self._handles[actor].set_clock.remote(clock, end_ms))

    def statuses(self, finished_seen: Mapping[str, int]) -> list[DriverStatus]:
        """Return the statuses that have come in, and ask again those that answered a while ago."""
        self.start()
        self._check_orders()
        now_s = time.monotonic()
        for name, handle in self._handles.items():
            if name not in self._questions and now_s - self._asked_s.get(name, 0.0) >= STATUS_PERIOD_S:
                self._questions[name] = handle.status.remote(finished_seen.get(name, 0))
                self._asked_s[name] = now_s
        found = []
        for name, question in list(self._questions.items()):
            if _is_ready(question):
                del self._questions[name]
                status = _answer(question)
                if isinstance(status, DriverStatus):
                    self._heard.add(name)
                    found.append(status)
        return found

    def _check_orders(self) -> None:
        done, self._orders = _ready(self._orders)
        for order in done:
            _answer(order)
        for order in _ready(list(self._batches))[0]:
            del self._batches[order]
            self._answers += _answer(order, otherwise=[])

    def steered(self) -> list[tuple[Steering, int | None]]:
        """Return the steerings done since the last call, each with the virtual instant from which it holds.

        One whose actor died is sent again with its delivery.
        """
        done = [order for order in self._steerings if _is_ready(order)]
        answers = [(self._steerings.pop(order), _answer(order, otherwise=_NO_ANSWER)) for order in done]
        found = [(steering, at_ms) for steering, at_ms in answers if at_ms is not _NO_ANSWER]
        found, self._answers = [*self._answers, *found], []
        return found

    def drain(self, actor: str) -> None:
        """Have an actor end."""
        self._orders.append(self._handles[actor].drain.remote())

    def dismiss(self) -> None:
        """End the actors at once, whatever they have under way."""
        for handle in self._handles.values():
            ray.kill(handle, no_restart=True)


_NO_ANSWER = object()


def _ready(orders: list[Any]) -> tuple[list[Any], list[Any]]:
    """Return the orders that have been carried out, and the others."""
    return ray.wait(orders, num_returns=len(orders), timeout=0) if orders else ([], [])


def _is_ready(order: Any) -> bool:
    return bool(ray.wait([order], timeout=0)[0])


def _answer(order: Any, otherwise: Any = None) -> Any:
    """Return an actor's answer.

    It is `otherwise` if the actor died, after which it shows a new incarnation, or could not carry the order out.
    """
    try:
        return ray.get(order)
    except RayActorError:
        return otherwise
    except RayError as error:
        logger.error("a driver actor could not carry out an order: %s", error)
        return otherwise
