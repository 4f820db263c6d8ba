"""What endpoints may ask for: one object with the parts of the application, and each part by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Protocol

from fastapi import Depends
from starlette.requests import HTTPConnection

from api.basemap import Basemap
from api.bus import Bus
from api.catalogue import Catalogue
from api.measuring.metrics import Metrics
from api.measuring.metrics_publisher import MetricsPublisher
from api.settings import Settings
from api.stores.base import HistoryStore, StateStore
from api.stories import Stories
from api.tally import Tally


@dataclass(frozen=True, slots=True)
class Stores:
    """The two stores of an application."""

    state: StateStore
    history: HistoryStore


class Reader(Protocol):
    """A loop that reads Kafka, as the application handles it."""

    role: str

    @property
    def is_assigned(self) -> bool:
        """Whether it reads; asked by the readiness endpoint."""

    @property
    def refusal(self) -> str | None:
        """Why nothing of what it reads is stored, None if it is; asked by the health endpoint."""

    def start(self) -> None:
        """Begin; called once, at the start."""

    def stop(self, timeout_s: float) -> None:
        """End; called once, in a thread, at the end."""


@dataclass(slots=True)
class Services:
    """The parts of one application.

    Attributes
    ----------
    readers : the loops that read Kafka; none in an application without Kafka.
    """

    settings: Settings
    stores: Stores
    bus: Bus
    stories: Stories
    metrics: Metrics
    tally: Tally
    metrics_publisher: MetricsPublisher
    catalogue: Catalogue
    basemap: Basemap
    version: str
    readers: list[Reader] = field(default_factory=list)


def services(connection: HTTPConnection) -> Services:
    """Return the parts of the application that serves a request."""
    found: Services = connection.app.state.services
    return found


ServicesDep = Annotated[Services, Depends(services)]


def _state(found: ServicesDep) -> StateStore:
    return found.stores.state


def _history(found: ServicesDep) -> HistoryStore:
    return found.stores.history


def _bus(found: ServicesDep) -> Bus:
    return found.bus


def _catalogue(found: ServicesDep) -> Catalogue:
    return found.catalogue


StateDep = Annotated[StateStore, Depends(_state)]
HistoryDep = Annotated[HistoryStore, Depends(_history)]
BusDep = Annotated[Bus, Depends(_bus)]
CatalogueDep = Annotated[Catalogue, Depends(_catalogue)]
