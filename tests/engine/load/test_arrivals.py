"""Arrivals by value and by law, and as deliveries of a scenario."""

from __future__ import annotations

from itertools import islice, takewhile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from engine.delivery.spec import DeliverySpec
from engine.demand.demand import PlanDurations, deliveries
from engine.errors import ScenarioError
from engine.load import Intensity, arrival_times
from engine.roads.route import Route, RouteTable
from engine.scenario.scenario import Scenario

START_MS = 1_700_000_000_000
TABLE = RouteTable.from_routes(
    [
        Route.from_points(f"{name}-{i}", "", [47.0, 47.001 + i / 1000], [9.5, 9.5])
        for i in range(3)
        for name in ("north", "south")
    ]
)


def times(intensity: Intensity, seed: int, until_s: float, *, random: bool = True) -> np.ndarray:
    return np.array(list(takewhile(lambda t: t < until_s, arrival_times(intensity, seed, random=random))))


def demand(text: str, count: int | None = None) -> list[DeliverySpec]:
    scenario = Scenario.from_toml("[routes]\nancestor = true\n" + text, "arrivals.toml")
    return list(islice(deliveries(scenario, TABLE, PlanDurations(TABLE), run_id="run", start_ms=START_MS), count))


def test_a_constant_process_comes_at_equal_distances() -> None:
    assert list(islice(arrival_times(Intensity(4.0), 1, random=False), 5)) == pytest.approx(
        [0.125, 0.375, 0.625, 0.875, 1.125]
    )
    assert len(times(Intensity(4.0), 1, 100.0, random=False)) == 400


def test_poisson_counts_have_mean_and_variance_of_the_law() -> None:
    counts = np.histogram(times(Intensity(5.0), 7, 4000.0), bins=2000, range=(0, 4000))[0]
    assert counts.mean() == pytest.approx(10.0, abs=4 * (10 / 2000) ** 0.5)
    assert counts.var() == pytest.approx(10.0, rel=0.13)  # 4 standard deviations of a sample variance
    assert stats.chisquare(*_binned(counts, 10.0)).pvalue > 1e-4


def _binned(counts: np.ndarray, mean: float) -> tuple[np.ndarray, np.ndarray]:
    edges = np.arange(4, 18)
    observed = np.histogram(np.clip(counts, 3, 17), bins=np.arange(3, 19))[0]
    below = stats.poisson.cdf(edges - 1, mean)
    share = np.diff(np.concatenate(([0.0], below, [1.0])))
    return observed, share * len(counts)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_poisson_gaps_are_exponential_and_independent(seed: int) -> None:
    gaps = np.diff(times(Intensity(3.0), seed, 2000.0))
    assert stats.kstest(gaps, stats.expon(scale=1 / 3).cdf).pvalue > 1e-3
    assert abs(np.corrcoef(gaps[:-1], gaps[1:])[0, 1]) < 4 / len(gaps) ** 0.5


def test_a_histogram_gives_each_part_of_the_day_its_share_and_repeats() -> None:
    relative = (1.0, 0.0, 5.0, 2.0)
    found = times(Intensity(0.05, relative), 11, 5 * 86_400.0)
    expected = 0.05 * 5 * 86_400 * np.array(relative) / 8
    observed = np.histogram(found % 86_400, bins=4, range=(0, 86_400))[0]
    assert observed[1] == 0
    assert np.abs(observed - expected)[[0, 2, 3]] == pytest.approx(0, abs=4 * expected.max() ** 0.5)
    assert stats.chisquare(observed[[0, 2, 3]], expected[[0, 2, 3]] / expected.sum() * observed.sum()).pvalue > 1e-4
    within = found[(found % 86_400 >= 43_200) & (found % 86_400 < 64_800)] % 86_400
    assert stats.kstest(within, stats.uniform(43_200, 21_600).cdf).pvalue > 1e-3


