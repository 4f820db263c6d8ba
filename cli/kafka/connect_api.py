"""A client of Kafka Connect's REST interface.

It knows connectors by name, their states, and the faults that a worker finds in a configuration.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from cli.errors import CliError
from cli.http_address import checked_address
from engine.contract.address import without_identities, without_identity

REBALANCE_S = 60.0
"""How long a request is repeated while a worker rebalances (409) or cannot answer a question (5xx), s."""

PAUSE_S = 0.5
RUNNING, FAILED = "RUNNING", "FAILED"


class ConnectError(CliError):
    """Kafka Connect refused or did not answer; the message holds its reason and the address."""


@dataclass(frozen=True, slots=True)
class TaskState:
    """One task of a connector; `trouble` is its error in a few words, empty if there is none."""

    number: int
    state: str
    worker: str
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class ConnectorState:
    """A connector and its tasks."""

    name: str
    state: str
    worker: str
    tasks: tuple[TaskState, ...]
    trouble: str = ""

    @property
    def is_running(self) -> bool:
        """Whether the connector runs, and at least one task, and all of them."""
        return self.state == RUNNING and bool(self.tasks) and all(task.state == RUNNING for task in self.tasks)

    @property
    def tasks_running(self) -> str:
        """How many of its tasks run, as "2/3"."""
        return f"{sum(task.state == RUNNING for task in self.tasks)}/{len(self.tasks)}"

    @property
    def has_failed(self) -> bool:
        """Whether the connector or one of its tasks has given up."""
        return self.state == FAILED or any(task.state == FAILED for task in self.tasks)


class ConnectApi:
    """A thin client of one worker; every failure is a `ConnectError`.

    Parameters
    ----------
    url : address of a worker, without a path.
    rebalance_s : how long a request is repeated while a worker rebalances or fails to answer a question, s.

    Attributes
    ----------
    url : the address as it may be shown.

    Raises
    ------
    InvalidInput : the address is none of an HTTP server.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = 30.0,
        rebalance_s: float = REBALANCE_S,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = without_identity(checked_address(url))
        self._client = httpx.Client(base_url=url, timeout=timeout_s, trust_env=False)
        self._rebalance_s, self._sleep = rebalance_s, sleep

    def plugins(self) -> list[str]:
        """Return the class names of every plugin that the worker has: connectors, converters, transformations."""
        return sorted(
            {
                plugin["class"]
                for plugin in self._request("GET", "/connector-plugins", params={"connectorsOnly": "false"})
            }
        )

    def names(self) -> list[str]:
        """Return the names of the connectors that there are."""
        return sorted(self._request("GET", "/connectors"))

    def faults(self, config: Mapping[str, str]) -> list[str]:
        """Return the faults that the worker finds in a configuration, each with key, value and message."""
        kind = config["connector.class"]
        answer = self._request("PUT", f"/connector-plugins/{quote(kind, safe='')}/config/validate", json=dict(config))
        found = []
        for one in answer.get("configs", []):
            key, value = one["value"]["name"], one["value"].get("value")
            is_secret = one.get("definition", {}).get("type") == "PASSWORD"
            found += [
                without_identities(f"{key} = {'(hidden)' if is_secret else value}: {message}")
                for message in one["value"].get("errors", [])
            ]
        return found

    def put(self, name: str, config: Mapping[str, str]) -> bool:
        """Create a connector, or change it to a configuration; return whether it is new.

        The same configuration again changes nothing.
        """
        is_new = name not in self.names()
        self._request("PUT", f"/connectors/{quote(name, safe='')}/config", json=dict(config))
        return is_new

    def restart_failed(self, name: str) -> None:
        """Start a connector and those of its tasks again that have failed."""
        self._request(
            "POST", f"/connectors/{quote(name, safe='')}/restart", params={"includeTasks": "true", "onlyFailed": "true"}
        )

    def delete(self, name: str) -> bool:
        """Delete a connector; return whether there was one."""
        return self._request("DELETE", f"/connectors/{quote(name, safe='')}", missing_ok=True) is not None

    def state(self, name: str) -> ConnectorState | None:
        """Return the state of a connector; None if the worker does not know it, or not yet."""
        found = self._request("GET", f"/connectors/{quote(name, safe='')}/status", missing_ok=True)
        if found is None:
            return None
        tasks = tuple(
            TaskState(task["id"], task["state"], task["worker_id"], in_short(task.get("trace", "")))
            for task in found["tasks"]
        )
        connector = found["connector"]
        return ConnectorState(
            name, connector["state"], connector["worker_id"], tasks, in_short(connector.get("trace", ""))
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _request(self, method: str, path: str, *, missing_ok: bool = False, **arguments: Any) -> Any:
        deadline = time.monotonic() + self._rebalance_s
        while _is_passing(method, answer := self._answer(method, path, **arguments)) and time.monotonic() < deadline:
            self._sleep(PAUSE_S)
        if answer.status_code == httpx.codes.NOT_FOUND and missing_ok:
            return None
        if answer.is_error:
            raise ConnectError(f"{self.url}{path} answered {answer.status_code}: {_reason(answer)}")
        return answer.json() if answer.content else {}

    def _answer(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            return self._client.request(method, path, **arguments)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise ConnectError(
                f"no Kafka Connect worker answers at {self.url}: {error}; "
                "start one (code-delivery services up --only connect) or name it with --url"
            ) from error


def in_short(trace: str) -> str:
    """Return the first line of a Java trace and its last cause, where the error began."""
    lines = [line.strip() for line in trace.splitlines() if line.strip() and not re.match(r"\s+(at |\.\.\. )", line)]
    causes = [line.removeprefix("Caused by: ") for line in lines if line.startswith("Caused by: ")]
    return without_identities(" <- ".join(dict.fromkeys(lines[:1] + causes[-1:])))


def _is_passing(method: str, answer: httpx.Response) -> bool:
    """Return whether to repeat a request.

    That is in a rebalance, and for a question after an error of the worker's own: the broker was away, or its request
    timed out.
    """
    return answer.status_code == httpx.codes.CONFLICT or (method == "GET" and answer.is_server_error)


def _reason(answer: httpx.Response) -> str:
    try:
        return without_identities(" ".join(str(answer.json()["message"]).split()))
    except (ValueError, KeyError, TypeError):
        return without_identities(answer.text[:200]) or answer.reason_phrase
