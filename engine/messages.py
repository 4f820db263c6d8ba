"""The message contract: what travels on Kafka, and nothing about how it travels.

Facts are past tense and flow right (engine -> actors -> Kafka -> api); requests are imperative and flow left, as messages only. Standard library and
numpy only. `position` is ``[lat, lng]``, as the ancestor wrote it. Unknown fields are ignored, so old readers survive new writers.

    topic                  key         message
    route.new-direction    routeId     StartDelivery       request
    run.control            runId       ControlRun          request
    route.new-position     deliveryId  PositionReported    fact (columnar codec: engine.codec)
    delivery.event         deliveryId  DeliveryEvent       fact
    route.defined          routeId     RouteDefined        fact, newest wins
    run.event              runId       RunEvent            fact
    run.metrics            runId       RunMetrics          fact: what a worker measured
    run.journal            see there   what a run's dispatcher has decided (actors.kafka_journal); nobody else's business
    route.dead-letter      as found    the bytes that could not be read, reason in the headers
"""

from __future__ import annotations

import json
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar, Self

from engine.errors import MessageError


class Topic(StrEnum):
    """Names of the topics. They are part of the contract and no setting."""

    NEW_DIRECTION = "route.new-direction"
    RUN_CONTROL = "run.control"
    NEW_POSITION = "route.new-position"
    DELIVERY_EVENT = "delivery.event"
    ROUTE_DEFINED = "route.defined"
    RUN_EVENT = "run.event"
    RUN_METRICS = "run.metrics"
    RUN_JOURNAL = "run.journal"
    DEAD_LETTER = "route.dead-letter"


MAX_REQUEST_BYTES = 64 * 1024
"""A request larger than this is refused unread."""

MAX_ROUTE_BYTES = 900 * 1024
"""A route definition larger than this is refused; Kafka's default record limit is 1 MiB."""

MAX_FLEET = 10_000_000
"""Most drivers of a fleet."""

MAX_RATE = 1e8
"""Most positions a virtual second that a fleet may be asked for."""

MAX_STAGE_NAME = 100

_ID = re.compile(r"[A-Za-z0-9._:\-]{1,96}")
_HALF_PAIR = re.compile("[\ud800-\udfff]")


def checked_id(value: object, name: str) -> str:
    """Return an identifier: 1 to 96 of ``A-Z a-z 0-9 . _ : -``.

    Such a text needs no escaping in JSON, in a URL path or as a document id.

    Raises
    ------
    MessageError : not a text, empty, too long, or with another character.
    """
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise MessageError(f'{name} must be 1 to 96 characters of "A-Z a-z 0-9 . _ : -", found {_shown(value)}')
    return value


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # nested too deep; an integer of more digits than Python writes
        return "a value that cannot be shown"
    return text if len(text) <= 80 else text[:77] + "..."


def _optional_id(value: object, name: str) -> str | None:
    return None if value is None else checked_id(value, name)


def _number(value: object, name: str, low: float = -math.inf, high: float = math.inf) -> float:
    try:
        number = math.nan if isinstance(value, bool) or not isinstance(value, int | float) else float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise MessageError(f"{name} must be a finite number, found {_shown(value)}")
    if not low <= number <= high:
        raise MessageError(f"{name} must be from {low:g} to {high:g}, found {_shown(value)}")
    return number


def _text(value: object, name: str) -> None:
    if not isinstance(value, str) or _HALF_PAIR.search(value):  # half a surrogate pair has no UTF-8
        raise MessageError(f"{name} must be a text, found {_shown(value)}")


def _optional_number(value: object, name: str, low: float = -math.inf, high: float = math.inf) -> float | None:
    return None if value is None else _number(value, name, low, high)


_LAST_MS = 8.64e15


def _optional_ms(value: object, name: str) -> int | None:
    return None if value is None else int(_number(value, name, 0, _LAST_MS))


