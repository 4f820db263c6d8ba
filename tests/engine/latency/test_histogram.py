"""Histograms: merged exactly, and the hdrhistogram package agrees to the last digit."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import InvalidInput
from engine.latency.histogram import DIGITS, HIGHEST_US, LOWEST_US, Histogram

PERCENTILES = (0.0, 1.0, 25.0, 50.0, 90.0, 95.0, 99.0, 99.9, 99.99, 100.0)


def packages_own(values: list[int]) -> HdrHistogram:
    histogram = HdrHistogram(LOWEST_US, HIGHEST_US, DIGITS)
    for value in values:
        assert histogram.record_value(value)
    return histogram


def of(values: list[int]) -> Histogram:
    histogram = Histogram()
    histogram.add(values)
    return histogram


latencies = st.lists(st.one_of(st.integers(0, 5_000), st.integers(0, HIGHEST_US)), min_size=1, max_size=200)


@given(latencies)
def test_the_package_gives_the_same_counts_percentiles_and_encoding(values: list[int]) -> None:
    ours, theirs = of(values), packages_own(values)
    assert [ours.percentile_us(p) for p in PERCENTILES] == [theirs.get_value_at_percentile(p) for p in PERCENTILES]
    assert (ours.total, ours.mean_us) == (theirs.total_count, pytest.approx(theirs.get_mean_value()))
    assert np.array_equal(ours.counts, np.array([theirs.get_count_at_index(i) for i in range(len(ours.counts))]))
    assert HdrHistogram.decode(ours.encode()).get_value_at_percentile(99) == theirs.get_value_at_percentile(99)
    assert np.array_equal(Histogram.decode(theirs.encode().decode()).counts, ours.counts)


@pytest.mark.parametrize("workers", [1, 2, 7, 64])
def test_the_same_samples_over_any_number_of_workers_give_the_same_percentiles(workers: int) -> None:
    values = np.random.default_rng(3).lognormal(10, 2, 50_000)
    parts = [Histogram() for _ in range(workers)]
    for part, share in zip(parts, np.array_split(values, workers), strict=True):
        part.add(share)
    merged = Histogram.merged(Histogram.decode(part.encode()) for part in parts)
    theirs = packages_own([int(value) for value in values])
    assert [merged.percentile_us(p) for p in PERCENTILES] == [theirs.get_value_at_percentile(p) for p in PERCENTILES]
    assert merged.total == 50_000


def test_three_digits_are_kept() -> None:
    for value in (1, 999, 2047, 2048, 123_456, 3_599_999_999):
        found = of([value]).percentile_us(50)
        assert found is not None
        assert value <= found <= value * 1.001


def test_what_lies_outside_is_counted_at_the_edge() -> None:
    outside = of([-5, HIGHEST_US * 2])
    assert (outside.total, outside.percentile_us(0)) == (2, 0)
    assert outside.max_us == of([HIGHEST_US]).max_us


def test_a_window_is_the_difference_of_two_copies() -> None:
    histogram = of([10, 20])
    before = histogram.copy()
    histogram.add([500, 500])
    window = histogram.since(before)
    assert (window.total, window.percentile_us(50)) == (2, 500)
    assert before.total == 2


def test_nothing_has_no_percentile() -> None:
    empty = Histogram()
    assert (empty.percentile_us(99), empty.max_us, empty.mean_us, empty.total) == (None, None, None, 0)
    assert Histogram.decode(empty.encode()).total == 0
    empty.add([])
    assert empty.total == 0


def test_errors_name_what_was_found() -> None:
    with pytest.raises(InvalidInput, match="from 0 to 100, found 101"):
        of([1]).percentile_us(101)
    with pytest.raises(InvalidInput, match=r"not an encoded histogram.*'nonsense'"):
        Histogram.decode("nonsense")
    with pytest.raises(InvalidInput, match="3 digits, found"):
        Histogram.decode(HdrHistogram(1, 1000, 2).encode().decode())


def test_nothing_is_left_for_the_garbage_collector() -> None:
    histogram = Histogram()
    histogram.add([1.0, 2_000.0])
    text = histogram.encode()
    gc.collect()
    gc.disable()
    try:
        for _ in range(50):
            Histogram.decode(text).encode()
        assert gc.collect() < 50
    finally:
        gc.enable()
