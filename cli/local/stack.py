"""The chain on this machine: broker, stores, API and simulation, started and ended in order.

Ending is where positions are lost if the order is wrong:

1. the simulation stops its drivers, publishes how many positions each delivery has, and flushes its producers;
2. the API reads until it has stored them all, and is asked for the ledger;
3. the API ends and closes its stores;
4. the broker and the stores end last.

The first two wait as long as they advance: END_WAIT_S bounds only how long nothing advances. No wait here is shorter
than the one inside it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from actors.patience import LAST_WORDS_S
from api.bounds import longest_end_s
from cli.errors import CliError
from cli.local.api_client import ApiClient, ApiError
from cli.local.backing import backing_of
from cli.local.child import Child
from cli.local.ending import Ending
from cli.local.port import advice_for_port, fault_of_port
from cli.local.settings import UpSettings
from cli.local.storing import Answer, Storing
from engine.scenario.scenario import Scenario

START_TIMEOUT_S = 180.0
RAY_STOP_S = 20.0
"""How long the end of Ray may take, or its start, which nothing can interrupt, s."""

POLL_S = 0.1


class StackError(CliError):
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
    scenario : its load is what the broker is made for.
    path : the file that the simulation reads it from.
    run_id : the run's id.
    client : of its API; one of the settings' address if absent.
    once : end the run when the scenario's deliveries have ended, instead of waiting for requests.

    Attributes
    ----------
    bootstrap : address of the broker, ``host:port``; empty before `start`.
    api, simulation : their processes; None before `start`.
    was_ready : whether the API has taken requests: without that its end is not waited for.
    """

    def __init__(
        self,
        settings: UpSettings,
        scenario: Scenario,
        path: Path,
        run_id: str,
        *,
        once: bool = False,
        client: ApiClient | None = None,
    ) -> None:
        self.settings, self.run_id = settings, run_id
        self.client = client or ApiClient(settings.url, settings.key)
        self._path, self._once = path, once
        self.backing = backing_of(settings, scenario)
        self.bootstrap = ""
        self.api: Child | None = None
        self.simulation: Child | None = None
        self.was_ready = False

    def start(
        self, report: Callable[[str], None], asked_to_end: threading.Event, on_api: Callable[[], None] = lambda: None
    ) -> None:
        """Start every part, and return when positions flow, or at once when `asked_to_end` is set.

        Parameters
        ----------
        report : given a line for each step.
        asked_to_end : set when the stack is to end.
        on_api : called when the API takes requests.

        Raises
        ------
        StackError : the port is taken, or a part was not ready in time.
        ChildDied : a part ended; the end of its log is in the message.
        BrokerError, ServicesError : the broker or a store could not be started.
        """
        check_port_is_free(self.settings.port)
        found = self.backing.start(report)
        self.bootstrap = found["KAFKA_BOOTSTRAP"]
        logs = self.settings.data_dir / "logs"
        environment = {
            **found,
            "API_HOST": self.settings.api_host,
            "PORT": str(self.settings.port),
            "DATA_DIR": str(self.settings.data_dir),
        }
        environment |= {"END_WAIT_S": str(self.settings.end_wait_s), "DRAIN_SECONDS": str(self.settings.drain_seconds)}
        simulation = ["--scenario", str(self._path), "--run-id", self.run_id, *(["--once"] if self._once else [])]
        self.api = Child("the API", "api", [], environment, logs / "api.log")
        self.simulation = Child("the simulation", "actors", simulation, environment, logs / "simulation.log")
        # Both take a few seconds, and neither needs the other to start.
        self.api.start()
        self.simulation.start()
        report("starting the API")
        self._wait_until(self.client.is_ready, "the API", asked_to_end)
        if not asked_to_end.is_set():
            self.was_ready = True
            on_api()
        report("starting Ray and the driver actors")
        self._wait_until(self._is_moving, "the simulation", asked_to_end)

    def check(self) -> None:
        """Raise `ChildDied` if a part has ended that should run.

        A simulation that has come to its end is no fault.
        """
        if self.api is not None:
            self.api.check()
        if self.simulation is not None and not self.has_finished():
            self.simulation.check()

    def summary(self) -> dict[str, Any]:
        """Return what the simulation printed at its end: counts and lateness; empty if there is none."""
        return self.simulation.newest_report() if self.simulation is not None and self.simulation.exit_code == 0 else {}

    def has_finished(self) -> bool:
        """Return whether the simulation has come to its end.

        That is when the scenario's duration is over, or when it runs once and all is delivered.
        """
        return self.simulation is not None and self.simulation.exit_code == 0

    def stop(self, report: Callable[[str], None]) -> Ending:
        """End every part in order, and return what became of the run's positions.

        Parameters
        ----------
        report : given a line for each thing that is waited for.
        """
        ending = self.end_parts(report)
        self.backing.stop(report)
        return ending

    def end_parts(self, report: Callable[[str], None]) -> Ending:
        """End the simulation and the API as `stop` does; broker and stores keep running, for readers."""
        if self.simulation is not None:
            self._end_simulation(self.simulation, report)
        ending = Ending(fault="the run ended before the API was there")
        if self.api is not None:
            if self.was_ready:
                ending = self._stored(self.api, report)
            report("stopping the API")
            self.api.stop(longest_end_s(self.settings.drain_seconds))
        self.client.close()
        summary = self.summary()
        if not summary and not ending.fault and self.simulation is not None:
            ending = replace(ending, fault=f"the simulation did not come to its end; its log is {self.simulation.log}")
        return replace(ending, unended=summary.get("unended", 0), unacknowledged=summary.get("unacknowledged", 0))

    def _end_simulation(self, simulation: Child, report: Callable[[str], None]) -> None:
        """End the simulation, which gives up by itself when nothing advances.

        Each thing that it waits for is reported, and shows that it is alive.
        """
        waits = ""

        def has_moved() -> bool:
            nonlocal waits
            before, waits = waits, str(simulation.newest_report().get("waits", waits))
            if waits != before:
                report(waits)
            return waits != before

        report("stopping the drivers")
        simulation.stop(self.settings.end_wait_s + LAST_WORDS_S + RAY_STOP_S, has_moved)

    def _is_moving(self) -> bool:
        run = self.client.run(self.run_id)
        return run is not None and (run["acked"] > 0 or run["drivers"] == 0)

    def _wait_until(self, condition: Callable[[], bool], what: str, asked_to_end: threading.Event) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not asked_to_end.is_set() and not condition():
            self.check()
            if time.monotonic() > deadline:
                raise StackError(
                    f"{what} was not ready within {START_TIMEOUT_S:g} s; "
                    f"its log is in {self.settings.data_dir / 'logs'}"
                )
            asked_to_end.wait(POLL_S)

    def _stored(self, api: Child, report: Callable[[str], None]) -> Ending:
        """Wait while something is still being stored, and return what there is then."""
        storing = Storing(self.backing.settle_s, self.settings.end_wait_s, time.monotonic())
        while True:
            report(storing.sentence)
            asked = time.monotonic()
            answer = self.answer()
            if storing.is_over(answer, time.monotonic()):
                break
            if api.exit_code is not None:
                storing.is_over(
                    Answer(fault=f"the API ended with exit code {api.exit_code}; its log is {api.log}"),
                    time.monotonic(),
                )
                break
            time.sleep(max(POLL_S, time.monotonic() - asked))  # a store that counts for long is asked less often
        newest = storing.newest
        return Ending(newest.ledger, newest.waiting, newest.fault, self.backing.keeps_records)

    def answer(self) -> Answer:
        """Ask the API for the run's ledger and for what waits, and return its answer."""
        waiting: dict[str, int] = {}
        try:
            waiting = self.client.waiting()
            return Answer(self.client.ledger(self.run_id, self.settings.end_wait_s), waiting)
        except ApiError as error:
            return Answer(None, waiting, str(error))
