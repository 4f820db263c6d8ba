"""The matrix reads what JSON reads, never anything else: records right, damaged or nearly right."""

from __future__ import annotations

import json
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.codec import Decoded, PositionBatch, PositionEncoder, Positions, decode_buffer, decode_positions
from engine.codec.decoder import MIN_ROWS
from engine.codec.layout import probe
from engine.codec.record import decode_record
from engine.codec.rows import RowReader
from engine.errors import MessageError

WHOLE_NUMBERS = ("lat_e7", "lng_e7", "speed_cmps", "bearing_ddeg", "distance_dm")


def valid_records(n: int, seed: int = 1) -> list[bytes]:
    rng = np.random.default_rng(seed)
    encoder = PositionEncoder()
    rows = encoder.add_rows(
        [f"{i % 7}" for i in range(n)],
        [f"c-{i}" for i in range(n)],
        [f"d-{10**7 + i}" for i in range(n)],
        [f"v{i}" for i in range(n)],
        "run-1",
    )
    return encoder.encode(
        rows,
        Positions(
            rng.uniform(-90, 90, n) * rng.choice([1, 0.1, 1e-6], n),
            rng.uniform(-180, 180, n) * rng.choice([1, 0.1, 1e-6], n),
            rng.random(n) < 0.2,
            rng.integers(0, 10 ** rng.integers(1, 9, n)),
            rng.integers(0, 10 ** rng.integers(1, 14, n)),
            rng.uniform(0, 99.99, n),
            rng.uniform(0, 360, n),
            rng.uniform(0, 10.0 ** rng.integers(0, 7, n)),
        ),
    )


def assert_read_alike(values: list[bytes]) -> None:
    """Read values as a batch and one by one as JSON: positions, rows and reasons are the same."""
    assert_decoded_alike(decode_positions(values), values)


def assert_decoded_alike(decoded: Decoded, values: list[bytes]) -> None:
    records, rows, rejected = [], [], []
    for index, value in enumerate(values):
        try:
            records.append(decode_record(value))
            rows.append(index)
        except MessageError as error:
            rejected.append((index, str(error)))
    assert decoded.rejected == rejected
    assert decoded.rows.tolist() == rows
    expected = PositionBatch.of(records)
    for name in PositionBatch.COLUMNS:
        found = getattr(decoded.batch, name)
        np.testing.assert_array_equal(found, getattr(expected, name), err_msg=name)
        if found.dtype.kind == "f":
            np.testing.assert_array_equal(np.signbit(found), np.signbit(getattr(expected, name)), err_msg=name)


def test_valid_records_take_the_matrix_path() -> None:
    values = valid_records(5000)
    layout = probe(values[0])
    assert layout is not None
    same = [value for value in values if probe(value) is layout]
    matrix = np.frombuffer(b"".join(same), np.uint8).reshape(len(same), layout.width)
    assert RowReader(layout, len(same)).read(lambda rows: matrix[rows]).good.all()
    assert len(same) > 2000
    assert_read_alike(values)


@settings(max_examples=300)
@given(
    st.integers(0, 2**32),
    st.lists(st.tuples(st.integers(0, 63), st.integers(0, 10_000), st.integers(0, 255)), max_size=80),
)
def test_records_with_changed_bytes(seed: int, changes: list[tuple[int, int, int]]) -> None:
    values = [bytearray(value) for value in valid_records(64, seed)]
    for row, place, byte in changes:
        values[row][place % len(values[row])] = byte
    assert_read_alike([bytes(value) for value in values])


LIKELY = b'"\\ -+.,:;0123456789eE{}[]/_@`az\x00\x7f\x80\xff'


@pytest.mark.parametrize("byte", LIKELY)
def test_every_place_of_a_record_with_every_likely_byte(byte: int) -> None:
    value = valid_records(MIN_ROWS)[3]
    assert_read_alike([value[:place] + bytes([byte]) + value[place + 1 :] for place in range(len(value))])


@settings(max_examples=200)
@given(
    st.integers(0, 2**32),
    st.lists(st.tuples(st.integers(0, 31), st.integers(0, 10_000), st.integers(0, 10_000)), max_size=40),
)
def test_records_with_swapped_bytes(seed: int, swaps: list[tuple[int, int, int]]) -> None:
    values = [bytearray(value) for value in valid_records(32, seed)]
    for row, one, other in swaps:
        value = values[row]
        one, other = one % len(value), other % len(value)
        value[one], value[other] = value[other], value[one]
    assert_read_alike([bytes(value) for value in values])


