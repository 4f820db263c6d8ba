"""The message contract: what travels on Kafka, and nothing about how it travels.

Facts are past tense and flow right (engine -> actors -> Kafka -> api); requests are imperative and flow left, as
messages only. Standard library and numpy only. `position` is ``[lat, lng]``, as the ancestor wrote it. Unknown fields
are ignored, so old readers survive new writers.

    topic                  key         message
    route.new-direction    routeId     StartDelivery       request
    run.control            runId       ControlRun          request
    route.new-position     deliveryId  PositionReported    fact (columnar codec: engine.codec)
    delivery.event         deliveryId  DeliveryEvent       fact
    delivery.story         deliveryId  DeliveryStory       fact: what a dispatcher knows of a delivery, when it is asked
    route.defined          routeId     RouteDefined        fact, newest wins
    run.event              runId       RunEvent            fact
    run.metrics            runId       RunMetrics          fact: what a worker measured
    run.journal            see there   a dispatcher's decisions, for its successor alone (actors.kafka.journal)
    route.dead-letter      as found    the bytes that could not be read, reason in the headers

The types of all messages are here, but for the topics' own shape on a broker (`engine.contract.topics`).
"""

from engine.messages.checks import checked_id
from engine.messages.dead_letter import DeadLetter
from engine.messages.delivery import FINAL_KINDS, DeliveryEvent, EventKind
from engine.messages.message import MAX_REQUEST_BYTES, parse_object
from engine.messages.requests import MAX_FLEET, MAX_RATE, MAX_STAGE_NAME, ControlAction, ControlRun, StartDelivery
from engine.messages.route import MAX_ROUTE_BYTES, RouteDefined
from engine.messages.run import RunEvent, RunMetrics, RunState, Worker
from engine.messages.story import (
    MAX_STORY_DETAIL,
    MAX_STORY_ENTRIES,
    DeliveryStory,
    StoryKind,
    StoryStatus,
)
from engine.messages.topics import Topic

__all__ = [
    "Topic",
    "StartDelivery",
    "ControlRun",
    "ControlAction",
    "DeliveryEvent",
    "EventKind",
    "FINAL_KINDS",
    "DeliveryStory",
    "StoryKind",
    "StoryStatus",
    "RouteDefined",
    "RunEvent",
    "RunState",
    "RunMetrics",
    "Worker",
    "DeadLetter",
    "checked_id",
    "parse_object",
    "MAX_REQUEST_BYTES",
    "MAX_ROUTE_BYTES",
    "MAX_FLEET",
    "MAX_RATE",
    "MAX_STAGE_NAME",
    "MAX_STORY_DETAIL",
    "MAX_STORY_ENTRIES",
]
