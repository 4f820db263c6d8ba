"""A delivery's story over HTTP: the dispatcher's answer and the stored events, in one order."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from api.deps import Stores
from api.errors import Refused
from engine.messages import DeliveryEvent, DeliveryStory, RunEvent

T0 = 1_700_000_000_000
URL = "/runs/run/deliveries/d1/story"


@dataclass
class FakeStories:
    """A dispatcher that answers what a test says, and nothing if it says nothing."""

    answer: DeliveryStory | None = None
    asked: list[tuple[str, str]] = field(default_factory=list)

    async def ask(self, run_id: str, delivery_id: str) -> DeliveryStory:
        self.asked.append((run_id, delivery_id))
        if self.answer is None:
            raise Refused(504, f"the dispatcher of run {run_id} did not answer within 5 s; is the run going on?")
        return self.answer


@pytest.fixture
async def dispatcher(
    app_of: Callable[..., AbstractAsyncContextManager[FastAPI]], stores: Stores
) -> AsyncIterator[tuple[FakeStories, AsyncClient]]:
    """The dispatcher, and a client of the application that asks it."""
    fake = FakeStories()
    async with app_of() as app:
        app.state.services.stories = fake
        async with AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as client:
            await stores.state.put_runs([RunEvent("run", "running", 0, T0, clock=[T0, T0, 1.0])])
            yield fake, client


def event(kind: str, at_ms: int, seq: int = 0, **more: Any) -> DeliveryEvent:
    return DeliveryEvent("d1", "run", "1", "web", "driver", "van", kind, seq, at_ms, **more)


ANSWER = DeliveryStory(
    "d1",
    "run",
    "on_the_road",
    T0 + 9_000,
    "driver-1",
    [
        {"wallMs": T0 + 1, "virtualMs": T0, "kind": "placed", "detail": "on driver-1"},
        {"wallMs": T0 + 7_001, "virtualMs": T0 + 7_000, "kind": "resent", "detail": "its process 7 died"},
    ],
    3,
)


async def test_the_dispatchers_answer_and_the_events_are_told_in_the_order_of_time(
    dispatcher: tuple[FakeStories, AsyncClient], stores: Stores
) -> None:
    fake, client = dispatcher
    fake.answer = ANSWER
    await stores.history.write_events(
        [event("started", T0 + 5_000, planned_arrival=T0 + 90_000), event("arrived_at_stop", T0 + 8_000, 1, stop=2)]
    )
    answer = await client.get(URL)
    assert answer.status_code == 200, answer.text
    story = answer.json()
    entries = story.pop("entries")
    assert story == {"runId": "run", "deliveryId": "d1", "status": "on_the_road", "actor": "driver-1", "dropped": 3}
    assert [(one["source"], one["kind"], one["virtualMs"] - T0, one["wallMs"]) for one in entries] == [
        ("dispatcher", "placed", 0, T0 + 1),
        ("event", "started", 5_000, None),
        ("dispatcher", "resent", 7_000, T0 + 7_001),
        ("event", "arrived_at_stop", 8_000, None),
    ]
    assert [one["detail"] for one in entries if one["source"] == "event"] == [
        f"0 m driven, planned arrival {T0 + 90_000}",
        "stop 2, 0 m from the start",
    ]
    assert fake.asked == [("run", "d1")]


async def test_an_unknown_run_delivery_or_dispatcher_is_named(dispatcher: tuple[FakeStories, AsyncClient]) -> None:
    fake, client = dispatcher
    answer = await client.get("/runs/other/deliveries/d1/story")
    assert (answer.status_code, answer.json()["detail"]) == (404, "there is no run other")
    assert fake.asked == []
    answer = await client.get(URL)
    assert answer.status_code == 504
    assert answer.json()["detail"] == "the dispatcher of run run did not answer within 5 s; is the run going on?"
    fake.answer = DeliveryStory("d1", "run", "unknown", T0)
    answer = await client.get(URL)
    assert answer.status_code == 404
    assert answer.json()["detail"] == "run run has no delivery d1, or has not handed it out yet"


@pytest.mark.parametrize(
    ("kind", "more", "status", "detail"),
    [
        ("rejected", {"reason": "route 9 is unknown"}, "rejected", "route 9 is unknown"),
        ("delivered", {}, "finished", "4 positions, 0 m driven"),
    ],
)
async def test_of_a_run_that_has_ended_the_events_are_left(
    kind: str,
    more: dict[str, Any],
    status: str,
    detail: str,
    dispatcher: tuple[FakeStories, AsyncClient],
    stores: Stores,
) -> None:
    fake, client = dispatcher
    await stores.state.put_runs([RunEvent("run", "finished", 1, T0, clock=[T0, T0, 1.0])])
    await stores.history.write_events([event(kind, T0 + 5_000, positions=4, **more)])
    story = (await client.get(URL)).json()
    assert (story["status"], story["actor"], fake.asked) == (status, None, [])
    assert [(one["source"], one["detail"]) for one in story["entries"]] == [("event", detail)]


async def test_a_service_without_kafka_says_so(client: AsyncClient, stores: Stores) -> None:
    await stores.state.put_runs([RunEvent("run", "running", 0, T0, clock=[T0, T0, 1.0])])
    answer = await client.get(URL)
    assert answer.status_code == 503
    assert "cannot be asked" in answer.json()["detail"]
