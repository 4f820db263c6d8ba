"""Facts of routes: their geometry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from engine.errors import MessageError, shown
from engine.messages.checks import check_text, checked_id, checked_number
from engine.messages.message import Message
from engine.messages.topics import Topic

MAX_ROUTE_BYTES = 900 * 1024
"""A route definition larger than this is refused; Kafka's default record limit is 1 MiB."""


@dataclass(frozen=True, slots=True)
class RouteDefined(Message):
    """Fact: a route's geometry. The newest one of a routeId wins.

    Attributes
    ----------
    geometry : encoded polyline of precision 6 (lat, lng), at least two distinct points.
    limits : speed limits in m/s as run lengths ``[[n_segments, mps], ...]``, covering every segment; absent if unknown.
    stops : ``[[distance_m, dwell_s], ...]`` in the order of the road.
    deleted : the route is gone; geometry is empty then.
    """

    TOPIC: ClassVar[Topic] = Topic.ROUTE_DEFINED
    LIMIT: ClassVar[int] = MAX_ROUTE_BYTES
    route_id: str = ""
    title: str = ""
    geometry: str = ""
    limits: list[list[float]] | None = None
    stops: list[list[float]] | None = None
    source: str | None = None
    deleted: bool = False

    def __post_init__(self) -> None:
        checked_id(self.route_id, "routeId")
        for name in ("title", "geometry"):
            check_text(getattr(self, name), name)
        if self.source is not None:
            check_text(self.source, "source")
        if not isinstance(self.deleted, bool):
            raise MessageError(f"deleted must be true or false, found {shown(self.deleted)}")
        for name in ("limits", "stops"):
            pairs = getattr(self, name)
            if pairs is not None and not isinstance(pairs, list):
                raise MessageError(f"{name} must be a list of pairs, found {shown(pairs)}")
            for pair in pairs or []:
                if not isinstance(pair, list) or len(pair) != 2:
                    raise MessageError(f"{name} must be pairs of numbers, found {shown(pair)}")
                for number in pair:
                    checked_number(number, name, 0)

    @property
    def key(self) -> bytes:
        """The route's id."""
        return self.route_id.encode()
