"""Every message of the contract: its bytes, its refusals, and what strangers may send."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import MessageError
from engine.messages import (
    FINAL_KINDS,
    MAX_REQUEST_BYTES,
    MAX_ROUTE_BYTES,
    ControlRun,
    DeadLetter,
    DeliveryEvent,
    DeliveryStory,
    EventKind,
    RouteDefined,
    RunEvent,
    RunMetrics,
    StartDelivery,
    Topic,
    checked_id,
    parse_object,
)

GOLDEN = Path(__file__).parents[2] / "golden" / "messages"

START = StartDelivery("1", "client-1")
CONTROL = ControlRun("live", "pause")
EVENT = DeliveryEvent("live-0-1", "live", "1", "client-1", "car-1", "car", "started", 0, 1_700_000_000_000, 0.0)
ROUTE = RouteDefined("1", "Rua das Flores", "_izlhA~rlgdF_{geC~ywl@")
METRICS = RunMetrics(
    "live",
    "driver-0:5f1c9e",
    "driver",
    3,
    1_700_000_001_500,
    1_700_000_000,
    {"produced": "HISTFAAAAC=="},
    {"cpuS": 1.5},
)
RUN = RunEvent("live", "running", 0, 1_700_000_000_000, clock=[1_700_000_000_000.0, 1_700_000_000_123.5, 1.0])

STORY = DeliveryStory(
    "live-0-1",
    "live",
    "on_the_road",
    1_700_000_001_500,
    "driver-0",
    [
        {
            "wallMs": 1_700_000_000_123,
            "virtualMs": 1_700_000_000_000,
            "kind": "placed",
            "detail": "on driver-0 – batch 7",
        }
    ],
    2,
)

Message = StartDelivery | ControlRun | DeliveryEvent | RouteDefined | RunEvent | RunMetrics | DeliveryStory

MESSAGES: dict[Topic, list[Message]] = {
    Topic.NEW_DIRECTION: [START, StartDelivery("r.2", "c", "d-1", "car-1", "van", 1_700_000_000_000)],
    Topic.RUN_CONTROL: [
        CONTROL,
        ControlRun("live", "cancel", "live-0-1"),
        ControlRun("live", "resume"),
        ControlRun("live", "scale", time_scale=60.0),
        ControlRun("live", "fleet", drivers=500),
        ControlRun("live", "fleet", rate=1234.5, stage="probe 3"),
        ControlRun("live", "story", "live-0-1"),
    ],
    Topic.DELIVERY_EVENT: [
        replace(EVENT, route_length=1234.5, planned_arrival=1_700_000_100_000),
        replace(EVENT, kind="stopped", seq=1, distance=3.5),
        replace(EVENT, kind="resumed", seq=2, planned_arrival=1_700_000_110_000),
        replace(EVENT, kind="arrived_at_stop", seq=3, stop=0),
        replace(EVENT, kind="delivered", seq=4, distance=1234.5, positions=101, planned_arrival=1_700_000_110_000),
        replace(EVENT, kind="cancelled", seq=4, positions=50),
        replace(EVENT, kind="suspended", seq=4, positions=50),
        replace(EVENT, kind="rejected", positions=0, reason='route "9" is unknown – “não existe”'),
        replace(EVENT, kind="fault", seq=3, fault="tunnel", from_seq=17, to_seq=46),
    ],
    Topic.DELIVERY_STORY: [STORY, DeliveryStory("live-0-9", "live", "unknown", 1_700_000_001_500)],
    Topic.ROUTE_DEFINED: [
        ROUTE,
        replace(ROUTE, limits=[[3, 13.9], [1, 22.2]], stops=[[120.5, 60.0]], source="1.txt"),
        RouteDefined("1", deleted=True),
    ],
    Topic.RUN_EVENT: [
        RUN,
        replace(RUN, seq=8, scenario="Três rotas", seed=7, sample_period_ms=250, drivers=3, active=2, actors=1),
        replace(RUN, state="finished", seq=9, produced=100, acked=99, failed=1, lateness_p99_ms=12.5),
        replace(
            RUN, seq=10, stages=[["warm-up", 1_700_000_000_000, 1_700_000_005_000], ["run", 1_700_000_005_000, None]]
        ),
    ],
    Topic.RUN_METRICS: [METRICS, RunMetrics("live", "live:1a", "live", 0, 1_700_000_001_500, gauges={"rssBytes": 1e8})],
}


@pytest.mark.parametrize("topic", MESSAGES)
def test_messages_are_the_golden_ones(topic: Topic) -> None:
    lines = (GOLDEN / f"{topic}.jsonl").read_bytes().splitlines()
    assert [message.to_json() for message in MESSAGES[topic]] == lines
    assert [type(message).from_json(line) for message, line in zip(MESSAGES[topic], lines, strict=True)] == MESSAGES[
        topic
    ]


def test_every_topic_has_a_golden_file() -> None:
    assert {path.stem for path in GOLDEN.glob("*.jsonl")} == set(Topic) - {Topic.DEAD_LETTER, Topic.RUN_JOURNAL}


def test_every_kind_of_event_is_among_the_golden_ones() -> None:
    assert {event.kind for event in MESSAGES[Topic.DELIVERY_EVENT] if isinstance(event, DeliveryEvent)} == set(
        EventKind
    )


def test_keys_keep_together_what_belongs_together() -> None:
    assert [message.key for message in (START, CONTROL, EVENT, STORY, ROUTE, RUN, METRICS)] == [
        b"1",
        b"live",
        b"live-0-1",
        b"live-0-1",
        b"1",
        b"live",
        b"live",
    ]
    assert [message.TOPIC for message in (START, CONTROL, EVENT, STORY, ROUTE, RUN, METRICS)] == list(MESSAGES)


def test_the_ancestors_request_is_read() -> None:
    assert StartDelivery.from_json(b'{"routeId":"1","clientId":"client-1"}') == START


@pytest.mark.parametrize("message", [START, CONTROL, EVENT, STORY, ROUTE, RUN, METRICS], ids=lambda m: type(m).__name__)
def test_unknown_fields_are_ignored(message: Message) -> None:
    record = json.loads(message.to_json()) | {"colour": {"of": ["the", "van"]}}
    assert type(message).from_json(json.dumps(record).encode()) == message


ID = 'must be 1 to 96 characters of "A-Z a-z 0-9 . _ : -", found '

REFUSALS: list[tuple[Message, dict[str, Any], str]] = [
    (START, {"routeId": ...}, f"routeId {ID}''"),
    (START, {"routeId": 1}, f"routeId {ID}1"),
    (START, {"clientId": "a b"}, f"clientId {ID}'a b'"),
    (START, {"clientId": "é"}, f"clientId {ID}'é'"),
    (START, {"deliveryId": ""}, f"deliveryId {ID}''"),
    (START, {"driverId": "x" * 97}, f"driverId {ID}'" + "x" * 76 + "..."),
    (START, {"vehicle": ["car"]}, f"vehicle {ID}['car']"),
    (START, {"departAt": "now"}, "departAt must be a finite number, found 'now'"),
    (START, {"departAt": True}, "departAt must be a finite number, found True"),
    (START, {"departAt": -1}, "departAt must be from 0 to 8.64e+15, found -1"),
    (START, {"departAt": 10**400}, "departAt must be a finite number, found 1000"),
    (CONTROL, {"runId": None}, f"runId {ID}''"),
    (CONTROL, {"action": "stop"}, "action must be one of pause, resume, cancel, scale, fleet, story, found 'stop'"),
    (CONTROL, {"action": {}}, "action must be one of pause, resume, cancel, scale, fleet, story, found {}"),
    (CONTROL, {"action": "story"}, 'action "story" needs deliveryId'),
    (
        STORY,
        {"status": "lost"},
        "status must be one of unknown, waiting, on_the_road, finished, rejected, found 'lost'",
    ),
    (STORY, {"entries": [1]}, "entries must be objects, found 1"),
    (STORY, {"entries": [{"wallMs": "x"}]}, "entries.wallMs must be a finite number, found 'x'"),
    (
        STORY,
        {"entries": [{"wallMs": 1, "virtualMs": 1, "kind": "lost"}]},
        "entries.kind must be one of requested, waiting, rejected, placed, recovered, resent, steered, confirmed, "
        "ignored, run, finished, found 'lost'",
    ),
    (
        STORY,
        {"entries": [{"wallMs": 1, "virtualMs": 1, "kind": "run", "detail": "x" * 201}]},
        "entries.detail must be at most 200 characters, found 201",
    ),
    (STORY, {"entries": [{}] * 97}, "entries must be a list of at most 96, found"),
    (CONTROL, {"deliveryId": "/"}, f"deliveryId {ID}'/'"),
    (CONTROL, {"timeScale": 2}, "timeScale goes with action \"scale\" and only with it, found action 'pause'"),
    (CONTROL, {"action": "scale"}, "timeScale goes with action \"scale\" and only with it, found action 'scale'"),
    (CONTROL, {"action": "scale", "timeScale": 0}, "timeScale must be from 0.01 to 1000, found 0"),
    (CONTROL, {"action": "scale", "timeScale": 1001}, "timeScale must be from 0.01 to 1000, found 1001"),
    (
        CONTROL,
        {"action": "scale", "timeScale": 2, "deliveryId": "d"},
        "the time scale belongs to a run, not to a delivery",
    ),
    (CONTROL, {"drivers": 5}, "drivers goes with action \"fleet\" and only with it, found action 'pause'"),
    (
        CONTROL,
        {"action": "scale", "timeScale": 2, "stage": "s"},
        "stage goes with action \"fleet\" and only with it, found action 'scale'",
    ),
    (CONTROL, {"action": "fleet"}, 'action "fleet" needs either drivers or rate, found neither'),
    (
        CONTROL,
        {"action": "fleet", "drivers": 5, "rate": 5},
        'action "fleet" needs either drivers or rate, found drivers and rate',
    ),
    (CONTROL, {"action": "fleet", "drivers": 10_000_001}, "drivers must be from 0 to 1e+07, found 10000001"),
    (CONTROL, {"action": "fleet", "drivers": "5"}, "drivers must be a finite number, found '5'"),
    (CONTROL, {"action": "fleet", "rate": -0.5}, "rate must be from 0 to 1e+08, found -0.5"),
    (CONTROL, {"action": "fleet", "rate": 5, "stage": ""}, "stage must be 1 to 100 characters, found ''"),
    (CONTROL, {"action": "fleet", "rate": 5, "stage": 7}, "stage must be a text, found 7"),
    (CONTROL, {"action": "fleet", "drivers": 5, "deliveryId": "d"}, "the fleet belongs to a run, not to a delivery"),
    (EVENT, {"vehicle": ...}, f"vehicle {ID}''"),
    (
        EVENT,
        {"kind": "lost"},
        "kind must be one of started, stopped, resumed, arrived_at_stop, delivered, cancelled, suspended, rejected, fault, found 'lost'",  # noqa: E501
    ),
    (EVENT, {"seq": -1}, "seq must be from 0 to 8.64e+15, found -1"),
    (EVENT, {"eventTime": [1]}, "eventTime must be a finite number, found [1]"),
    (EVENT, {"distance": -0.5}, "distance must be from 0 to inf, found -0.5"),
    (EVENT, {"distance": float("nan")}, "distance must be a finite number, found nan"),
    (EVENT, {"routeLength": float("inf")}, "routeLength must be a finite number, found inf"),
    (EVENT, {"reason": 5}, "reason must be a text, found 5"),
    *((EVENT, {"kind": kind}, f'kind "{kind}" must say how many positions there are') for kind in sorted(FINAL_KINDS)),
    (ROUTE, {"routeId": "ü"}, f"routeId {ID}'ü'"),
    (ROUTE, {"title": 5}, "title must be a text, found 5"),
    (ROUTE, {"title": "\ud800"}, "title must be a text, found '\\ud800'"),
    (ROUTE, {"geometry": [[1, 2]]}, "geometry must be a text, found [[1, 2]]"),
    (ROUTE, {"source": []}, "source must be a text, found []"),
    (ROUTE, {"deleted": 1}, "deleted must be true or false, found 1"),
    (ROUTE, {"limits": 5}, "limits must be a list of pairs, found 5"),
    (ROUTE, {"limits": [[1]]}, "limits must be pairs of numbers, found [1]"),
    (ROUTE, {"limits": [[1, -2]]}, "limits must be from 0 to inf, found -2"),
    (ROUTE, {"stops": {"at": 1}}, "stops must be a list of pairs, found {'at': 1}"),
    (ROUTE, {"stops": [[1, "long"]]}, "stops must be a finite number, found 'long'"),
    (RUN, {"state": "lost"}, "state must be one of running, paused, finished, cancelled, found 'lost'"),
    (RUN, {"clock": ...}, "clock must be [virtual_ms, wall_ms, scale], found None"),
    (RUN, {"stages": "peak"}, "stages must be a list, found 'peak'"),
    (RUN, {"stages": [["peak", 1]]}, "stages must be [name, from_ms, to_ms], found ['peak', 1]"),
    (RUN, {"stages": [["peak", 1, "end"]]}, "stages must be a finite number, found 'end'"),
    (METRICS, {"part": "broker"}, "part must be one of driver, sink, live, viewer, found 'broker'"),
    (METRICS, {"worker": "driver 3"}, "worker " + ID + "'driver 3'"),
    (METRICS, {"histograms": ["x"]}, "histograms must be an object, found ['x']"),
    (METRICS, {"histograms": {"produced": 3}}, "histograms.produced must be a text, found 3"),
    (METRICS, {"gauges": {"cpuS": "much"}}, "gauges.cpuS must be a finite number, found 'much'"),
    (METRICS, {"dueS": ...}, "histograms need dueS, the second in which their positions were due"),
    (RUN, {"clock": [1, 2]}, "clock must be [virtual_ms, wall_ms, scale], found [1, 2]"),
    (RUN, {"clock": [1, 2, "x"]}, "clock must be a finite number, found 'x'"),
    (RUN, {"produced": -5}, "produced must be from 0 to 8.64e+15, found -5"),
    (RUN, {"scenario": []}, "scenario must be a text, found []"),
    (RUN, {"seed": "lucky"}, "seed must be a whole number, found 'lucky'"),
    (RUN, {"latenessP99Ms": "late"}, "latenessP99Ms must be a finite number, found 'late'"),
]


@pytest.mark.parametrize(
    ("message", "change", "reason"),
    REFUSALS,
    ids=lambda value: type(value).__name__ if isinstance(value, Message) else None,
)
def test_a_message_against_the_contract_is_refused_with_field_and_value(
    message: Message, change: dict[str, Any], reason: str
) -> None:
    record = {name: value for name, value in (json.loads(message.to_json()) | change).items() if value is not ...}
    with pytest.raises(MessageError) as refused:
        type(message).from_json(json.dumps(record).encode())
    assert str(refused.value).startswith(reason)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "not JSON: Expecting value"),
        (b"route 1", "not JSON: Expecting value: line 1 column 1 (char 0); found b'route 1'"),
        (b"\xff\xff", "not JSON: 'utf-8' codec can't decode"),
        (b"[]", "expected a JSON object, found []"),
        (b'"routeId"', "expected a JSON object, found 'routeId'"),
        (b"[" * 50_000, "not JSON: maximum recursion depth exceeded"),
        (b"1" * 5000, "not JSON: Exceeds the limit"),
        (b" " * (MAX_REQUEST_BYTES + 1), "message of 65537 bytes is larger than 65536"),
    ],
)
def test_bytes_that_are_no_object_are_refused(value: bytes, reason: str) -> None:
    for kind in (StartDelivery, ControlRun, DeliveryEvent, RunEvent):
        with pytest.raises(MessageError) as refused:
            kind.from_json(value)
        assert str(refused.value).startswith(reason)


def test_only_a_route_may_be_large() -> None:
    large = replace(ROUTE, geometry="?" * (MAX_ROUTE_BYTES - 100))
    assert RouteDefined.from_json(large.to_json()) == large
    with pytest.raises(MessageError, match="is larger than 921600"):
        RouteDefined.from_json(b" " * (MAX_ROUTE_BYTES + 1))


def test_an_object_at_the_limit_is_still_read() -> None:
    assert parse_object(b"{}".ljust(MAX_REQUEST_BYTES)) == {}


@pytest.mark.parametrize("depth", range(900, 1000, 3))
def test_a_value_nested_just_short_of_the_recursion_limit_is_refused_and_not_a_crash(depth: int) -> None:
    with pytest.raises(MessageError):
        StartDelivery.from_json(b'{"routeId":' + b"[" * depth + b"]" * depth + b"}")


NAMES = st.sampled_from(
    re.findall(
        r"\w+",
        "routeId clientId deliveryId driverId runId vehicle kind seq eventTime distance action timeScale title geometry limits stops deleted state clock "  # noqa: E501
        "positions departAt reason source scenario seed other",
    )
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(["1", "live", "pause", "scale", "started", "running", 10**400]),
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=12,
)


@settings(max_examples=500)
@given(st.sampled_from([START, CONTROL, EVENT, ROUTE, RUN]), st.dictionaries(NAMES, JSON, max_size=8))
def test_any_json_is_read_or_refused_and_what_is_read_is_written_again(
    message: Message, change: dict[str, Any]
) -> None:
    value = json.dumps(json.loads(message.to_json()) | change).encode()
    try:
        read = type(message).from_json(value)
    except MessageError:
        return
    assert type(message).from_json(read.to_json()) == read
    assert isinstance(read.key, bytes)


@given(st.sampled_from([StartDelivery, ControlRun, DeliveryEvent, RouteDefined, RunEvent]), st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(kind: type[StartDelivery], value: bytes) -> None:
    with pytest.raises(MessageError):
        kind.from_json(value)


@given(st.text(max_size=100))
def test_an_id_is_kept_or_refused(word: str) -> None:
    plain = 1 <= len(word) <= 96 and all(c.isascii() and (c.isalnum() or c in "._:-") for c in word)
    if plain:
        assert checked_id(word, "id") == word
    else:
        with pytest.raises(MessageError, match="id must be 1 to 96 characters"):
            checked_id(word, "id")


def test_a_dead_letter_carries_the_reason_and_the_place() -> None:
    letter = DeadLetter(b"\xff", None, "not JSON – “x”", "route.new-position", 3, 42)
    assert letter.headers == {
        "reason": "not JSON – “x”".encode(),
        "topic": b"route.new-position",
        "partition": b"3",
        "offset": b"42",
    }
