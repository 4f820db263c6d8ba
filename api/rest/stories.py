"""``/runs/{runId}/deliveries/{deliveryId}/story``: one delivery's life, with instants and reasons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import Depends
from fastapi import Path as PathParameter
from pydantic import Field

from api.deps import HistoryDep, Services, StateDep, services
from api.errors import Refused
from api.rest.problems import problems
from api.rest.schemas import Id
from api.rest.security import keyed_router
from api.shapes import Schema
from api.stories import Stories
from engine.messages import (
    FINAL_KINDS,
    DeliveryEvent,
    DeliveryStory,
    EventKind,
    RunEvent,
    RunState,
    StoryStatus,
)

router = keyed_router(prefix="/runs", tags=["deliveries"])


class StoryEntry(Schema):
    """One thing that happened to a delivery, or was decided about it."""

    virtual_ms: int = Field(description="virtual epoch ms")
    wall_ms: int | None = Field(description="wall epoch ms; null for events, which have virtual time alone")
    source: Literal["dispatcher", "event"] = Field(description="the run's dispatcher, or a stored delivery event")
    kind: str = Field(examples=["placed"])
    detail: str = Field(examples=["the fleet's delivery 7, on driver-1 in batch 12, departs at 1700000000000"])


class Story(Schema):
    """A delivery's life: what the run's dispatcher knows of it, and its stored events."""

    run_id: str
    delivery_id: str
    status: StoryStatus
    actor: str | None = Field(description="driver actor that has the delivery; null if none has it")
    dropped: int = Field(description="entries that the dispatcher's bounded log has dropped")
    entries: list[StoryEntry] = Field(description="in the order of their virtual instants")


def _stories(found: Annotated[Services, Depends(services)]) -> Stories:
    return found.stories


@router.get(
    "/{run_id}/deliveries/{delivery_id}/story",
    operation_id="getDeliveryStory",
    summary="Tell a delivery's story",
    responses=problems(404, 503, 504),
)
async def get_story(
    run_id: Annotated[Id, PathParameter(description="id of a run")],
    delivery_id: Annotated[Id, PathParameter(description="id of a delivery")],
    state: StateDep,
    history: HistoryDep,
    stories: Annotated[Stories, Depends(_stories)],
) -> Story:
    """Return what is known of a delivery; while its run goes on, what the dispatcher has decided and why."""
    run = await state.run(run_id)
    if run is None:
        raise Refused(404, f"there is no run {run_id}")
    told = await _answer(stories, run, delivery_id)
    events = [event for event in await history.events(delivery_id) if event.run_id == run_id]
    if not events and (told is None or told.status == StoryStatus.UNKNOWN):
        raise Refused(404, f"run {run_id} has no delivery {delivery_id}, or has not handed it out yet")
    return story_of(run_id, delivery_id, told, events)


async def _answer(stories: Stories, run: RunEvent, delivery_id: str) -> DeliveryStory | None:
    """Return the dispatcher's answer; None if the run has ended, and its dispatcher with it."""
    if run.state == RunState.FINISHED:
        return None
    try:
        return await stories.ask(run.run_id, delivery_id)
    except Refused:
        if run.state == RunState.CANCELLED:  # its dispatcher may have ended since
            return None
        raise


def story_of(run_id: str, delivery_id: str, told: DeliveryStory | None, events: Sequence[DeliveryEvent]) -> Story:
    """Return a delivery's story from what its dispatcher answered, None if it has ended, and its events."""
    entries = [
        StoryEntry(
            virtual_ms=int(entry["virtualMs"]),
            wall_ms=int(entry["wallMs"]),
            source="dispatcher",
            kind=entry["kind"],
            detail=entry["detail"],
        )
        for entry in (told.entries if told is not None else None) or []
    ]
    entries += [
        StoryEntry(virtual_ms=event.event_time, wall_ms=None, source="event", kind=event.kind, detail=_detail(event))
        for event in events
    ]
    return Story(
        run_id=run_id,
        delivery_id=delivery_id,
        status=_status(told, events),
        actor=None if told is None else told.actor,
        dropped=0 if told is None else told.dropped,
        entries=sorted(entries, key=lambda entry: entry.virtual_ms),
    )


def _status(told: DeliveryStory | None, events: Sequence[DeliveryEvent]) -> StoryStatus:
    if told is not None and told.status != StoryStatus.UNKNOWN:
        return StoryStatus(told.status)
    is_rejected = any(event.kind == EventKind.REJECTED for event in events)
    return StoryStatus.REJECTED if is_rejected else StoryStatus.FINISHED


def _detail(event: DeliveryEvent) -> str:
    """Return what an event says, for a person."""
    match event.kind:
        case EventKind.REJECTED:
            return event.reason or ""
        case EventKind.FAULT:
            return f"{event.fault} injected into positions {event.from_seq} to {event.to_seq}"
        case EventKind.ARRIVED_AT_STOP:
            return f"stop {event.stop}, {event.distance:.0f} m from the start"
        case kind if kind in FINAL_KINDS:
            return f"{event.positions} positions, {event.distance:.0f} m driven"
        case _:
            planned = "" if event.planned_arrival is None else f", planned arrival {event.planned_arrival}"
            return f"{event.distance:.0f} m driven{planned}"