def test_the_time_of_day_at_the_beginning_shifts_the_histogram() -> None:
    intensity = Intensity(1.0, [0.0] * 8 + [24.0] + [0.0] * 15, from_s=7.5 * 3600)
    assert intensity.at(0.0) == 0.0
    assert intensity.at(1800.0) == 24.0
    assert intensity.expected(5400.0) == pytest.approx(24.0 * 3600)
    found = times(intensity, 1, 86_400.0)
    assert 1800.0 <= found.min() < 1810.0
    assert 5390.0 < found.max() <= 5400.0


@given(
    st.lists(st.floats(0, 10).map(lambda x: round(x, 2)), min_size=1, max_size=24).filter(any),
    st.floats(0.001, 100),
    st.floats(0, 86_400),
    st.floats(0, 1e6),
)
def test_the_instant_of_an_expectation_is_its_inverse(
    relative: list[float], mean: float, from_s: float, expected: float
) -> None:
    intensity = Intensity(mean, relative, from_s)
    instant = intensity.instant(expected)
    assert instant > -1e-3
    assert intensity.expected(instant) == pytest.approx(expected, rel=1e-6, abs=1e-6 * (1 + mean * 86_400))
    assert intensity.expected(instant + 86_400) - intensity.expected(instant) == pytest.approx(mean * 86_400, rel=1e-6)


def test_arrivals_are_deliveries_by_drivers_of_their_own_in_order_and_the_same_however_far_they_are_read() -> None:
    text = "duration_s = 200\n[arrivals]\nprocess = 'poisson'\nper_second = 5.0\n[fleet]\nsize = 3\n[deliveries]\nstart_spread_s = 100"  # noqa: E501
    specs = demand_at(text)
    assert specs[:100] == demand_at(text, 100)
    assert [spec.depart_ms for spec in specs] == sorted(spec.depart_ms for spec in specs)
    arrivals = sorted(
        (spec for spec in specs if spec.driver_id.startswith("arrival-")),
        key=lambda spec: int(spec.delivery_id.removeprefix("run-a")),
    )
    expected = times(Intensity(5.0), 1, 200.0)
    assert [spec.delivery_id for spec in arrivals][:900] == [f"run-a{k}" for k in range(900)]
    late_ms = np.array([spec.depart_ms for spec in arrivals[:900]]) - START_MS - np.floor(expected[:900] * 1000)
    assert (late_ms.min() >= 0, late_ms.max() < 1000) == (True, True)
    assert stats.kstest(late_ms, stats.uniform(0, 1000).cdf).pvalue > 1e-3
    assert {spec.until_ms for spec in arrivals} == {None}
    assert {spec.driver_id for spec in specs} - {spec.driver_id for spec in arrivals} == {
        "courier-0",
        "courier-1",
        "courier-2",
    }
    assert max(spec.depart_ms for spec in specs) < START_MS + 200_000


def demand_at(text: str, count: int | None = None) -> list[DeliverySpec]:
    head, _, rest = text.partition("\n")
    scenario = Scenario.from_toml(f"{head}\n[routes]\nancestor = true\n{rest}", "arrivals.toml")
    return list(islice(deliveries(scenario, TABLE, PlanDurations(TABLE), run_id="run", start_ms=START_MS), count))


def test_routes_are_chosen_by_their_weights() -> None:
    text = "[route_weights]\n'south-2' = 6\n'south-*' = 0\n[fleet]\nsize = 3000\n[deliveries]\nmode = 'once'"
    chosen = [spec.route_id for spec in demand(text)]
    shares = {route: chosen.count(route) / 3000 for route in sorted(set(chosen))}
    assert shares == pytest.approx({"north-0": 1 / 9, "north-1": 1 / 9, "north-2": 1 / 9, "south-2": 6 / 9}, abs=0.03)


@pytest.mark.parametrize(
    ("weights", "fault"),
    [
        ("'east-*' = 1", r"route_weights\.east-\* must fit a route's id, found 6 routes from north-0 on"),
        ("'*' = 0", "route_weights must leave a route with a weight above 0, found none of 6"),
    ],
)
def test_weights_that_choose_nothing_are_refused(weights: str, fault: str) -> None:
    with pytest.raises(ScenarioError, match=fault):
        demand(f"[route_weights]\n{weights}\n[fleet]\nsize = 3")
