"""A viewer as a state machine: text and time in, messages out."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from api.live import Hub
from api.live.control import ControlError
from api.live.frames import Frame, decode_frame
from api.live.viewer import ACK_TIMEOUT_MS, EVENTS_PER_SECOND, WINDOW, Viewer
from api.live.world import LEAVE_MS
from engine.codec import PositionBatch
from engine.messages import DeliveryEvent, RunEvent
from engine.roads.route import Route

NOW = 1_767_225_600_000
SUB = {"t": "sub", "z": 12, "cells": [0, 0, 4095, 4095], "max": 1000, "hz": 4}


class Watching:
    """A hub with one vehicle and a viewer of it, at 250 ms a tick."""

    def __init__(self) -> None:
        self.now_ms = NOW
        self.hub = Hub(NOW)
        self.hub.on_route(
            Route.from_points("r", "To the lake", np.array([47.0, 47.1]), np.array([9.5, 9.5])).to_message()
        )
        self.hub.on_positions(
            PositionBatch.of([(b"r", b"c", b"a", b"d", b"run", 47.1, 9.5, False, 0, NOW, 5.0, 0.0, 0.0)])
        )
        self.viewer = Viewer(self.hub, NOW)

    def tell(self, **message: Any) -> None:
        self.viewer.receive(json.dumps(message), self.now_ms)

    def tick(self, times: int = 1) -> None:
        for _ in range(times):
            self.now_ms += 250
            self.viewer.offer(self.hub.tick(self.now_ms))

    def sent(self) -> tuple[list[dict[str, Any]], list[Frame]]:
        messages = self.viewer.outgoing(self.now_ms)
        return [json.loads(m) for m in messages if isinstance(m, str)], [
            decode_frame(m) for m in messages if isinstance(m, bytes)
        ]

    def texts(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.sent()[0] if message["t"] == kind]

    def frames(self) -> list[Frame]:
        return self.sent()[1]


@pytest.fixture
def watching() -> Watching:
    watching = Watching()
    watching.tell(**SUB)
    return watching


def test_nothing_but_the_hello_is_sent_before_a_subscription() -> None:
    watching = Watching()
    watching.tick()
    texts, frames = watching.sent()
    assert [text["t"] for text in texts] == ["hello", "stats"]
    assert texts[0]["protocol"] == "sim.v1"
    assert texts[0]["states"] == ["moving", "stopped", "paused", "delivered", "cancelled"]
    assert texts[0]["vehicles"] == ["bicycle", "motorcycle", "car", "van", "truck"]
    assert frames == []


def test_a_subscriber_gets_each_tick_while_he_acknowledges(watching: Watching) -> None:
    for _ in range(10):
        watching.tick()
        [frame] = watching.frames()
        assert len(frame.vehicles) == 1
        watching.tell(t="ack", seq=frame.header.seq)
    assert (watching.viewer.sent, watching.viewer.skipped, watching.viewer.in_flight) == (10, 0, 0)


def test_without_acknowledgement_two_frames_are_on_the_way_and_then_the_newest_wins(watching: Watching) -> None:
    seqs = []
    for _ in range(10):
        watching.tick()
        seqs += [frame.header.seq for frame in watching.frames()]
    assert seqs == [1, 2]
    assert watching.viewer.in_flight == WINDOW
    watching.tell(t="ack", seq=2)
    assert [frame.header.seq for frame in watching.frames()] == [10]
    assert (watching.viewer.sent, watching.viewer.skipped) == (3, 7)
    assert (watching.hub.counters.frames_sent, watching.hub.counters.frames_skipped) == (3, 7)


def test_an_acknowledgement_covers_the_frames_before_it(watching: Watching) -> None:
    for _ in range(2):
        watching.tick()
        watching.sent()
    watching.tell(t="ack", seq=2)
    assert watching.viewer.in_flight == 0


def test_a_viewer_is_overdue_after_thirty_seconds_without_acknowledgement(watching: Watching) -> None:
    watching.tick()
    watching.sent()
    assert not watching.viewer.is_overdue(watching.now_ms + ACK_TIMEOUT_MS)
    assert watching.viewer.is_overdue(watching.now_ms + ACK_TIMEOUT_MS + 1)
    watching.tell(t="ack", seq=1)
    assert not watching.viewer.is_overdue(watching.now_ms + ACK_TIMEOUT_MS + 1)


@pytest.mark.parametrize(("hz", "frames"), [(1, 3), (2, 6), (4, 12)])
def test_a_viewer_gets_as_many_frames_a_second_as_he_asked_for(watching: Watching, hz: int, frames: int) -> None:
    watching.tell(**SUB | {"hz": hz})
    for _ in range(12):
        watching.tick()
        for frame in watching.frames():
            watching.tell(t="ack", seq=frame.header.seq)
    assert (watching.viewer.sent, watching.viewer.skipped) == (frames, 0)


def test_only_the_cells_asked_for_are_sent(watching: Watching) -> None:
    watching.tell(**SUB | {"cells": [0, 0, 10, 10]})
    watching.tick()
    [frame] = watching.frames()
    assert (len(frame.vehicles), frame.header.total) == (0, 1)


def test_a_hidden_tab_gets_no_frames_until_it_is_back(watching: Watching) -> None:
    watching.tick()
    watching.tell(t="pause")
    assert watching.frames() == []
    watching.tick(8)
    assert watching.frames() == []
    watching.tell(t="resume")
    watching.tick()
    assert len(watching.frames()) == 1
    assert watching.viewer.skipped == 0


def test_figures_come_once_a_second_with_the_viewers_own(watching: Watching) -> None:
    found = []
    for _ in range(8):
        watching.tick()
        found += watching.texts("stats")
    assert [stats["vehicles"] for stats in found] == [1, 1]
    assert [(stats["sent"], stats["skipped"]) for stats in found] == [(0, 0), (2, 2)]


def test_figures_come_each_second_even_if_nothing_changes() -> None:
    watching = Watching()
    watching.hub.on_run(RunEvent(run_id="run", state="paused", clock=[NOW, NOW, 0.0]))
    found = []
    for _ in range(8):
        watching.tick()
        found += watching.texts("stats")
    assert len(found) == 2
    assert found[0] == found[1]


def test_hello_comes_again_when_it_changes(watching: Watching) -> None:
    watching.tick()
    assert len(watching.texts("hello")) == 1
    watching.tick()
    assert watching.texts("hello") == []
    watching.hub.on_run(RunEvent(run_id="run", state="running", clock=[NOW, NOW, 60.0]))
    watching.tick()
    [hello] = watching.texts("hello")
    assert (hello["runId"], hello["clock"]) == ("run", [NOW, NOW, 60.0])


def started(hub: Hub, first: int, last: int) -> None:
    for i in range(first, last):
        hub.on_event(
            DeliveryEvent(
                delivery_id=f"e{i}",
                run_id="run",
                route_id="r",
                client_id="c",
                driver_id="d",
                vehicle="car",
                kind="started",
                event_time=NOW,
            )
        )


def test_at_most_twenty_events_a_second_are_sent_and_the_rest_are_counted(watching: Watching) -> None:
    started(watching.hub, 0, 30)
    watching.tick()
    [told] = watching.texts("events")
    assert [event["deliveryId"] for event in told["events"]] == [f"e{i}" for i in range(10, 10 + EVENTS_PER_SECOND)]
    assert told["skipped"] == 10
    started(watching.hub, 30, 35)
    watching.tick()
    assert watching.texts("events") == []
    watching.tick(3)
    [told] = watching.texts("events")
    assert [event["deliveryId"] for event in told["events"]] == [f"e{i}" for i in range(30, 35)]
    assert "skipped" not in told


def test_events_are_told_together_twice_a_second(watching: Watching) -> None:
    found = []
    for tick in range(12):
        started(watching.hub, tick, tick + 1)
        watching.tick()
        found += [(tick, len(told["events"])) for told in watching.texts("events")]
    assert found == [(0, 1), (2, 2), (4, 2), (6, 2), (8, 2), (10, 2)]


def test_a_viewer_is_woken_only_when_there_is_something_for_him(watching: Watching) -> None:
    watching.tick()
    while watching.viewer.has_outgoing(watching.now_ms):
        watching.viewer.outgoing(watching.now_ms)
    assert watching.viewer.outgoing(watching.now_ms) == []
    started(watching.hub, 0, 1)
    assert not watching.viewer.has_outgoing(watching.now_ms)
    watching.tick()
    assert watching.viewer.has_outgoing(watching.now_ms)


def test_a_tracked_vehicle_is_told_at_once_with_its_route_and_then_each_second(watching: Watching) -> None:
    watching.tell(t="track", deliveryId="a")
    [first] = watching.texts("track")
    assert (first["id"], first["deliveryId"], first["speedMps"]) == (0, "a", 5.0)
    assert first["route"]["type"] == "LineString"
    assert first["route"]["coordinates"][0] == [9.5, 47.0]
    found = []
    for _ in range(8):
        watching.tick()
        found += watching.texts("track")
    assert [reply["deliveryId"] for reply in found] == ["a", "a"]
    assert all("route" not in reply for reply in found)
    watching.tell(t="track", id=None)
    watching.tick(8)
    assert watching.texts("track") == []


def test_tracking_by_number_and_tracking_nobody(watching: Watching) -> None:
    watching.tell(t="track", id=0)
    assert watching.texts("track")[0]["deliveryId"] == "a"
    watching.tell(t="track", id=4711)
    assert watching.texts("untracked") == [
        {"t": "untracked", "id": 4711, "deliveryId": None, "reason": "not on the live map"}
    ]


def test_tracking_ends_with_the_vehicles_last_state_when_it_leaves(watching: Watching) -> None:
    watching.tell(t="track", deliveryId="a")
    watching.sent()
    watching.hub.on_positions(
        PositionBatch.of([(b"r", b"c", b"a", b"d", b"run", 47.1, 9.5, True, 1, NOW, 0.0, 0.0, 9.0)])
    )
    watching.now_ms += LEAVE_MS
    watching.tick()
    [last] = watching.texts("track")
    assert (last["id"], last["deliveryId"], last["state"], last["distanceM"]) == (None, "a", "delivered", 9.0)
    watching.tick(8)
    assert watching.texts("track") == []
    watching.tell(t="track", deliveryId="a")
    [again] = watching.texts("track")
    assert (again["id"], again["route"]["type"]) == (None, "LineString")


def test_a_number_that_became_another_vehicles_is_no_longer_tracked(watching: Watching) -> None:
    watching.tell(t="track", deliveryId="a")
    watching.sent()
    for _ in range(2):  # silent for hours: it leaves, and then its number is free
        watching.now_ms += 3_600_000
        watching.hub.tick(watching.now_ms)
    watching.tick()
    assert watching.texts("untracked") == [
        {"t": "untracked", "id": 0, "deliveryId": "a", "reason": "left the live map"}
    ]
    watching.tick(8)
    assert watching.sent()[0][-1]["t"] == "stats"


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"\x56", "binary"),
        ("{", "not JSON"),
        ("[" * 10_000, "not JSON"),
        ("[]", "JSON object"),
        ("x" * 200_000, "at most"),
        ("{}", "t must be"),
        ('{"t":"fly"}', "t must be"),
        ('{"t":["sub"]}', "t must be"),
        ('{"t":"ack"}', "seq"),
        ('{"t":"ack","seq":1.5}', "seq"),
        ('{"t":"ack","seq":99}', "never sent"),
        (json.dumps(SUB | {"z": 11}), "z must be 12"),
        (json.dumps(SUB | {"cells": [0, 0, 1]}), "x0, y0, x1, y1"),
        (json.dumps(SUB | {"cells": [0, 0, 1, 4096]}), "y1"),
        (json.dumps(SUB | {"cells": [0, 0, 1, "2"]}), "y1"),
        (json.dumps(SUB | {"max": 0}), "max"),
        (json.dumps(SUB | {"max": True}), "max"),
        (json.dumps(SUB | {"hz": 60}), "hz"),
        ('{"t":"track","id":-1}', "id"),
        ('{"t":"track","deliveryId":7}', "deliveryId"),
    ],
)
def test_a_malformed_control_frame_is_refused_with_its_reason(
    watching: Watching, frame: str | bytes, reason: str
) -> None:
    with pytest.raises(ControlError, match=reason):
        watching.viewer.receive(frame, NOW)