def parse_object(value: bytes, limit: int = MAX_REQUEST_BYTES) -> dict[str, Any]:
    """Return the JSON object in some bytes.

    Raises
    ------
    MessageError : larger than `limit` bytes, not UTF-8, not JSON, or not an object.
    """
    if len(value) > limit:
        raise MessageError(f"message of {len(value)} bytes is larger than {limit}")
    try:
        parsed = json.loads(value)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise MessageError(f"not JSON: {error}; found {_shown(bytes(value[:40]))}") from None
    if not isinstance(parsed, dict):
        raise MessageError(f"expected a JSON object, found {_shown(parsed)}")
    return parsed


class _Message(ABC):
    """JSON form shared by all messages: camelCase on the wire, snake_case here, None left out."""

    TOPIC: ClassVar[Topic]
    LIMIT: ClassVar[int] = MAX_REQUEST_BYTES

    def to_json(self) -> bytes:
        """Return the message's value as UTF-8 JSON."""
        record = {wire: value for name, wire in _fields_of(type(self)) if (value := getattr(self, name)) is not None}
        return _to_text(record).encode()

    @classmethod
    def from_json(cls, value: bytes) -> Self:
        """Return the message in some bytes; unknown fields are ignored.

        Raises
        ------
        MessageError : the bytes do not follow the contract; the message names field and value.
        """
        record = parse_object(value, cls.LIMIT)
        return cls(**{name: found for name, wire in _fields_of(cls) if (found := record.get(wire)) is not None})

    @property
    @abstractmethod
    def key(self) -> bytes:
        """The Kafka key, so that what belongs together stays in order."""


_to_text = json.JSONEncoder(separators=(",", ":")).encode


@cache
def _fields_of(cls: type[_Message]) -> tuple[tuple[str, str], ...]:
    """Return the fields of a message and their names on the wire; asked for with every message, so remembered."""
    return tuple((field.name, _camel(field.name)) for field in fields(cls))  # type: ignore[arg-type]


