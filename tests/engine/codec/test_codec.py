"""The columnar codec writes JSON and reads it back exactly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.codec import (
    BOUNDS,
    MAX_RECORD_BYTES,
    EncodedRecords,
    KeyField,
    PositionBatch,
    PositionEncoder,
    Positions,
    decode_positions,
)
from engine.codec.decoder import MIN_ROWS
from engine.codec.partition_hash import murmur2
from engine.codec.record import decode_record
from engine.errors import MessageError

GOLDEN = Path(__file__).parents[2] / "golden" / "messages" / "route.new-position.jsonl"

IDS = st.text("abcXYZ019._:-", min_size=1, max_size=96)


def encoder_of(*ids: tuple[str, str, str, str, str]) -> tuple[PositionEncoder, np.ndarray]:
    encoder = PositionEncoder()
    return encoder, encoder.add_rows(*(list(column) for column in zip(*ids, strict=True)))


def columns(n: int, **given: Any) -> dict[str, np.ndarray]:
    usual = {
        "lat_deg": -15.82594,
        "lng_deg": -47.92923,
        "finished": False,
        "seq": 7,
        "event_time_ms": 1_700_000_000_250,
        "speed_mps": 12.5,
        "bearing_deg": 271.3,
        "distance_m": 88.5,
    }
    return {name: np.resize(np.asarray(given.get(name, value)), n) for name, value in usual.items()}


IDS_1 = ("1", "client-1", "live-0-1", "car-1", "live")


def one(**given: Any) -> bytes:
    encoder, rows = encoder_of(IDS_1)
    return encoder.encode(rows, Positions(**columns(1, **given)))[0]


def test_records_are_the_golden_ones() -> None:
    encoder, rows = encoder_of(
        IDS_1,
        ("liechtenstein-0042", "c", "run.7:car-00001-12", "car-00001", "run.7"),
        ("r", "x" * 96, "y" * 8, "z" * 9, "w" * 16),
    )
    values = encoder.encode(
        rows,
        Positions(
            np.array([-15.82594, 47.1410303, -1e-9]),
            np.array([-47.92923, 9.5209277, 180.0]),
            np.array([False, True, False]),
            np.array([0, 10_000, 99_999_999]),
            np.array([1_700_000_000_000, 10_000, 0]),
            np.array([0.0, 13.888, 99.99]),
            np.array([359.96, 0.04, 90.0]),
            np.array([0.0, 10_000.05, 9_999_999.9]),
        ),
    )
    assert b"\n".join(values) + b"\n" == GOLDEN.read_bytes()


def test_the_ancestors_four_fields_come_first_and_position_is_lat_lng() -> None:
    record = json.loads(one())
    assert list(record)[:4] == ["routeId", "clientId", "position", "finished"]
    assert record["position"] == [-15.82594, -47.92923]


@given(
    st.lists(
        st.tuples(
            st.tuples(IDS, IDS, IDS, IDS, IDS),
            st.floats(*BOUNDS["lat"]),
            st.floats(*BOUNDS["lng"]),
            st.booleans(),
            st.integers(0, 99_999_999),
            st.integers(0, 9_999_999_999_999),
            st.floats(*BOUNDS["speed"]),
            st.floats(*BOUNDS["bearing"]),
            st.floats(*BOUNDS["distance"]),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_any_value_within_bounds_is_read_by_json_and_by_the_matrix_as_it_was_rounded(records: list[Any]) -> None:
    encoder, rows = encoder_of(*(record[0] for record in records))
    repeated = np.resize(rows, len(rows) * MIN_ROWS)
    arrays = [np.array(column) for column in list(zip(*records, strict=True))[1:]]
    values = encoder.encode(repeated, Positions(*(np.resize(array, len(repeated)) for array in arrays)))

    decoded = decode_positions(values)
    assert decoded.rejected == []
    assert decoded.rows.tolist() == list(range(len(values)))
    assert_same(decoded.batch, PositionBatch.of([decode_record(value) for value in values]))
    for value, (ids, lat, lng, finished, seq, time, speed, bearing, distance) in zip(values, records, strict=False):
        record = json.loads(value)
        assert [record[name] for name in ("routeId", "clientId", "deliveryId", "driverId", "runId")] == list(ids)
        assert [record["finished"], record["seq"], record["eventTime"]] == [finished, seq, time]
        assert record["position"] == [round_half_even(lat, 10**7), round_half_even(lng, 10**7)]
        assert record["speed"] == round_half_even(speed, 100)
        assert record["bearing"] == round_half_even(bearing, 10) % 360
        assert record["distance"] == round_half_even(distance, 10)
        assert b"-0.0000000" not in value


def round_half_even(value: float, unit: int) -> float:
    return round(value * unit) / unit


def test_a_record_does_not_depend_on_the_batch_it_is_in() -> None:
    encoder, rows = encoder_of(IDS_1, ("a" * 20, "b", "c", "d", "e"), ("2", "client-2", "live-0-2", "car-2", "live"))
    together = encoder.encode(rows, Positions(**columns(3)))
    assert together == [encoder.encode(rows[[i]], Positions(**columns(1)))[0] for i in range(3)]
    matrices = encoder.encode_matrix(rows, Positions(**columns(3)))
    assert {int(i): value for m in matrices for i, value in zip(m.index, m.values(), strict=True)} == dict(
        enumerate(together)
    )
    assert EncodedRecords(matrices).values() == together


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("delivery", [b"live-0-1", b"c", b"live-0-2"]),
        ("driver", [b"car-1", b"d", b"car-2"]),
        ("route", [b"1", b"a" * 20, b"2"]),
        ("run", [b"live", b"e", b"live"]),
    ],
)
def test_any_id_of_a_record_can_be_its_key(key: KeyField, expected: list[bytes]) -> None:
    ids = [IDS_1, ("a" * 20, "b", "c", "d", "e"), ("2", "client-2", "live-0-2", "car-2", "live")]
    encoder = PositionEncoder(key)
    rows = encoder.add_rows(*(list(column) for column in zip(*ids, strict=True)))
    records = EncodedRecords(encoder.encode_matrix(rows, Positions(**columns(3))))
    assert (len(records), records.keys()) == (3, expected)
    assert {
        int(i): int(hashed) for block in records.blocks for i, hashed in zip(block.index, block.key_hash, strict=True)
    } == dict(enumerate(murmur2(expected).tolist()))
    assert all(
        block.matrix[i, block.key_offset :].tobytes().startswith(key)
        for block in records.blocks
        for i, key in enumerate(block.keys())
    )


def test_rows_given_back_are_used_again() -> None:
    encoder, rows = encoder_of(IDS_1, ("2", "client-2", "live-0-2", "car-2", "live"))
    encoder.remove_rows(rows[:1])
    (again,) = encoder.add_rows(["9"], ["client-9"], ["live-0-9"], ["car-9"], "live")
    assert again == rows[0]
    first, second = (json.loads(v) for v in encoder.encode(rows, Positions(**columns(2))))
    assert [first["deliveryId"], second["deliveryId"]] == ["live-0-9", "live-0-2"]


def test_no_rows_make_no_records() -> None:
    encoder, rows = encoder_of(IDS_1)
    assert encoder.encode(rows[:0], Positions(**columns(0))) == []
    assert encoder.encode_matrix(rows[:0], Positions(**columns(0))) == []
    assert len(decode_positions([]).batch) == 0
    assert len(PositionBatch.concat([])) == 0


@pytest.mark.parametrize(
    ("field", "value", "found"),
    [
        ("lat_deg", float("nan"), "lat must be from -90 to 90, found nan"),
        ("lat_deg", 90.0001, "lat must be from -90 to 90, found 90.0001"),
        ("lng_deg", -180.5, "lng must be from -180 to 180, found -180.5"),
        ("lng_deg", float("inf"), "lng must be from -180 to 180, found inf"),
        ("seq", 100_000_000, "seq must be from 0 to 99999999, found 100000000"),
        ("seq", -1, "seq must be from 0 to 99999999, found -1"),
        ("event_time_ms", 10_000_000_000_000, "eventTime must be from 0 to 9999999999999, found 10000000000000"),
        ("speed_mps", 100.0, "speed must be from 0 to 99.99, found 100.0"),
        ("speed_mps", -0.1, "speed must be from 0 to 99.99, found -0.1"),
        ("bearing_deg", 360.1, "bearing must be from 0 to 360, found 360.1"),
        ("distance_m", 1e7, "distance must be from 0 to 9999999.9, found 10000000.0"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_delivery(field: str, value: float, found: str) -> None:
    encoder, rows = encoder_of(("2", "c", "fine", "d", "r"), IDS_1)
    arrays = columns(2)
    arrays[field] = np.array([arrays[field][0], value])
    with pytest.raises(MessageError) as refused:
        encoder.encode(rows, Positions(**arrays))
    assert str(refused.value) == f"delivery live-0-1: {found}"


def test_columns_of_another_length_are_refused() -> None:
    encoder, rows = encoder_of(IDS_1)
    with pytest.raises(MessageError, match="seq: 2 values for 1 records"):
        encoder.encode(rows, Positions(**(columns(1) | {"seq": np.array([1, 2])})))
    with pytest.raises(MessageError, match="clientId: 0 ids for 1 deliveries"):
        encoder.add_rows(["1"], [], ["d"], ["v"], "r")


@pytest.mark.parametrize("bad", ["", "a" * 97, 'quo"te', "blank ", "new\nline", "é", "a/b"])
def test_an_id_that_needs_escaping_is_refused(bad: str) -> None:
    with pytest.raises(MessageError, match="deliveryId must be 1 to 96 characters"):
        encoder_of(("1", "c", bad, "d", "r"))


def test_the_ancestors_record_is_read_and_its_seq_is_unknown() -> None:
    decoded = decode_positions([b'{"routeId":"1","clientId":"abc","position":[-15.82594,-47.92923],"finished":true}'])
    assert decoded.rejected == []
    assert [getattr(decoded.batch, name).tolist() for name in PositionBatch.COLUMNS] == [
        [b"1"],
        [b"abc"],
        [b"1:abc"],
        [b"1:abc"],
        [b"external"],
        [-15.82594],
        [-47.92923],
        [True],
        [-1],
        [-1],
        [0.0],
        [0.0],
        [0.0],
    ]


def changed(**fields: Any) -> bytes:
    record = json.loads(one()) | fields
    return json.dumps({name: value for name, value in record.items() if value is not ...}).encode()


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"null", "expected a JSON object, found None"),
        (b"[" * 10_000, "not JSON"),
        (b" " * (MAX_RECORD_BYTES + 1), "record of 16385 bytes is larger than 16384"),
        (changed(position=[91, 0]), "lat must be a number from -90 to 90, found 91"),
        (changed(position=[0, 10**400]), "lng must be a number from -180 to 180, found 1000"),
        (changed(position=[0]), "position must be [lat, lng], found [0]"),
        (changed(position={"lat": 1, "lng": 2}), "position must be [lat, lng], found {"),
        (changed(position=[True, 0]), "lat must be a number from -90 to 90, found True"),
        (changed(finished=0), "finished must be true or false, found 0"),
        (changed(seq=1.5), "seq must be a whole number from 0 to 99999999, found 1.5"),
        (changed(seq=True), "seq must be a whole number from 0 to 99999999, found True"),
        (changed(speed="fast"), "speed must be a number from 0 to 99.99, found 'fast'"),
        (changed(speed=...), "speed must be a number from 0 to 99.99, found None"),
        (changed(routeId=12), 'routeId must be 1 to 96 characters of "A-Z a-z 0-9 . _ : -", found 12'),
        (changed(deliveryId="a b"), "deliveryId must be 1 to 96 characters"),
        (one().replace(b"-15.8259400", b"        NaN"), "not JSON: NaN is no JSON number"),
    ],
)
def test_what_cannot_be_read_is_listed_with_its_reason_and_the_rest_goes_on(value: bytes, reason: str) -> None:
    decoded = decode_positions([one(), value, one()])
    assert decoded.rows.tolist() == [0, 2]
    ((index, found),) = decoded.rejected
    assert index == 1
    assert found.startswith(reason)


def test_unknown_fields_are_ignored() -> None:
    assert_same(decode_positions([changed(battery=0.5)]).batch, decode_positions([one()]).batch)


def test_batches_are_taken_apart_and_joined() -> None:
    encoder, rows = encoder_of(*((f"{i}", "c", f"d-{i}" * (1 + i % 5), "v", "r") for i in range(40)))
    whole = decode_positions(encoder.encode(rows, Positions(**columns(40, seq=np.arange(40))))).batch
    even = np.arange(40) % 2 == 0
    both = PositionBatch.concat([whole.take(even), whole.take(np.flatnonzero(~even))])
    assert_same(both.take(np.argsort(both.seq)), whole)


def assert_same(found: PositionBatch, expected: PositionBatch) -> None:
    for name in PositionBatch.COLUMNS:
        a, b = getattr(found, name), getattr(expected, name)
        assert a.dtype.kind == b.dtype.kind, name
        np.testing.assert_array_equal(a, b, err_msg=name)


def test_positions_are_valid_or_say_which_row_is_not() -> None:
    Positions(**columns(3)).validate()
    Positions(**columns(0)).validate()
    with pytest.raises(MessageError, match=r"^row 1: speed must be from 0 to 99.99, found nan$"):
        Positions(**(columns(2) | {"speed_mps": np.array([1.0, np.nan])})).validate()
    with pytest.raises(MessageError, match=r"^finished: 2 values for 1 records$"):
        Positions(**(columns(1) | {"finished": np.zeros(2, np.bool_)})).validate()


def test_where_drivers_are_becomes_a_sample_without_a_copy() -> None:
    there = Positions(**columns(2))
    drivers = Positions.of_drivers(
        there.lat_deg, there.lng_deg, there.finished, there.speed_mps, there.bearing_deg, there.distance_m
    )
    assert drivers.seq.tolist() == drivers.event_time_ms.tolist() == [-1, -1]
    sample = drivers.sampled(there.seq, there.event_time_ms)
    for name in columns(1):
        assert getattr(sample, name) is getattr(there, name)
