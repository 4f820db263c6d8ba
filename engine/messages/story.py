"""The story of one delivery, as a run's dispatcher knows it.

It says what came in, what was decided, when and why.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

from engine.errors import MessageError, shown
from engine.messages.checks import check_text, checked_id, checked_number, optional_id, optional_ms
from engine.messages.message import Message
from engine.messages.topics import Topic
from engine.wire_names import camel

MAX_STORY_ENTRIES = 96
"""Most entries of a story."""

MAX_STORY_DETAIL = 200
"""Longest detail of an entry, in characters."""


class StoryStatus(StrEnum):
    """Where a delivery is in its life, as the dispatcher knows it."""

    UNKNOWN = "unknown"
    WAITING = "waiting"
    ON_THE_ROAD = "on_the_road"
    FINISHED = "finished"
    REJECTED = "rejected"


class StoryKind(StrEnum):
    """What an entry of a story says."""

    REQUESTED = "requested"
    WAITING = "waiting"
    REJECTED = "rejected"
    PLACED = "placed"
    RECOVERED = "recovered"
    RESENT = "resent"
    STEERED = "steered"
    CONFIRMED = "confirmed"
    IGNORED = "ignored"
    RUN = "run"
    FINISHED = "finished"


_STATUSES = frozenset(status.value for status in StoryStatus)
_KINDS = frozenset(kind.value for kind in StoryKind)


@dataclass(frozen=True, slots=True)
class DeliveryStory(Message):
    """Fact: what a dispatcher knows of one delivery, in answer to a ``story`` request.

    Attributes
    ----------
    status : where the delivery is in its life, a name of `StoryStatus`; ``unknown`` if the run has no such delivery, or
        has not handed it out yet.
    wall_ms : wall epoch ms at which the dispatcher answered.
    actor : driver actor that has the delivery; absent if none has it.
    entries : oldest first: objects with ``wallMs`` (wall epoch ms), ``virtualMs`` (virtual epoch ms), ``kind`` (a name
        of `StoryKind`) and ``detail`` (a sentence); at most 96.
    dropped : entries of the delivery that the dispatcher's bounded log has dropped.
    """

    TOPIC: ClassVar[Topic] = Topic.DELIVERY_STORY
    LIMIT: ClassVar[int] = 256 * 1024  # above the longest story with every character escaped
    delivery_id: str = ""
    run_id: str = ""
    status: str = ""
    wall_ms: int = 0
    actor: str | None = None
    entries: list[dict[str, Any]] | None = None
    dropped: int = 0

    def __post_init__(self) -> None:
        checked_id(self.delivery_id, "deliveryId")
        checked_id(self.run_id, "runId")
        if not isinstance(self.status, str) or self.status not in _STATUSES:
            raise MessageError(f"status must be one of {', '.join(StoryStatus)}, found {shown(self.status)}")
        for name in ("wall_ms", "dropped"):
            object.__setattr__(self, name, optional_ms(getattr(self, name), camel(name)))
        optional_id(self.actor, "actor")
        if self.entries is not None:
            _check_entries(self.entries)

    @property
    def key(self) -> bytes:
        """The delivery's id, so that a delivery's stories stay in order."""
        return self.delivery_id.encode()


def _check_entries(value: object) -> None:
    if not isinstance(value, list) or len(value) > MAX_STORY_ENTRIES:
        raise MessageError(f"entries must be a list of at most {MAX_STORY_ENTRIES}, found {shown(value)}")
    for entry in value:
        if not isinstance(entry, dict):
            raise MessageError(f"entries must be objects, found {shown(entry)}")
        for name in ("wallMs", "virtualMs"):
            checked_number(entry.get(name), f"entries.{name}", 0)
        if not isinstance(entry.get("kind"), str) or entry["kind"] not in _KINDS:
            raise MessageError(f"entries.kind must be one of {', '.join(StoryKind)}, found {shown(entry.get('kind'))}")
        check_text(entry.get("detail"), "entries.detail")
        if len(entry["detail"]) > MAX_STORY_DETAIL:
            raise MessageError(
                f"entries.detail must be at most {MAX_STORY_DETAIL} characters, found {len(entry['detail'])}"
            )
