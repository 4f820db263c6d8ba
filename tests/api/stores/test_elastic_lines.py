"""The lines of bulk requests: what is in them, whichever way they are made, and how requests are cut."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.stores.elastic.bulk import MAX_BODY_BYTES, portions
from api.stores.elastic.documents import delivery_lines, delivery_parts, event_lines
from api.stores.elastic.lines import lines_bytes, position_lines
from api.stores.elastic.names import Kind, Names, Period
from engine.codec import PositionBatch
from engine.messages import DeliveryEvent

T0 = 1_700_000_000_000
ids = st.text("abcXYZ019._:-", min_size=1, max_size=96)


@st.composite
def on_the_wire(draw: st.DrawFn) -> PositionBatch:
    """Positions with the decimals of our own encoder."""
    record = st.tuples(
        *(ids.map(str.encode) for _ in range(5)),
        st.integers(-900_000_000, 900_000_000).map(lambda i: i / 10_000_000),
        st.integers(-1_800_000_000, 1_800_000_000).map(lambda i: i / 10_000_000),
        st.booleans(),
        st.integers(0, 99_999_999),
        st.integers(0, 9_999_999_999_999),
        st.integers(0, 9_999).map(lambda i: i / 100),
        st.integers(0, 3_599).map(lambda i: i / 10),
        st.integers(0, 99_999_999).map(lambda i: i / 10),
    )
    return PositionBatch.of(draw(st.lists(record, min_size=1, max_size=20)))


def expected(batch: PositionBatch) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for row in range(len(batch)):
        route, client, delivery, driver, run = (
            getattr(batch, name)[row].decode()
            for name in ("route_id", "client_id", "delivery_id", "driver_id", "run_id")
        )
        found.append({"create": {"_id": f"{delivery}:{batch.seq[row]}"}})
        found.append(
            {
                "routeId": route,
                "clientId": client,
                "deliveryId": delivery,
                "driverId": driver,
                "runId": run,
                "location": {"lat": batch.lat_deg[row], "lon": batch.lng_deg[row]},
                "finished": bool(batch.finished[row]),
                "seq": batch.seq[row],
                "eventTime": batch.event_time_ms[row],
                "speed": batch.speed_mps[row],
                "bearing": batch.bearing_deg[row],
                "distance": batch.distance_m[row],
            }
        )
    return found


def read(lines: bytes) -> list[dict[str, Any]]:
    assert lines.endswith(b"\n")
    return [json.loads(line) for line in lines.splitlines()]


@given(on_the_wire())
def test_lines_say_every_number_exactly(batch: PositionBatch) -> None:
    assert read(position_lines(batch)) == expected(batch)
    assert b" " not in position_lines(batch)


@given(on_the_wire(), st.floats(-90, 90), st.floats(0, 1e300), st.integers(0, 2**62))
def test_numbers_that_our_encoder_would_not_write_are_said_exactly_too(
    batch: PositionBatch, lat: float, distance: float, seq: int
) -> None:
    n = len(batch)
    batch = batch.with_columns(
        lat_deg=np.append(batch.lat_deg[1:], lat),
        distance_m=np.full(n, distance),
        seq=np.append(batch.seq[1:], seq),
    )
    lines = position_lines(batch)
    assert read(lines) == expected(batch)
    assert len(lines) <= n * lines_bytes(batch)


def test_many_blocks_keep_their_order() -> None:
    one = PositionBatch.of([(b"r", b"c", b"d", b"x", b"run", 47.0, 9.0, False, 0, T0, 1.0, 2.0, 3.0)])
    batch = one.take(np.zeros(10_000, np.int64))
    speed_mps = np.where(np.arange(10_000) == 5_000, 1 / 3, 1.0)
    batch = batch.with_columns(seq=np.arange(10_000), speed_mps=speed_mps)
    assert [line["create"]["_id"] for line in read(position_lines(batch))[::2]] == [f"d:{seq}" for seq in range(10_000)]
    assert position_lines(PositionBatch.empty()) == b""


def test_requests_are_cut_by_bytes_and_by_documents() -> None:
    assert [len(rows) for rows in portions(np.arange(12_000), np.full(12_000, 10))] == [3_001, 3_001, 3_001, 2_997]
    assert [len(rows) for rows in portions(np.arange(5_000), np.full(5_000, 10))] == [5_000]
    assert [rows.tolist() for rows in portions(np.arange(4), np.array([MAX_BODY_BYTES, 1, 2 * MAX_BODY_BYTES, 1]))] == [
        [0],
        [1],
        [2],
        [3],
    ]
    assert list(portions(np.arange(0), np.zeros(0, np.int64))) == []


@pytest.mark.parametrize(
    ("period", "names"),
    [
        (Period.HOUR, {"p-events-2023.11.14.22": [0, 2], "p-events-2023.11.15.00": [1]}),
        (Period.DAY, {"p-events-2023.11.14": [0, 2], "p-events-2023.11.15": [1]}),
        (Period.MONTH, {"p-events-2023.11": [0, 1, 2]}),
    ],
)
def test_an_index_is_named_for_when_its_documents_happened(period: Period, names: dict[str, list[int]]) -> None:
    found = Names("p", period).split(Kind.EVENTS, np.array([T0, T0 + 2 * 3_600_000, T0]))
    assert {index: rows.tolist() for index, rows in found.items()} == names
    assert all(Names("p").is_timed(index) for index in found)
    assert not any(Names(other).is_timed(index) for index in found for other in ("p-events", "q"))


def test_an_event_is_kept_as_it_was_on_the_wire() -> None:
    event = DeliveryEvent("d", "run", "r", "c", "x", "car", "rejected", 3, T0, positions=0, reason='no "road" here')
    assert read(event_lines(event)) == [{"create": {"_id": "d:3"}}, json.loads(event.to_json())]


LIFE = [
    DeliveryEvent("d", "run", "r", "c", "x", "car", "started", 0, T0, route_length=1000.0, planned_arrival=T0 + 60_000),
    DeliveryEvent("d", "run", "r", "c", "x", "car", "stopped", 1, T0 + 1),
    DeliveryEvent("d", "run", "r", "c", "x", "car", "resumed", 2, T0 + 2, planned_arrival=T0 + 90_000),
    DeliveryEvent("d", "run", "r", "c", "x", "car", "delivered", 3, T0 + 3, distance=999.5, positions=4),
]


def test_a_deliverys_document_is_the_same_in_whatever_order_its_events_come() -> None:
    assert delivery_parts(LIFE) == delivery_parts(LIFE[::-1])
    [update, part] = read(delivery_lines("d", delivery_parts(LIFE)["d"]))
    assert update == {"update": {"_id": "d", "retry_on_conflict": 5}}
    assert part == {
        "doc": {
            "deliveryId": "d",
            "runId": "run",
            "routeId": "r",
            "clientId": "c",
            "driverId": "x",
            "vehicle": "car",
            "startedAt": T0,
            "plannedArrival": T0 + 60_000,
            "routeLength": 1000.0,
            "endedAt": T0 + 3,
            "outcome": "delivered",
            "positions": 4,
            "distance": 999.5,
        },
        "doc_as_upsert": True,
    }