NEAR_MISSES = [
    (b'"seq":       5', b'"seq":00000005'),
    (b'"seq":       5', b'"seq":      05'),
    (b'"seq":       5', b'"seq":5       '),
    (b'"seq":       5', b'"seq":      -5'),
    (b'"seq":       5', b'"seq":     5.0'),
    (b'"seq":       5', b'"seq":     5e0'),
    (b'"seq":       5', b'"seq":   1   5'),
    (b'"seq":       5', b'"seq":        '),
    (b'"seq":       5', b'"seq":\t\n\r    5'),
    (b"[-15.5000000", b"[- 5.5000000"),
    (b"[-15.5000000", b"[-05.5000000"),
    (b"[-15.5000000", b"[+15.5000000"),
    (b"[-15.5000000", b"[-15,5000000"),
    (b"[-15.5000000", b"[-95.5000000"),
    (b"[-15.5000000", b"[ -0.0000000"),
    (b"[-15.5000000", b"[  0.0000000"),
    (b"[-15.5000000", b"[ -0.0000001"),
    (b"[-15.5000000", b"[ 90.0000000"),
    (b"[-15.5000000", b"[ 90.0000001"),
    (b"[-15.5000000", b"[  1.5e00001"),
    (b"[-15.5000000", b"[  1550000.0"),
    (b"-100.2500000]", b"-180.0000001]"),
    (b"-100.2500000]", b"-180.0000000]"),
    (b"-100.2500000]", b"1-00.2500000]"),
    (b"-100.2500000]", b"  -0.2500000]"),
    (b"-100.2500000]", b"  -0.0000000]"),
    (b'"finished":false', b'"finished":true '),
    (b'"finished":false', b'"finished": true'),
    (b'"finished":false', b'"finished":trues'),
    (b'"finished":false', b'"finished":fals '),
    (b'"finished":false', b'"finished":null '),
    (b'"bearing":359.9', b'"bearing":360.0'),
    (b'"bearing":359.9', b'"bearing":360.1'),
    (b'"bearing":359.9', b'"bearing":059.9'),
    (b'"speed":12.34', b'"speed":99.99'),
    (b'"speed":12.34', b'"speed":1.234'),
    (b'"deliveryId":"d"       ', b'"deliveryId":  "d"     '),
    (b'"deliveryId":"d"       ', b'"deliveryId":"d    "   '),
    (b'"deliveryId":"d"       ', b'"deliveryId":"d\\u0041" '),
    (b'"deliveryId":"d"       ', b'"deliveryId":"d"      \t'),
    (b'"deliveryId":"d"       ', b'"deliveryId":""        '),
    (b'"deliveryId":"d"       ', b'"deliveryId":"d" "d"   '),
    (b'"deliveryId":"d"       ', b'"deliveryId":"abcdefgh"'),
    (b'"deliveryId":"d"       ', b'"deliveryId":"abcdefghi'),
    (b'"deliveryId":"d"       ', b'"deliveryId":null      '),
    (b'"deliveryId":"d"       ', b'"deliveryId":"d/"      '),
    (b'"deliveryId":"d"       ', b'"deliveryID":"d"       '),
    (b'"driverId":"v-234567-9"      ', b'"driverId":"v-23456"9"      '),
    (b'"driverId":"v-234567-9"      ', b'"driverId":"v-23456" "      '),
    (b'"driverId":"v-234567-9"      ', b'"driverId":"v-23456"        '),
    (b'"driverId":"v-234567-9"      ', b'"driverId":"v-234567"       '),
    (b'"driverId":"v-234567-9"      ', b'"driverId":"v-2 4567-9"     '),
    (b'"runId"', b'"runid"'),
    (b'"clientId"', b'"routeId" '),
    (b"}", b","),
    (b'{"', b' "'),
]


