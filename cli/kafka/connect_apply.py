"""Connectors put into a worker: what has to be there first, and the wait until they run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from api.app import stores_of
from api.errors import StoreError
from api.settings import Settings
from cli.kafka.connect_api import PAUSE_S, ConnectApi, ConnectError, ConnectorState
from cli.kafka.connectors import Connector
from cli.progress import Report

SETTLE_S = 3.0
"""How long after a restart a connector may still be shown as failed."""


def check(api: ConnectApi, connectors: Iterable[Connector]) -> None:
    """Check that a worker has the plugins of some connectors and accepts their configurations.

    Raises
    ------
    ConnectError : it lacks a plugin, or refuses a configuration; every fault is in the message.
    """
    there = api.plugins()
    for connector in connectors:
        if lacking := [name for name in connector.classes if name not in there]:
            raise ConnectError(
                f"{api.url} lacks {', '.join(lacking)} for {connector.name}: "
                f"put the plugin into its plugin.path. It has: {', '.join(there)}"
            )
        if faults := api.faults({"name": connector.name} | dict(connector.config)):
            raise ConnectError(f"{api.url} refuses {connector.name}:\n  " + "\n  ".join(faults))


def put_templates(settings: Settings) -> None:
    """Put the API's index templates into Elasticsearch, as the API does at its start.

    Raises
    ------
    ConnectError : Elasticsearch does not answer, or refuses them.
    """

    async def opened_once() -> None:
        history = stores_of(settings).history
        await history.open()
        await history.close()

    try:
        asyncio.run(opened_once())
    except StoreError as error:
        raise ConnectError(f"the index templates cannot be put into Elasticsearch: {error}") from error


def wait_running(
    api: ConnectApi, names: list[str], wait_s: float, report: Report = lambda _: None
) -> list[ConnectorState]:
    """Return the states of connectors once all run, one has failed for good, or the time is over.

    A connector that has failed is started again once.
    """
    deadline, restarted_at = time.monotonic() + wait_s, dict[str, float]()
    while True:
        states = [api.state(name) or ConnectorState(name, "UNASSIGNED", "", ()) for name in names]
        report(", ".join(f"{state.name} {state.state.lower()} {state.tasks_running}" for state in states))
        now = time.monotonic()
        for state in states:
            if state.has_failed and state.name not in restarted_at:
                restarted_at[state.name] = now
                api.restart_failed(state.name)
        if (
            all(
                state.is_running or (state.has_failed and now - restarted_at[state.name] > SETTLE_S) for state in states
            )
            or now > deadline
        ):
            return states
        time.sleep(PAUSE_S)
