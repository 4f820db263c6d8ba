"""Carries out a scenario's disturbances of the system when their time has come."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import psutil

from cli.local.child import Child
from engine.scenario.scenario import Disturbance, DisturbanceKind

_WORKERS = {DisturbanceKind.KILL_DRIVER: "TickingDriver", DisturbanceKind.KILL_DISPATCHER: "Dispatching"}
"""What Ray calls the processes of our actors: their classes' names."""

_WAKER = 'sleep "$1"; kill -CONT "$2"'
WAKE_AFTER_S = 5.0
"""Seconds after the end of a pause at which another process resumes the API.

It matters only if this process was killed meanwhile.
"""


@dataclass(frozen=True, slots=True)
class Done:
    """A disturbance that was done, or why it could not be.

    Attributes
    ----------
    at_s : virtual seconds after the run's beginning.
    what : in words.
    """

    kind: DisturbanceKind
    at_s: float
    what: str
    ok: bool = True


class Parts(Protocol):
    """The processes that can be disturbed."""

    @property
    def simulation(self) -> Child | None:
        """The simulation, with its Ray cluster."""

    @property
    def api(self) -> Child | None:
        """The API."""


class Disturber:
    """Does a scenario's disturbances.

    Parameters
    ----------
    viewers : the process of the simulated viewers, if there is one by then.
    clock : a steady clock, s.
    """

    def __init__(
        self,
        disturbances: Sequence[Disturbance],
        parts: Parts,
        viewers: Callable[[], Child | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._left = sorted(disturbances, key=lambda one: one.at_s)
        self._parts, self._viewers, self._clock = parts, viewers, clock
        self._resume_at: float | None = None
        self._paused: psutil.Process | None = None
        self._waker: subprocess.Popen[bytes] | None = None
        #: What was done, in order.
        self.done: list[Done] = []

    def act(self, run_s: float) -> None:
        """Do what is due by an instant of the run, virtual seconds after its beginning."""
        if self._resume_at is not None and self._clock() >= self._resume_at:
            self.undo()
        while self._left and self._left[0].at_s <= run_s:
            one = self._left.pop(0)
            try:
                self.done.append(Done(one.kind, run_s, self._do(one)))
            except (psutil.Error, LookupError) as error:
                self.done.append(Done(one.kind, run_s, f"could not be done: {error}", ok=False))

    def undo(self) -> None:
        """Let what stands still go on; called before the parts are ended."""
        if self._paused is not None and self._paused.is_running():
            self._paused.resume()
        if self._waker is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._waker.pid, signal.SIGKILL)
            self._waker.wait()
        self._paused, self._resume_at, self._waker = None, None, None

    def _do(self, one: Disturbance) -> str:
        match one.kind:
            case DisturbanceKind.KILL_DRIVER | DisturbanceKind.KILL_DISPATCHER:
                victim = self._worker(_WORKERS[one.kind])
                victim.kill()
                return f"process {victim.pid} killed"
            case DisturbanceKind.PAUSE_CONSUMERS:
                self.undo()
                self._paused = _process(self._parts.api, "the API")
                seconds = f"{one.pause_s + WAKE_AFTER_S:g}"
                command, nowhere = ["sh", "-c", _WAKER, "sh", seconds, str(self._paused.pid)], subprocess.DEVNULL
                self._waker = subprocess.Popen(
                    command, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True
                )
                self._paused.suspend()
                self._resume_at = self._clock() + one.pause_s
                return f"the API stands still for {one.pause_s:g} s"
            case DisturbanceKind.RECONNECT_VIEWERS:
                _process(self._viewers(), "simulated viewers").send_signal(signal.SIGUSR1)
                return "all viewers reconnect"

    def _worker(self, title: str) -> psutil.Process:
        for process in _process(self._parts.simulation, "the simulation").children(recursive=True):
            try:
                if title in " ".join(process.cmdline()):
                    return process
            except psutil.NoSuchProcess:
                continue
        raise LookupError(f"no worker {title} runs")


def _process(child: Child | None, what: str) -> psutil.Process:
    if child is None or child.pid is None:
        raise LookupError(f"there is no process of {what}")
    return psutil.Process(child.pid)
