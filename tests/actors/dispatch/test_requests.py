from __future__ import annotations

import json

import pytest

from actors.dispatch.requests import Received, RouteGone, decode
from engine.messages import MAX_REQUEST_BYTES, ControlRun, DeadLetter, RouteDefined, StartDelivery, Topic
from engine.roads.route import Route


def test_the_ancestors_request_is_understood() -> None:
    found = decode(Topic.NEW_DIRECTION, b"1", b'{"routeId":"1","clientId":"anybody"}', 3, 7)
    assert found == Received(StartDelivery("1", "anybody"), 3, 7)


def test_a_request_may_say_more() -> None:
    wish = StartDelivery("1", "c", "d-1", "driver-1", "bicycle", 1_700_000_000_000)
    assert decode(Topic.NEW_DIRECTION, b"1", wish.to_json(), 0, 0) == Received(wish, 0, 0)


def test_control_and_routes_are_understood(routes: list[Route]) -> None:
    pause = ControlRun("run", "pause", "d-1")
    assert decode(Topic.RUN_CONTROL, b"run", pause.to_json(), 0, 1) == Received(pause, 0, 1)
    assert decode(Topic.ROUTE_DEFINED, b"road-0", routes[0].to_message().to_json(), 0, 2) == Received(routes[0], 0, 2)
    assert decode(Topic.ROUTE_DEFINED, b"road-0", RouteDefined("road-0", deleted=True).to_json(), 0, 3) == Received(
        RouteGone("road-0"), 0, 3
    )
    assert decode(Topic.ROUTE_DEFINED, b"road-0", None, 0, 4) == Received(RouteGone("road-0"), 0, 4)


@pytest.mark.parametrize(
    ("topic", "value", "reason"),
    [
        (Topic.NEW_DIRECTION, None, "not JSON"),
        (Topic.NEW_DIRECTION, b"", "not JSON"),
        (Topic.NEW_DIRECTION, b"\xff\xfe\x00", "not JSON"),
        (Topic.NEW_DIRECTION, b"[1, 2]", "expected a JSON object"),
        (Topic.NEW_DIRECTION, b'{"clientId":"c"}', "routeId must be 1 to 96 characters"),
        (
            Topic.NEW_DIRECTION,
            b'{"routeId":"1","clientId":"c","vehicle":"rocket"}',
            "vehicle must be one of bicycle, motorcycle, car, van, truck, found",
        ),
        (Topic.NEW_DIRECTION, b'{"routeId":"1","clientId":"c","departAt":-5}', "departAt must be from 0"),
        (Topic.NEW_DIRECTION, b'{"routeId":"../etc","clientId":"c"}', "routeId must be"),
        (Topic.NEW_DIRECTION, b"{" + b" " * MAX_REQUEST_BYTES + b"}", "larger than 65536"),
        (Topic.RUN_CONTROL, b'{"runId":"run","action":"explode"}', "action must be one of"),
        (Topic.RUN_CONTROL, b'{"runId":"run","action":"scale","timeScale":1e9}', "timeScale must be from 0.01 to 1000"),
        (Topic.ROUTE_DEFINED, b'{"routeId":"r","title":"t","geometry":"?"}', ""),
        (Topic.ROUTE_DEFINED, b'{"routeId":"r","title":"t","geometry":""}', ""),
        (Topic.ROUTE_DEFINED, b"a stranger's bytes", "not JSON"),
    ],
)
def test_what_cannot_be_read_becomes_a_dead_letter_that_says_why_and_where(
    topic: Topic, value: bytes | None, reason: str
) -> None:
    found = decode(topic, b"key", value, 2, 9)
    assert isinstance(found, DeadLetter)
    assert reason in found.reason
    assert (found.value, found.key, found.topic, found.partition, found.offset) == (value or b"", b"key", topic, 2, 9)


def test_a_route_longer_than_a_record_can_tell_is_refused() -> None:
    value = Route.from_points("long", "Long", [0.0, 80.0, 0.0], [0.0, 0.0, 1.0]).to_message().to_json()
    found = decode(Topic.ROUTE_DEFINED, b"long", value, 0, 0)
    assert isinstance(found, DeadLetter)
    assert "is longer than" in found.reason


def test_a_record_of_another_topic_is_no_request() -> None:
    found = decode(Topic.DELIVERY_EVENT, None, json.dumps({}).encode(), 0, 0)
    assert isinstance(found, DeadLetter)
