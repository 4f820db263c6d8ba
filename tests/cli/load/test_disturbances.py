"""Disturbances hit real processes at their time; a failed one is reported."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import pytest
from processes import is_running, title_of
from running_stack import until

import cli
from cli.load.disturbances import Disturber
from cli.local.child import Child
from engine.scenario.scenario import Disturbance, DisturbanceKind

SUPPORT = Path(__file__).parents[2] / "support"


@dataclass
class Parts:
    simulation: Child | None = None
    api: Child | None = None


def has_started(child: Child) -> bool:
    return "started" in child.last_words()


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    root = str(Path(cli.__file__).parents[1])
    children = [
        Child(name, "family", titles, {"PYTHONPATH": f"{SUPPORT}:{root}"}, tmp_path / f"{name}.log")
        for name, titles in (("simulation", ["ray::TickingDriver", "ray::Dispatching"]), ("api", []))
    ]
    for child in children:
        child.start()
        until(partial(has_started, child), "the start of a process")
    yield Parts(*children)
    for child in children:
        child.stop(0.5)


def workers(parts: Parts, title: str) -> list[psutil.Process]:
    assert parts.simulation is not None
    assert parts.simulation.pid is not None
    found = psutil.Process(parts.simulation.pid).children(recursive=True)
    return [process for process in found if title in title_of(process) and is_running(process)]


def test_each_is_done_once_when_its_time_has_come(parts: Parts) -> None:
    disturber = Disturber(
        [Disturbance(DisturbanceKind.KILL_DISPATCHER, 20.0), Disturbance(DisturbanceKind.KILL_DRIVER, 5.0)], parts
    )
    disturber.act(4.9)
    assert disturber.done == []
    disturber.act(5.1)
    until(lambda: not workers(parts, "TickingDriver"), "the end of the driver")
    assert len(workers(parts, "Dispatching")) == 1
    disturber.act(6.0)
    disturber.act(30.0)
    until(lambda: not workers(parts, "Dispatching"), "the end of the dispatcher")
    assert [(one.kind.value, one.at_s, one.ok) for one in disturber.done] == [
        ("kill_driver", 5.1, True),
        ("kill_dispatcher", 30.0, True),
    ]


def test_consumers_stand_still_for_as_long_as_asked_and_go_on_also_when_the_run_is_ended(parts: Parts) -> None:
    assert parts.api is not None
    assert parts.api.pid is not None
    api, clock = psutil.Process(parts.api.pid), [100.0]
    pauses = [Disturbance(DisturbanceKind.PAUSE_CONSUMERS, at_s, 3.0) for at_s in (1.0, 8.0)]
    disturber = Disturber(pauses, parts, clock=lambda: clock[0])
    disturber.act(1.0)
    until(lambda: api.status() == psutil.STATUS_STOPPED, "the pause")
    clock[0] += 2.9
    disturber.act(3.9)
    assert api.status() == psutil.STATUS_STOPPED
    clock[0] += 0.1
    disturber.act(4.0)
    until(lambda: api.status() != psutil.STATUS_STOPPED, "the end of the pause")
    disturber.act(8.0)
    until(lambda: api.status() == psutil.STATUS_STOPPED, "the second pause")
    disturber.undo()
    until(lambda: api.status() != psutil.STATUS_STOPPED, "its end")


KILLED_IN_A_PAUSE = """
import os, psutil, signal, sys, time
from types import SimpleNamespace
from cli.load import disturbances as disturbing
from engine.scenario.scenario import Disturbance, DisturbanceKind
disturbing.WAKE_AFTER_S = 2.0
parts = SimpleNamespace(simulation=None, api=SimpleNamespace(pid=int(sys.argv[1])))
disturbing.Disturber([Disturbance(DisturbanceKind.PAUSE_CONSUMERS, 0.0, 0.5)], parts).act(1.0)
while psutil.Process(parts.api.pid).status() != psutil.STATUS_STOPPED:
    time.sleep(0.01)
print("paused", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_consumers_go_on_also_when_the_load_test_is_killed(parts: Parts) -> None:
    assert parts.api is not None
    assert parts.api.pid is not None
    api = psutil.Process(parts.api.pid)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_IN_A_PAUSE, str(api.pid)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (killed.returncode, killed.stdout) == (-signal.SIGKILL, "paused\n"), killed.stderr
    until(lambda: api.status() != psutil.STATUS_STOPPED, "the end of the pause")


def test_what_is_not_there_cannot_be_disturbed_and_that_is_told() -> None:
    disturber = Disturber(
        [Disturbance(DisturbanceKind.RECONNECT_VIEWERS, 0.0), Disturbance(DisturbanceKind.KILL_DRIVER, 0.0)], Parts()
    )
    disturber.act(1.0)
    assert [(one.ok, one.what) for one in disturber.done] == [
        (False, "could not be done: there is no process of simulated viewers"),
        (False, "could not be done: there is no process of the simulation"),
    ]
