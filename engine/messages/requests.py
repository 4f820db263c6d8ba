"""Requests: start a delivery, control a run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from engine.errors import MessageError, shown
from engine.messages.checks import check_text, checked_id, optional_id, optional_ms, optional_number
from engine.messages.message import Message
from engine.messages.topics import Topic

MAX_FLEET = 10_000_000
"""Most drivers of a fleet."""

MAX_RATE = 1e8
"""Most positions a virtual second that a fleet may be asked for."""

MAX_STAGE_NAME = 100


@dataclass(frozen=True, slots=True)
class StartDelivery(Message):
    """Request: start a delivery on a route. Two fields are the ancestor's, the rest is optional.

    Attributes
    ----------
    depart_at : virtual epoch ms; at once if absent.
    vehicle : a name of `engine.motion.building.VehicleClass`; car if absent.
    """

    TOPIC: ClassVar[Topic] = Topic.NEW_DIRECTION
    route_id: str = ""
    client_id: str = ""
    delivery_id: str | None = None
    driver_id: str | None = None
    vehicle: str | None = None
    depart_at: int | None = None

    def __post_init__(self) -> None:
        checked_id(self.route_id, "routeId")
        checked_id(self.client_id, "clientId")
        optional_id(self.delivery_id, "deliveryId")
        optional_id(self.driver_id, "driverId")
        optional_id(self.vehicle, "vehicle")
        object.__setattr__(self, "depart_at", optional_ms(self.depart_at, "departAt"))

    @property
    def key(self) -> bytes:
        """The route's id."""
        return self.route_id.encode()


class ControlAction(StrEnum):
    """What `ControlRun` may ask for."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    SCALE = "scale"
    FLEET = "fleet"
    STORY = "story"


_ACTIONS = frozenset(kind.value for kind in ControlAction)


@dataclass(frozen=True, slots=True)
class ControlRun(Message):
    """Request: pause, resume or cancel one delivery or a whole run, or change its time scale or fleet.

    A fleet that was changed keeps its size to the run's end, whatever stages its scenario has.

    Attributes
    ----------
    delivery_id : the delivery meant; the whole run if absent. Needed for ``story``, which asks the dispatcher for a
        `engine.messages.story.DeliveryStory`.
    time_scale : for ``scale``: virtual seconds per wall second, 0.01 to 1000.
    drivers : for ``fleet``: how many drivers there are to be.
    rate : for ``fleet``, instead of drivers: positions a virtual second; as many drivers as make them.
    stage : for ``fleet``: what reports call the stage that begins then.
    """

    TOPIC: ClassVar[Topic] = Topic.RUN_CONTROL
    run_id: str = ""
    action: str = ""
    delivery_id: str | None = None
    time_scale: float | None = None
    drivers: int | None = None
    rate: float | None = None
    stage: str | None = None

    def __post_init__(self) -> None:
        checked_id(self.run_id, "runId")
        if not isinstance(self.action, str) or self.action not in _ACTIONS:
            raise MessageError(f"action must be one of {', '.join(ControlAction)}, found {shown(self.action)}")
        optional_id(self.delivery_id, "deliveryId")
        optional_number(self.time_scale, "timeScale", 0.01, 1000)
        if (self.action == ControlAction.SCALE) != (self.time_scale is not None):
            raise MessageError(
                f'timeScale goes with action "scale" and only with it, found action {shown(self.action)}'
            )
        if self.action == ControlAction.SCALE and self.delivery_id is not None:
            raise MessageError("the time scale belongs to a run, not to a delivery")
        if self.action == ControlAction.STORY and self.delivery_id is None:
            raise MessageError('action "story" needs deliveryId')
        self._check_fleet()

    def _check_fleet(self) -> None:
        drivers = optional_number(self.drivers, "drivers", 0, MAX_FLEET)
        object.__setattr__(self, "drivers", None if drivers is None else int(drivers))
        optional_number(self.rate, "rate", 0, MAX_RATE)
        if self.stage is not None:
            check_text(self.stage, "stage")
            if not 1 <= len(self.stage) <= MAX_STAGE_NAME:
                raise MessageError(f"stage must be 1 to {MAX_STAGE_NAME} characters, found {shown(self.stage)}")
        given = [name for name in ("drivers", "rate", "stage") if getattr(self, name) is not None]
        if self.action != ControlAction.FLEET:
            if given:
                raise MessageError(
                    f'{given[0]} goes with action "fleet" and only with it, found action {shown(self.action)}'
                )
        elif (self.drivers is None) == (self.rate is None):
            raise MessageError(
                f'action "fleet" needs either drivers or rate, found {" and ".join(given[:2]) or "neither"}'
            )
        elif self.delivery_id is not None:
            raise MessageError("the fleet belongs to a run, not to a delivery")

    @property
    def key(self) -> bytes:
        """The run's id."""
        return self.run_id.encode()