@pytest.mark.parametrize(("right", "nearly"), NEAR_MISSES)
def test_hand_made_near_misses(right: bytes, nearly: bytes) -> None:
    encoder = PositionEncoder()
    rows = np.repeat(encoder.add_rows(["1"], ["c"], ["d"], ["v-234567-9"], "r"), MIN_ROWS)
    n = len(rows)
    (value, *others) = encoder.encode(
        rows,
        Positions(
            np.full(n, -15.5),
            np.full(n, -100.25),
            np.zeros(n, bool),
            np.full(n, 5),
            np.full(n, 1_700_000_000_000),
            np.full(n, 12.34),
            np.full(n, 359.9),
            np.full(n, 1.5),
        ),
    )
    assert right in value
    near = value.replace(right, nearly.ljust(len(right)), 1)
    assert len(near) == len(value)
    assert_read_alike([*others, near])
    assert_read_alike([near] * MIN_ROWS + others)


def test_records_of_many_layouts_and_ways_of_writing_come_back_in_order() -> None:
    encoder = PositionEncoder()
    ids = [("r" * (1 + i % 20), "c" * (1 + i % 9), f"d-{i}", "v" * (1 + i % 33), "run") for i in range(600)]
    rows = encoder.add_rows(*(list(column) for column in zip(*ids, strict=True)))
    n = len(rows)
    values = encoder.encode(
        rows,
        Positions(
            np.full(n, 1.0),
            np.full(n, 2.0),
            np.zeros(n, bool),
            np.arange(n),
            np.full(n, 5),
            np.full(n, 6.0),
            np.full(n, 7.0),
            np.full(n, 8.0),
        ),
    )
    values[100] = b"alien"
    values[200] = values[200].replace(b" ", b"")
    values[300] = b"x" * len(values[300])
    assert_read_alike(values)


def test_a_buffer_with_offsets_is_read_as_its_records_are() -> None:
    values = [*valid_records(300), b"alien", b"", b"x" * 288]
    gaps = [b"", b"-", b"another record's key"]
    pieces = [piece for i, value in enumerate(values) for piece in (gaps[i % 3], value)]
    ends = np.cumsum([len(piece) for piece in pieces])
    lengths = np.array([len(value) for value in values])
    for buffer in (b"".join(pieces), np.frombuffer(b"".join(pieces), np.uint8)):
        assert_decoded_alike(decode_buffer(buffer, ends[1::2] - lengths, lengths), values)


def test_columns_are_the_same_in_whatever_order_they_are_asked_for() -> None:
    values = valid_records(200)
    values[50] = values[50].replace(b" ", b"")
    values[51] = values[51].replace(b'"speed":', b'"speed":1.0001,"x":')
    whole = decode_positions(values).batch
    rows = np.array([3, 50, 51, 199, 0])
    expected = PositionBatch.of([decode_record(values[row]) for row in rows.tolist()])
    names = [*PositionBatch.COLUMNS, *WHOLE_NUMBERS, "exact"]
    for order in (names, names[::-1]):
        parts = decode_positions(values).batch
        apart = PositionBatch.concat([parts.take(slice(0, 60)), parts.take(slice(60, None)).take(np.arange(140))])
        for batch in (whole.take(rows), apart.take(rows)):
            for name in order:
                np.testing.assert_array_equal(getattr(batch, name), getattr(expected, name), err_msg=name)


def test_whole_numbers_are_those_of_the_record() -> None:
    values = valid_records(300)
    values[7] = values[7].replace(b" ", b"")
    values[8] = values[8].replace(b'"distance":', b'"distance":1.23,"x":')
    batch = decode_positions(values).batch
    assert np.flatnonzero(~batch.exact).tolist() == [8]
    for row in np.flatnonzero(batch.exact).tolist():
        record = json.loads(values[row], parse_float=Decimal)
        lat, lng = record["position"]
        numbers = [lat * 10**7, lng * 10**7, record["speed"] * 100, record["bearing"] * 10, record["distance"] * 10]
        assert [getattr(batch, name)[row] for name in WHOLE_NUMBERS] == numbers


def test_replaced_floats_change_the_whole_numbers() -> None:
    batch = decode_positions(valid_records(40)).batch
    assert batch.exact.all()
    changed = batch.with_columns(lat_deg=np.where(np.arange(40) == 3, 1 / 3, 2.5), seq=np.zeros(40, np.int64))
    assert np.flatnonzero(~changed.exact).tolist() == [3]
    assert changed.lat_e7[0] == 25_000_000
    assert changed.seq.tolist() == [0] * 40
    np.testing.assert_array_equal(changed.lng_e7, batch.lng_e7)
