"""The broker and the stores of a profile, started before the chain and ended after it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from cli.kafka.topics import create_topics
from cli.local.broker import EmbeddedBroker
from cli.local.services import Services
from cli.local.settings import Profile, UpSettings
from cli.progress import Report
from engine.scenario.scenario import Scenario


class Backing(Protocol):
    """The broker and the stores of one profile.

    Attributes
    ----------
    title : name of the broker, for a person.
    settle_s : how long the stores may take from a run's last record until a reader sees it, s.
    keeps_records : whether records that wait in Kafka are there after `stop` and a new start.
    """

    title: str
    settle_s: float
    keeps_records: bool

    def start(self, report: Report) -> Mapping[str, str]:
        """Start what does not run, and return the settings by which the API and the simulation find it.

        Parameters
        ----------
        report : given a line for each step.
        """

    def stop(self, report: Report) -> None:
        """End what `start` has started. A second call does nothing."""


class Embedded:
    """The embedded broker, and stores in files of the API's own.

    Parameters
    ----------
    positions_per_s : the load that the broker must carry.
    """

    title = "embedded"
    settle_s = 10.0
    keeps_records = False

    def __init__(self, positions_per_s: float) -> None:
        self._broker = EmbeddedBroker(positions_per_s)

    def start(self, report: Report) -> Mapping[str, str]:
        """Start the broker."""
        report("starting the embedded Kafka broker")
        self._broker.start()
        # This broker keeps nothing beyond its process: the dispatcher's journal, which must outlive it, is a file.
        return {
            "KAFKA_BOOTSTRAP": self._broker.bootstrap,
            "JOURNAL": "file",
            "MONGODB_URL": "",
            "ELASTICSEARCH_URL": "",
        }

    def stop(self, report: Report) -> None:  # noqa: ARG002 - it ends at once
        """End the broker."""
        self._broker.stop()


class LocalServices:
    """Apache Kafka, Elasticsearch and a MongoDB-wire server as processes of this machine.

    Those that run already are used and left running.

    Parameters
    ----------
    folder : the folder of ``code-delivery services``.
    """

    title = "Apache Kafka, a local process"
    settle_s = 30.0
    keeps_records = True

    def __init__(self, folder: Path) -> None:
        self.folder, self._services = folder, Services(folder)

    def start(self, report: Report) -> Mapping[str, str]:
        """Start the services, and make the topics."""
        self._services.start(report=report)
        found = self._services.environment()
        report("making the topics")
        create_topics(found["KAFKA_BOOTSTRAP"], {})
        return found

    def stop(self, report: Report) -> None:
        """End the services that `start` has started."""
        self._services.stop(report=report)


def backing_of(settings: UpSettings, scenario: Scenario) -> Backing:
    """Return the broker and the stores of the profile that is set, for a scenario's load."""
    return (
        LocalServices(settings.services_folder)
        if settings.profile == Profile.SERVICES
        else Embedded(scenario.positions_per_s)
    )
