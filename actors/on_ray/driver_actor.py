"""The driver host as a Ray actor: a name, a thread that ticks, and nothing else."""

from __future__ import annotations

import logging
import os
import threading
import time

import ray

from actors.driving.assignment import Batch, DriverStatus, Steering
from actors.driving.host import DriverHost
from actors.driving.pacing import delay_ms
from actors.producing.open_publisher import open_publisher
from actors.settings import Settings
from engine.delivery.simulation import FleetSimulation
from engine.motion.clock import RunClock
from engine.wall_clock import wall_ms

logger = logging.getLogger(__name__)

_FLUSH_S = 0.25
"""One wait for acknowledgements at the end, s.

It is repeated until the last one is there: how long to wait is the dispatcher's decision.
"""

SETTLE_S = 0.01
"""Time between two polls of the producer while something is on its way, s.

An acknowledgement is noticed at most about this late.
"""

ADD_STEP = 200
"""Deliveries adopted under one hold of the host's lock: some 10 ms, more only where roads are new."""

_YIELD_S = 0.001
"""Pause between two holds of the lock, s: without it other threads would never get the lock."""


class TickingDriver:
    """A driver host whose ticks run in a thread of their own, so that every call is answered at once.

    Parameters
    ----------
    name : of the actor.
    phase : in [0, 1), where in the tick period this actor ticks, so that not all do at once.
    """

    def __init__(self, name: str, run_id: str, settings: Settings, phase: float) -> None:
        logging.basicConfig(
            level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
        )  # of this process, which is ours alone
        self._host = DriverHost(
            name, FleetSimulation(run_id, key=settings.kafka_key), open_publisher(settings), wall_ms
        )
        self._period_ms, self._phase_ms = settings.tick_ms, settings.tick_ms * phase
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tick", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while self._rest():
                self._host.tick()
            self._host.suspend()
            while not self._host.flush(_FLUSH_S):
                pass
        except Exception:
            # Positions may have been made and not sent: only a new process, which continues after the last acknowledged
            # ones, is sure to have no gap.
            logger.exception("a tick or the end failed; the process ends and is restarted")
            os._exit(1)

    def _rest(self) -> bool:
        """Wait for the next tick, taking note of what arrives meanwhile; return whether there is to be one."""
        until_s = time.monotonic() + delay_ms(wall_ms(), self._period_ms, self._phase_ms) / 1000
        while self._host.has_on_the_way and until_s - time.monotonic() > SETTLE_S:
            if self._stopping.wait(SETTLE_S):
                return False
            self._host.settle()
        return not self._stopping.wait(max(0.0, until_s - time.monotonic()))

    def join(self, timeout_s: float) -> None:
        """Wait for the end of the thread that ticks."""
        self._thread.join(timeout_s)

    def set_clock(self, clock: RunClock, end_ms: int | None = None) -> None:
        """See `DriverHost.set_clock`."""
        self._host.set_clock(clock, end_ms)

    def add(self, batch: Batch) -> list[tuple[Steering, int | None]]:
        """See `DriverHost.add`. A large batch is taken over in parts, with time for a tick between them."""
        answers = []
        for part in batch.parts(ADD_STEP):
            answers += self._host.add(part)
            time.sleep(_YIELD_S)
        return answers

    def steer(self, steering: Steering) -> int | None:
        """See `DriverHost.steer`."""
        return self._host.steer(steering)

    def status(self, finished_seen: int = 0) -> DriverStatus:
        """See `DriverHost.status`."""
        return self._host.status(finished_seen)

    def drain(self) -> None:
        """Stop ticking, send the final events, and flush until everything has arrived.

        Returns at once; `status` says how far it is.

        A Ray actor gets no notice when its node goes, so the dispatcher that ends a run calls this. A second call
        changes nothing.
        """
        self._stopping.set()
        self._host.stop()


DriverActor = ray.remote(max_restarts=-1, max_task_retries=0)(TickingDriver)
"""The actor of a driver host, restarted without bound.

Ray repeats no calls, because the dispatcher sends everything again to a host with a new incarnation.
"""
