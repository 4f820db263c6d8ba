"""The topics by their names."""

from __future__ import annotations

from enum import StrEnum


class Topic(StrEnum):
    """Names of the topics. They are part of the contract and no setting."""

    NEW_DIRECTION = "route.new-direction"
    RUN_CONTROL = "run.control"
    NEW_POSITION = "route.new-position"
    DELIVERY_EVENT = "delivery.event"
    DELIVERY_STORY = "delivery.story"
    ROUTE_DEFINED = "route.defined"
    RUN_EVENT = "run.event"
    RUN_METRICS = "run.metrics"
    RUN_JOURNAL = "run.journal"
    DEAD_LETTER = "route.dead-letter"
