"""Our polylines are everybody's polylines."""

from __future__ import annotations

import numpy as np
import polyline
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.earth.polylines import decode_polyline, encode_polyline
from engine.errors import MessageError

POINTS = st.lists(st.tuples(st.floats(-90, 90), st.floats(-180, 180)), max_size=20)


@given(POINTS, st.sampled_from([5, 6]))
def test_the_numbers_survive_as_multiples_of_the_grid(points: list[tuple[float, float]], precision: int) -> None:
    given_points = np.array(points).reshape(-1, 2)
    back = decode_polyline(encode_polyline(given_points[:, 0], given_points[:, 1], precision), precision, "test")
    assert back.tolist() == (np.rint(given_points * 10**precision) / 10**precision + 0.0).tolist()


@given(
    st.lists(
        st.tuples(st.integers(-9_000_000, 9_000_000), st.integers(-18_000_000, 18_000_000)), min_size=1, max_size=20
    )
)
def test_the_text_is_the_one_that_others_write_and_read(units: list[tuple[int, int]]) -> None:
    points = np.array(units).reshape(-1, 2) / 1e5
    text = polyline.encode(points.tolist(), 5)
    assert encode_polyline(points[:, 0], points[:, 1], 5) == text
    assert decode_polyline(text, 5, "test").tolist() == points.tolist()


def test_googles_example_is_read() -> None:
    assert decode_polyline("_p~iF~ps|U_ulLnnqC_mqNvxq`@", 5, "test").tolist() == [
        [38.5, -120.2],
        [40.7, -120.95],
        [43.252, -126.453],
    ]


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        points = decode_polyline(text, 6, "place")
    except MessageError as error:
        assert str(error).startswith("place: ")  # noqa: PT017 - either outcome is right
    else:
        assert points.shape[1] == 2


@pytest.mark.parametrize("text", ["\ud800", "é", "a b", "\x00"])
def test_a_character_of_no_polyline_is_named(text: str) -> None:
    with pytest.raises(MessageError, match=r"character \d must be from"):
        decode_polyline(text, 5, "place")
