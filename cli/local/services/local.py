"""All local services together, started in the order in which they need each other.

They are ended in the opposite order::

    with Services(folder, free_ports=True) as services:
        services.kafka.address, services.elasticsearch.kill(), services.elasticsearch.start()
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from cli.local.folder import writable_folder
from cli.local.services.connect import Connect
from cli.local.services.elasticsearch import Elasticsearch
from cli.local.services.errors import ServicesError
from cli.local.services.folders import default_cache, locked
from cli.local.services.kafka import Kafka
from cli.local.services.mongodb import MongoDb
from cli.local.services.service import READY_S, Place, Service
from cli.progress import Report, silent

NAMES = ("kafka", "elasticsearch", "mongodb", "connect")
"""Every service, in the order of starting."""

DEFAULT = NAMES[:3]


class Services:
    """Kafka, Elasticsearch, the stand-in for MongoDB and Kafka Connect, as processes of this machine.

    Parameters
    ----------
    folder : of their data, logs and records.
    ports : of their clients, by service.
    free_ports : whether those that `ports` does not name get free ports, or the well-known ones.
    tied : whether their processes end with this one, however it ends. Otherwise they keep running, and another object
        with the same folder finds them.
    quick : whether they should be ready soon rather than fast later, for tests.
    cache : folder of fetched packages; default: see `default_cache`.
    users : passwords by user name for Kafka's second listener, see `Kafka`.
    mongodb_in_memory : whether the stand-in for MongoDB keeps nothing.
    """

    def __init__(
        self,
        folder: Path,
        *,
        ports: Mapping[str, int] | None = None,
        free_ports: bool = False,
        tied: bool = True,
        quick: bool = False,
        cache: Path | None = None,
        users: Mapping[str, str] | None = None,
        mongodb_in_memory: bool = False,
    ) -> None:
        self.folder, self._asked = folder.resolve(), dict(ports or {})
        place = Place(self.folder, cache or default_cache(), tied, quick)
        port = {name: self._asked.get(name, 0 if free_ports else None) for name in NAMES}
        self.kafka = Kafka(place, port["kafka"], users=users)
        self.elasticsearch = Elasticsearch(place, port["elasticsearch"])
        self.mongodb = MongoDb(place, port["mongodb"], in_memory=mongodb_in_memory)
        self.connect = Connect(place, port["connect"], kafka=self.kafka)
        self._started: list[str] = []

    def __getitem__(self, name: str) -> Service:
        """Return a service by its name."""
        found: Service = {
            "kafka": self.kafka,
            "elasticsearch": self.elasticsearch,
            "mongodb": self.mongodb,
            "connect": self.connect,
        }[name]
        return found

    def start(self, names: Iterable[str] = DEFAULT, report: Report = silent, timeout_s: float = READY_S) -> list[str]:
        """Start what does not run, wait until all are ready, and return the names of those that were started.

        If one fails, those are ended again. Connect brings Kafka along. `report` is given a line for each step.

        Raises
        ------
        InvalidInput : the folder cannot be created, or no file can be written to it.
        ServicesError : a service cannot be fetched, does not get its port, ended, or was not ready within `timeout_s`
            seconds; see `cli.local.services.errors`.
        """
        wanted = ordered(names)
        writable_folder(self.folder, "SERVICES_DIR", is_private=True)
        with locked(self.folder / ".lock"):
            for name in wanted:
                self[name].fetch(report)
            started: list[str] = []
            try:
                for name in wanted:
                    if name == "connect":
                        report("waiting for Kafka")
                        self.kafka.wait_ready(timeout_s)
                    if self[name].launch():
                        started.append(name)
                    self._check_asked(name)
                for name in wanted:
                    report(f"waiting for {self[name].title}")
                    self[name].wait_ready(timeout_s)
            except BaseException:
                self._stop(started, silent)
                raise
        self._started += started
        return started

    def stop(self, names: Iterable[str] | None = None, report: Report = silent) -> list[str]:
        """End services, those first that need the others, and return the names of those that ran.

        Without names, the services that this object has started are ended.
        """
        if not self.folder.is_dir():
            return []
        with locked(self.folder / ".lock"):
            stopped = self._stop(ordered(self._started if names is None else names, with_needed=False), report)
        self._started = [name for name in self._started if name not in stopped]
        return stopped

    def environment(self) -> dict[str, str]:
        """Return the settings by which the API and the actors find the services that run."""
        variables = {
            "kafka": "KAFKA_BOOTSTRAP",
            "elasticsearch": "ELASTICSEARCH_URL",
            "mongodb": "MONGODB_URL",
            "connect": "CONNECT_URL",
        }
        return {variable: self[name].address for name, variable in variables.items() if self[name].pid is not None}

    def __enter__(self) -> Self:
        """Start the default services."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what was started."""
        self.stop()

    def _stop(self, names: Iterable[str], report: Report) -> list[str]:
        running = [
            name for name in reversed(list(names)) if (record := self[name].record) is not None and record.members()
        ]
        for name in running:
            report(f"stopping {self[name].title}")
            self[name].stop()
        return running

    def _check_asked(self, name: str) -> None:
        asked, found = self._asked.get(name), self[name].port
        if asked and asked != found:
            raise ServicesError(
                f"{name} runs already, on port {found} and not on {asked}: code-delivery services down ends it"
            )


def ordered(names: Iterable[str], *, with_needed: bool = True) -> list[str]:
    """Return names in the order of starting, with what they need.

    Raises
    ------
    ServicesError : there is no such service.
    """
    wanted = set(names)
    unknown = sorted(wanted - set(NAMES))
    if unknown:
        raise ServicesError(f'there is no service "{unknown[0]}"; there are {", ".join(NAMES)}')
    if with_needed and "connect" in wanted:
        wanted.add("kafka")
    return [name for name in NAMES if name in wanted]
