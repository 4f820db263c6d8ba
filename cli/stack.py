"""The whole chain on this machine: broker and stores, API, simulation, started in order and ended in order.

Ending is where positions are lost if the order is wrong:

1. the simulation stops its drivers, flushes its producers and says how many positions each delivery has;
2. the API reads on until it has stored them all, and is asked for the ledger;
3. the API ends and closes its stores;
4. the broker and the stores end last.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cli.api_client import ApiClient, ApiError
from cli.backing import backing_of
from cli.child import Child
from cli.ledger_table import LedgerSummary
from cli.port import advice_for_port, fault_of_port
from cli.settings import UpSettings
from engine.scenario import Scenario

START_TIMEOUT_S = 180.0
SIMULATION_STOP_S = 20.0
"""An end takes a few seconds, and longer only while a killed driver is on its way back."""

API_STOP_S = 2.0
POLL_S = 0.1


class StackError(RuntimeError):
    """The stack could not be started; the message says which part and why."""


def check_port_is_free(port: int) -> None:
    """Raise `StackError` naming the port if something listens on it."""
    fault = fault_of_port(port)
    if fault is not None:
        raise StackError(f"port {port} on 127.0.0.1 cannot be used ({fault}); {advice_for_port(port)}")


class Stack:
    """Broker, API and simulation of one run.

    Parameters
    ----------
    scenario : what the broker is made for.
    path : the file that the simulation reads it from.
    run_id : the run's id.
    once : end the run when the scenario's deliveries have ended, instead of waiting for requests.

    Attributes
    ----------
    bootstrap : address of the broker, ``host:port``; empty before `start`.
    """

    def __init__(self, settings: UpSettings, scenario: Scenario, path: Path, run_id: str, *, once: bool = False) -> None:
        self.settings, self.run_id = settings, run_id
        self.client = ApiClient(settings.url, settings.key)
        self._path, self._once = path, once
        self.backing = backing_of(settings, scenario)
        self.bootstrap = ""
        self._api: Child | None = None
        self._simulation: Child | None = None

    def start(self, tell: Callable[[str], None], asked_to_end: threading.Event, on_api: Callable[[], None] = lambda: None) -> None:
        """Start every part and return when positions flow, or at once when it is asked to end; `tell` is given a line for each step.

        Parameters
        ----------
        on_api : called when the API takes requests.

        Raises
        ------
        StackError : the port is taken, or a part was not ready in time.
        ChildDied : a part ended; the end of its log is in the message.
        BrokerError, ServicesError : the broker or a store could not be started.
        """
        check_port_is_free(self.settings.port)
        found = self.backing.start(tell)
        self.bootstrap = found["KAFKA_BOOTSTRAP"]
        logs = self.settings.data_dir / "logs"
        environment = {**found, "API_HOST": self.settings.api_host, "PORT": str(self.settings.port), "DATA_DIR": str(self.settings.data_dir)}
        simulation = ["--scenario", str(self._path), "--run-id", self.run_id, *(["--once"] if self._once else [])]
        self._api = Child("the API", "api", [], environment, logs / "api.log")
        self._simulation = Child("the simulation", "actors", simulation, environment, logs / "simulation.log")
        # Both take a few seconds, and neither needs the other to start.
        self._api.start()
        self._simulation.start()
        tell("starting the API")
        self._wait_until(self.client.is_ready, "the API", asked_to_end)
        if not asked_to_end.is_set():
            on_api()
        tell("starting Ray and the driver actors")
        self._wait_until(self._is_moving, "the simulation", asked_to_end)

    def check(self) -> None:
        """Raise `ChildDied` if a part has ended that should run; a simulation that has come to its end is no fault."""
        if self._api is not None:
            self._api.check()
        if self._simulation is not None and not self.has_finished():
            self._simulation.check()

    def summary(self) -> dict[str, Any]:
        """Return what the simulation printed at its end (counts and lateness); empty if it did not come to one."""
        if self._simulation is None or self._simulation.exit_code != 0:
            return {}
        told = [line for line in self._simulation.last_words().splitlines() if line.startswith("{")]
        return dict(json.loads(told[-1])) if told else {}

    def has_finished(self) -> bool:
        """Return whether the simulation has come to its end: the scenario's duration is over, or it runs once and all is delivered."""
        return self._simulation is not None and self._simulation.exit_code == 0

    @property
    def api(self) -> Child | None:
        """The API's process; None before `start`."""
        return self._api

    @property
    def simulation(self) -> Child | None:
        """The simulation's process; None before `start`."""
        return self._simulation

    def stop(self, tell: Callable[[str], None]) -> LedgerSummary | None:
        """End every part in order and return the ledger; None if no part lived to tell it."""
        ledger = self.end_parts(tell)
        self.backing.stop(tell)
        return ledger

    def end_parts(self, tell: Callable[[str], None]) -> LedgerSummary | None:
        """End the simulation and the API, and return the ledger as `stop` does; broker and stores go on, for who wants to read what they hold."""
        ledger = None
        if self._simulation is not None:
            tell("stopping the drivers")
            self._simulation.stop(SIMULATION_STOP_S)
        if self._api is not None:
            if self._api.pid is not None:
                tell("storing what is still on its way")
                ledger = self._settled_ledger()
            tell("stopping the API")
            self._api.stop(API_STOP_S)
        self.client.close()
        return ledger

    def _is_moving(self) -> bool:
        run = self.client.run(self.run_id)
        return run is not None and (run["acked"] > 0 or run["drivers"] == 0)

    def _wait_until(self, condition: Callable[[], bool], what: str, asked_to_end: threading.Event) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not asked_to_end.is_set() and not condition():
            self.check()
            if time.monotonic() > deadline:
                raise StackError(f"{what} was not ready within {START_TIMEOUT_S:g} s; its log is in {self.settings.data_dir / 'logs'}")
            asked_to_end.wait(POLL_S)

    def _settled_ledger(self) -> LedgerSummary | None:
        """Return the ledger once it is clean, or as it stands when nothing has been added to it for as long as the stores may take."""
        deadline = time.monotonic() + self.backing.settle_s
        ledger, stored = None, -1
        while time.monotonic() < deadline:
            asked = time.monotonic()
            try:
                ledger = self.client.ledger(self.run_id)
            except ApiError:
                return ledger
            if ledger is not None and ledger.is_clean:
                break
            if ledger is not None and ledger.stored > stored:
                deadline, stored = time.monotonic() + self.backing.settle_s, ledger.stored
            time.sleep(max(POLL_S, time.monotonic() - asked))  # a store that counts for long is asked less often
        return ledger
