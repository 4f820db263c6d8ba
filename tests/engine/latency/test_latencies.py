"""The filled buckets of a histogram say all that the histogram says."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.latency.histogram import HIGHEST_US, Histogram
from engine.latency.latencies import Latencies

values_us = st.lists(st.integers(0, HIGHEST_US), max_size=50)


def of(values: list[int], times: int = 1) -> Histogram:
    histogram = Histogram()
    histogram.add(values, np.full(len(values), times))
    return histogram


@given(values_us, values_us)
def test_they_give_back_the_histogram_and_add_up(first: list[int], second: list[int]) -> None:
    parts = [Latencies.of(of(first)), Latencies.of(of(second))]
    assert parts[0].histogram() == of(first)
    assert parts[0].total == len(first)
    assert Latencies.merged(parts) == of(first + second)
    assert pickle.loads(pickle.dumps(parts)) == parts


def test_counts_of_a_long_run_do_not_overflow() -> None:
    many = of([1_000], times=5_000_000_000)
    assert Latencies.of(of([1_000])).counts.dtype == np.uint32
    assert Latencies.of(many).histogram() == many
    assert Latencies.merged([Latencies.of(many), Latencies.of(many)]).total == 10_000_000_000


def test_they_are_small() -> None:
    assert len(pickle.dumps(Latencies.of(of(list(range(100)))))) < 2_000
    assert len(pickle.dumps(of([1]).counts)) > 100_000


def test_a_percentile_in_ms_is_that_in_us() -> None:
    assert of([1_500, 700_000]).percentile_ms(50) == 1.5
    assert of([1_500, 700_000]).percentile_ms(100) == pytest.approx(700.0, rel=0.001)
    assert Histogram().percentile_ms(99) is None