@cache
def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _table(value: object, name: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise MessageError(f"{name} must be an object, found {_shown(value)}")
    return value


def _stages(value: object) -> None:
    if not isinstance(value, list):
        raise MessageError(f"stages must be a list, found {_shown(value)}")
    for stage in value:
        if not isinstance(stage, list) or len(stage) != 3:
            raise MessageError(f"stages must be [name, from_ms, to_ms], found {_shown(stage)}")
        _text(stage[0], "stages")
        _number(stage[1], "stages", 0)
        _optional_number(stage[2], "stages", 0)


@dataclass(frozen=True, slots=True)
class StartDelivery(_Message):
    """Request: start a delivery on a route. Two fields are the ancestor's, the rest is optional.

    Attributes
    ----------
    depart_at : virtual epoch ms; at once if absent.
    vehicle : a name of `engine.motion.VehicleClass`; car if absent.
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
        _optional_id(self.delivery_id, "deliveryId")
        _optional_id(self.driver_id, "driverId")
        _optional_id(self.vehicle, "vehicle")
        object.__setattr__(self, "depart_at", _optional_ms(self.depart_at, "departAt"))

    @property
    def key(self) -> bytes:
        return self.route_id.encode()


class ControlAction(StrEnum):
    """What `ControlRun` may ask for."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    SCALE = "scale"
    FLEET = "fleet"


_ACTIONS = frozenset(kind.value for kind in ControlAction)


@dataclass(frozen=True, slots=True)
class ControlRun(_Message):
    """Request: pause, resume or cancel one delivery, or a whole run, or change the run's time scale, or its fleet.

    A fleet that was changed keeps its size to the run's end, whatever stages its scenario has.

    Attributes
    ----------
    delivery_id : the delivery meant; the whole run if absent.
    time_scale : for ``scale``: virtual seconds per wall second, 0.01 to 1000.
    drivers : for ``fleet``: how many drivers there are to be.
    rate : for ``fleet``, instead of drivers: positions a virtual second; so many drivers as make them.
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
            raise MessageError(f"action must be one of {', '.join(ControlAction)}, found {_shown(self.action)}")
        _optional_id(self.delivery_id, "deliveryId")
        _optional_number(self.time_scale, "timeScale", 0.01, 1000)
        if (self.action == ControlAction.SCALE) != (self.time_scale is not None):
            raise MessageError(f'timeScale goes with action "scale" and only with it, found action {_shown(self.action)}')
        if self.action == ControlAction.SCALE and self.delivery_id is not None:
            raise MessageError("the time scale belongs to a run, not to a delivery")
        self._check_fleet()

    def _check_fleet(self) -> None:
        drivers = _optional_number(self.drivers, "drivers", 0, MAX_FLEET)
        object.__setattr__(self, "drivers", None if drivers is None else int(drivers))
        _optional_number(self.rate, "rate", 0, MAX_RATE)
        if self.stage is not None:
            _text(self.stage, "stage")
            if not 1 <= len(self.stage) <= MAX_STAGE_NAME:
                raise MessageError(f"stage must be 1 to {MAX_STAGE_NAME} characters, found {_shown(self.stage)}")
        given = [name for name in ("drivers", "rate", "stage") if getattr(self, name) is not None]
        if self.action != ControlAction.FLEET:
            if given:
                raise MessageError(f'{given[0]} goes with action "fleet" and only with it, found action {_shown(self.action)}')
        elif (self.drivers is None) == (self.rate is None):
            raise MessageError(f'action "fleet" needs either drivers or rate, found {" and ".join(given[:2]) or "neither"}')
        elif self.delivery_id is not None:
            raise MessageError("the fleet belongs to a run, not to a delivery")

    @property
    def key(self) -> bytes:
        return self.run_id.encode()


class EventKind(StrEnum):
    """What can happen to a delivery."""

    STARTED = "started"
    STOPPED = "stopped"
    RESUMED = "resumed"
    ARRIVED_AT_STOP = "arrived_at_stop"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    SUSPENDED = "suspended"
    REJECTED = "rejected"
    FAULT = "fault"


_KINDS = frozenset(kind.value for kind in EventKind)
_EVENT_IDS = tuple((name, _camel(name)) for name in ("delivery_id", "run_id", "route_id", "client_id", "driver_id", "vehicle"))
_EVENT_NUMBERS = tuple((name, _camel(name)) for name in ("seq", "event_time", "planned_arrival", "positions", "stop", "from_seq", "to_seq"))


FINAL_KINDS = frozenset({EventKind.DELIVERED, EventKind.CANCELLED, EventKind.SUSPENDED, EventKind.REJECTED})
"""After one of these a delivery sends no more positions in this run."""


@dataclass(frozen=True, slots=True)
class DeliveryEvent(_Message):
    """Fact: something happened to a delivery.

    Its identity is ``(delivery_id, seq)``, seq counting the delivery's events from 0, so that stores may see it twice.

    Attributes
    ----------
    event_time : virtual epoch ms at which it happened.
    distance : metres driven by then.
    route_length : metres, with ``started``.
    planned_arrival : virtual epoch ms; with ``started``, ``resumed``, and ``delivered`` (when it is the arrival).
    positions : with a final kind: how many positions the delivery has in all, seq 0 to positions - 1.
    stop : with ``arrived_at_stop``: number of the stop on the route, from 0.
    reason : with ``rejected``: why.
    fault : with ``fault``: what was done on purpose to the delivery's positions, a name of `engine.faults.FaultKind`.
    from_seq, to_seq : with ``fault``: the positions that it was done to, both included; the delivery may end before `to_seq`.
    """

    TOPIC: ClassVar[Topic] = Topic.DELIVERY_EVENT
    delivery_id: str = ""
    run_id: str = ""
    route_id: str = ""
    client_id: str = ""
    driver_id: str = ""
    vehicle: str = ""
    kind: str = ""
    seq: int = 0
    event_time: int = 0
    distance: float = 0.0
    route_length: float | None = None
    planned_arrival: int | None = None
    positions: int | None = None
    stop: int | None = None
    reason: str | None = None
    fault: str | None = None
    from_seq: int | None = None
    to_seq: int | None = None

    def __post_init__(self) -> None:
        # As quick as it can be: a fleet of 100,000 that begins, or is ended, makes so many of them at once.
        for name, wire in _EVENT_IDS:
            checked_id(getattr(self, name), wire)
        if not isinstance(self.kind, str) or self.kind not in _KINDS:
            raise MessageError(f"kind must be one of {', '.join(EventKind)}, found {_shown(self.kind)}")
        for name, wire in _EVENT_NUMBERS:
            value = getattr(self, name)
            if value is not None and not (type(value) is int and 0 <= value <= _LAST_MS):
                object.__setattr__(self, name, _optional_ms(value, wire))
        object.__setattr__(self, "distance", _number(self.distance, "distance", 0))
        object.__setattr__(self, "route_length", _optional_number(self.route_length, "routeLength", 0))
        if self.reason is not None:
            _text(self.reason, "reason")
        _optional_id(self.fault, "fault")
        if self.kind == EventKind.FAULT and (self.fault is None or self.from_seq is None or self.to_seq is None):
            raise MessageError('kind "fault" must say which fault it is, and its positions')
        if self.kind in FINAL_KINDS and self.positions is None:
            raise MessageError(f'kind "{self.kind}" must say how many positions there are')

    @property
    def key(self) -> bytes:
        return self.delivery_id.encode()


@dataclass(frozen=True, slots=True)
class RouteDefined(_Message):
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
            _text(getattr(self, name), name)
        if self.source is not None:
            _text(self.source, "source")
        if not isinstance(self.deleted, bool):
            raise MessageError(f"deleted must be true or false, found {_shown(self.deleted)}")
        for name in ("limits", "stops"):
            pairs = getattr(self, name)
            if pairs is not None and not isinstance(pairs, list):
                raise MessageError(f"{name} must be a list of pairs, found {_shown(pairs)}")
            for pair in pairs or []:
                if not isinstance(pair, list) or len(pair) != 2:
                    raise MessageError(f"{name} must be pairs of numbers, found {_shown(pair)}")
                for number in pair:
                    _number(number, name, 0)

    @property
    def key(self) -> bytes:
        return self.route_id.encode()


class RunState(StrEnum):
    """The states of a run."""

    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"


_RUN_STATES = frozenset(kind.value for kind in RunState)


@dataclass(frozen=True, slots=True)
class RunEvent(_Message):
    """Fact: how a run stands; sent at its start, at each change, once a second, and at its end.

    Attributes
    ----------
    clock : ``[virtual_ms, wall_ms, scale]``, the `engine.clock.RunClock` in force.
    produced, acked : different positions handed to Kafka, and acknowledged by it, since the run began; one that was sent twice counts once, and one that a
        fault on purpose leaves out counts too. They may fall for a moment when a driver actor has died, by what it had under way.
    failed : positions that Kafka refused for good, since the run began.
    active : deliveries on the road.
    actors : driver actors alive.
    lateness_p99_ms : over the last second: wall time of producing minus wall time at which a position was due.
    stages : ``[[name, from_ms, to_ms], ...]`` in virtual epoch ms, without a gap, so that whoever measures knows to which a position belongs; `to_ms` of the
        last one is None in an endless run. Absent until the run has begun.
    """

    TOPIC: ClassVar[Topic] = Topic.RUN_EVENT
    run_id: str = ""
    state: str = ""
    seq: int = 0
    event_time: int = 0
    scenario: str = ""
    seed: int = 0
    sample_period_ms: int = 1000
    clock: list[float] | None = None
    drivers: int = 0
    active: int = 0
    actors: int = 0
    produced: int = 0
    acked: int = 0
    failed: int = 0
    lateness_p99_ms: float | None = None
    stages: list[list[Any]] | None = None

    def __post_init__(self) -> None:
        checked_id(self.run_id, "runId")
        if not isinstance(self.state, str) or self.state not in _RUN_STATES:
            raise MessageError(f"state must be one of {', '.join(RunState)}, found {_shown(self.state)}")
        _text(self.scenario, "scenario")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int):
            raise MessageError(f"seed must be a whole number, found {_shown(self.seed)}")
        _optional_number(self.lateness_p99_ms, "latenessP99Ms")
        for name in ("seq", "event_time", "sample_period_ms", "drivers", "active", "actors", "produced", "acked", "failed"):
            object.__setattr__(self, name, _optional_ms(getattr(self, name), _camel(name)))
        if not isinstance(self.clock, list) or len(self.clock) != 3:
            raise MessageError(f"clock must be [virtual_ms, wall_ms, scale], found {_shown(self.clock)}")
        for number in self.clock:
            _number(number, "clock")
        if self.stages is not None:
            _stages(self.stages)

    @property
    def key(self) -> bytes:
        return self.run_id.encode()


class Worker(StrEnum):
    """The kinds of workers that measure."""

    DRIVER = "driver"
    SINK = "sink"
    LIVE = "live"
    VIEWER = "viewer"


_WORKERS = frozenset(kind.value for kind in Worker)


@dataclass(frozen=True, slots=True)
class RunMetrics(_Message):
    """Fact: what one worker has measured of a run since it last said so. Its identity is ``(worker, seq)``, so that readers may see it twice.

    Attributes
    ----------
    worker : one process's part, named anew whenever it starts, for example ``driver-3:5f1c9e``.
    part : what kind of worker it is, a name of `Worker`.
    seq : of the worker's messages, from 0.
    told_ms : wall epoch ms.
    due_s : wall epoch second in which the positions were due that the histograms speak of; absent without any.
    histograms : by segment (`engine.meter.Segment`): latencies from due, µs, as an encoded HdrHistogram (`engine.histogram`).
    gauges : how the worker stands, by name; sums run since its start.
    """

    TOPIC: ClassVar[Topic] = Topic.RUN_METRICS
    run_id: str = ""
    worker: str = ""
    part: str = ""
    seq: int = 0
    told_ms: int = 0
    due_s: int | None = None
    histograms: dict[str, str] | None = None
    gauges: dict[str, float] | None = None

    def __post_init__(self) -> None:
        checked_id(self.run_id, "runId")
        checked_id(self.worker, "worker")
        if not isinstance(self.part, str) or self.part not in _WORKERS:
            raise MessageError(f"part must be one of {', '.join(Worker)}, found {_shown(self.part)}")
        for name in ("seq", "told_ms", "due_s"):
            object.__setattr__(self, name, _optional_ms(getattr(self, name), _camel(name)))
        for name, text in _table(self.histograms, "histograms").items():
            _text(text, f"histograms.{name}")
        for name, number in _table(self.gauges, "gauges").items():
            _number(number, f"gauges.{name}")
        if self.histograms and self.due_s is None:
            raise MessageError("histograms need dueS, the second in which their positions were due")

    @property
    def key(self) -> bytes:
        return self.run_id.encode()


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Bytes that could not be read, and where they were found; `value` goes to `Topic.DEAD_LETTER` with `headers`."""

    value: bytes
    key: bytes | None
    reason: str
    topic: str
    partition: int
    offset: int

    @property
    def headers(self) -> Mapping[str, bytes]:
        """Headers of the dead letter: reason, topic, partition, offset."""
        return {
            "reason": self.reason.encode(),
            "topic": self.topic.encode(),
            "partition": str(self.partition).encode(),
            "offset": str(self.offset).encode(),
        }
