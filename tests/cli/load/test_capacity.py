"""The capacity search, against simulated systems with a known limit, and its scenarios."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.load.capacity import (
    Capacity,
    CurveRow,
    Limit,
    Outcome,
    Phase,
    Probe,
    ProbeResult,
    ProbeShape,
    Progress,
    Search,
    capacity_json,
    curve_rows,
    find_capacity,
    greatest_fleet,
    probe_scenario,
)
from engine.errors import InvalidInput
from engine.scenario.memory import BYTES_PER_DRIVER, needed_bytes
from engine.scenario.parts import DeliveryMode
from engine.scenario.scenario import DeliveryPattern, FleetMix, RouteFiles, Scenario, Shape, Stage
from engine.scenario.thresholds import Thresholds

PASSED, FAILED, NO_VERDICT = Outcome.PASSED, Outcome.FAILED, Outcome.NO_VERDICT
PLAIN = Scenario(name="plain", routes=RouteFiles(ancestor=True), fleet=FleetMix(size=100))

System = Callable[[int], Outcome]


def searched(search: Search, system: System) -> Capacity:
    while (drivers := search.next_drivers) is not None:
        search.take(Probe(drivers, system(drivers)))
    return search.result()


def with_limit(limit: float, above: Outcome = FAILED) -> System:
    return lambda drivers: PASSED if drivers <= limit else above


# -- the search
# --------------------------------------------------------------------------------------------------------------------


@given(limit=st.integers(1, 10_000_000), start=st.integers(1, 10_000_000), precision=st.sampled_from([0.01, 0.05, 0.2]))
def test_the_answer_lies_within_the_precision_after_a_bounded_number_of_probes(
    limit: int, start: int, precision: float
) -> None:
    found = searched(Search(start, precision=precision, most_probes=100), with_limit(limit))
    away, cuts = (
        abs(math.log2(limit / start)),
        math.log2(1 / precision) if limit > 1 / precision else math.log2(limit + 1),
    )
    assert len(found.probes) <= away + cuts + 6
    assert found.highest <= limit
    if found.lowest_failed is None:
        assert (found.highest, found.is_bounded_by) == (10_000_000, Limit.CEILING)
    else:
        assert limit < found.lowest_failed <= max(found.highest * (1 + precision), found.highest + 1)
        assert found.is_bounded_by is Limit.THRESHOLDS
    assert found.is_confirmed
    assert (found.noisy, found.violations) == ((), ())


@given(limit=st.integers(100, 1_000_000), start=st.integers(1, 1_000_000), seed=st.integers(0, 2**32))
def test_noise_near_the_limit_moves_the_answer_no_further_than_the_noise_reaches(
    limit: int, start: int, seed: int
) -> None:
    chance = random.Random(seed)

    def system(drivers: int) -> Outcome:
        within = abs(drivers - limit) <= 0.1 * limit
        return chance.choice([PASSED, FAILED]) if within else with_limit(limit)(drivers)

    found = searched(Search(start, most_probes=100), system)
    assert len(found.probes) < 100
    assert found.lowest_failed is not None
    assert found.highest <= 1.1 * limit
    assert found.lowest_failed >= 0.9 * limit
    assert found.lowest_failed <= max(found.highest * 1.05, found.highest + 1)


def test_the_probes_bracket_then_bisect_then_confirm() -> None:
    search, phases = Search(1000, precision=0.1), []
    while (drivers := search.next_drivers) is not None:
        phases.append((drivers, search.phase))
        search.take(Probe(drivers, with_limit(5000)(drivers)))
    bracket = [(size, Phase.BRACKET) for size in (1000, 2000, 4000, 8000)]
    bisect = [(size, Phase.BISECT) for size in (6000, 5000, 5500)]
    assert phases == [*bracket, *bisect, (5000, Phase.CONFIRM), (5500, Phase.CONFIRM)]
    found = search.result()
    assert (found.highest, found.lowest_failed, found.why) == (
        5000,
        5500,
        "5,000 drivers held; at 5,500 the thresholds failed",
    )
    assert search.phase is None


def test_a_start_above_the_limit_goes_down() -> None:
    found = searched(Search(64_000), with_limit(900))
    assert [probe.drivers for probe in found.probes[:8]] == [64_000, 32_000, 16_000, 8_000, 4_000, 2_000, 1_000, 500]
    assert 900 / 1.05 <= found.highest <= 900


def test_a_limit_above_the_ceiling_is_reported_as_the_ceiling() -> None:
    found = searched(Search(1000, ceiling=5000), with_limit(1e9))
    assert [probe.drivers for probe in found.probes] == [1000, 2000, 4000, 5000, 5000]
    assert (found.highest, found.lowest_failed, found.is_bounded_by, found.is_confirmed) == (
        5000,
        None,
        Limit.CEILING,
        True,
    )
    assert found.why == "5,000 drivers held, the greatest fleet allowed"


def test_where_nothing_holds_it_says_so() -> None:
    found = searched(Search(1000, floor=300), with_limit(0))
    assert [probe.drivers for probe in found.probes] == [1000, 500, 300, 300]
    assert (found.highest, found.lowest_failed, found.is_bounded_by, found.is_confirmed) == (
        0,
        300,
        Limit.THRESHOLDS,
        True,
    )
    assert found.why == "nothing held: at 300 drivers, the least that was probed, the thresholds failed"


def test_a_generator_that_is_too_slow_has_no_verdict() -> None:
    found = searched(Search(1000), with_limit(3000, NO_VERDICT))
    assert 3000 / 1.05 <= found.highest <= 3000
    assert found.is_bounded_by is Limit.GENERATOR
    assert (
        found.why == f"{found.highest:,} drivers held; "
        f"at {found.lowest_failed:,} the generator did not keep up, so there is no verdict"
    )


def test_the_bound_that_the_verdicts_name_is_reported() -> None:
    search = Search(1000, precision=1.0)
    while (drivers := search.next_drivers) is not None:
        search.take(Probe(drivers, PASSED) if drivers <= 1000 else Probe(drivers, FAILED, "store"))
    assert search.result().why == "1,000 drivers held; at 2,000 the thresholds failed (bound by store)"


def test_one_spurious_failure_does_not_end_the_search_there() -> None:
    told = iter([FAILED])
    found = searched(Search(1000), lambda drivers: next(told, None) or with_limit(30_000)(drivers))
    assert 30_000 / 1.05 <= found.highest <= 30_000
    assert found.noisy == (1000,)


def test_a_size_that_holds_once_and_not_again_is_noisy_and_not_the_answer() -> None:
    outcomes = {4000: iter([PASSED, FAILED, FAILED])}
    found = searched(
        Search(1000), lambda drivers: next(outcomes[drivers]) if drivers in outcomes else with_limit(3000)(drivers)
    )
    assert 3000 / 1.05 <= found.highest <= 3000
    assert found.noisy == (4000,)
    least = min(probe.drivers for probe in found.probes if probe.outcome is FAILED)
    assert found.violations == ((4000, least),)


def test_it_gives_up_after_so_many_probes_with_what_it_knows() -> None:
    found = searched(Search(1000, most_probes=3), with_limit(1e9))
    assert (found.highest, found.lowest_failed, found.is_bounded_by, found.is_confirmed) == (
        4000,
        None,
        Limit.PROBES,
        False,
    )
    assert found.why == "4,000 drivers held; the search ended after 3 probes"
    found = searched(Search(1000, most_probes=5), with_limit(2400))
    assert (found.highest, found.lowest_failed, found.is_bounded_by, found.is_confirmed) == (
        2000,
        2500,
        Limit.THRESHOLDS,
        False,
    )
    assert found.why == "2,000 drivers held; at 2,500 the thresholds failed; the search ended after 5 probes"


def test_before_the_first_probe_nothing_is_known() -> None:
    assert Search(10).result().why == "nothing was probed"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"start": 0}, "1 <= floor <= start <= ceiling must hold, found floor 1, start 0, ceiling 10,000,000"),
        ({"start": 10, "ceiling": 5}, "found floor 1, start 10, ceiling 5"),
        ({"start": 10, "precision": 0.0}, "precision must be above 0 and at most 1, found 0"),
        ({"start": 10, "most_probes": 0}, "most_probes must be at least 1, found 0"),
    ],
)
def test_a_bound_that_is_none_is_named(arguments: dict[str, int], told: str) -> None:
    with pytest.raises(InvalidInput) as error:
        Search(**arguments)
    assert told in str(error.value)


# -- the runner
# --------------------------------------------------------------------------------------------------------------------


def test_the_runner_probes_cools_down_and_reports() -> None:
    run: list[Any] = []
    waits: list[float] = []
    told: list[Progress] = []

    def run_probe(scenario: Scenario) -> ProbeResult:
        run.append(scenario.fleet.size)
        return ProbeResult(
            PASSED if scenario.fleet.size <= 1500 else FAILED, None, {"positionsPerS": float(scenario.fleet.size)}
        )

    found = find_capacity(
        PLAIN, run_probe, Search(1000, precision=0.5), cool_down_s=7.0, sleep=waits.append, report=told.append
    )
    assert run == [1000, 2000, 1500, 1500, 2000]
    assert waits == [7.0] * 4  # none after the last
    assert (found.highest, found.probes[0].figures) == (1500, {"positionsPerS": 1000.0})
    assert told[:2] == [
        Progress(1, 24, 1000, Phase.BRACKET, None, 0, None, 0.0),
        Progress(1, 24, 1000, Phase.BRACKET, found.probes[0], 1000, None, 7.0),
    ]
    assert len(told) == 10


def test_a_search_that_is_stopped_knows_what_it_knew_and_leaves_out_the_probe_that_was_cut_short() -> None:
    run: list[int] = []

    def run_probe(scenario: Scenario) -> ProbeResult:
        run.append(scenario.fleet.size)
        return ProbeResult(PASSED if len(run) < 3 else FAILED)

    found = find_capacity(
        PLAIN, run_probe, Search(1000), cool_down_s=0, sleep=lambda _: None, is_stopped=lambda: len(run) == 3
    )
    assert run == [1000, 2000, 4000]
    assert [probe.drivers for probe in found.probes] == [1000, 2000]
    assert (found.highest, found.lowest_failed, found.is_bounded_by) == (2000, None, Limit.PROBES)


def test_an_error_of_a_probe_ends_the_search() -> None:
    def broken(scenario: Scenario) -> ProbeResult:
        raise OSError("no broker")

    with pytest.raises(OSError, match="no broker"):
        find_capacity(PLAIN, broken, Search(10), cool_down_s=0, sleep=lambda _: None)


class Stumbling:
    """A system of unlimited size whose runs break off by their number."""

    def __init__(self, *broken: int) -> None:
        self.sizes: list[int] = []
        self._broken = broken

    def __call__(self, scenario: Scenario) -> ProbeResult:
        self.sizes.append(scenario.fleet.size)
        if len(self.sizes) in self._broken:
            raise TimeoutError("the cluster did not start")
        return ProbeResult(PASSED)


def stumbled(system: Stumbling) -> Capacity:
    return find_capacity(
        PLAIN, system, Search(1000, ceiling=2000), cool_down_s=0, sleep=lambda _: None, passing=(TimeoutError,)
    )


def test_a_probe_that_could_not_run_is_tried_once_more() -> None:
    system = Stumbling(2)
    found = stumbled(system)
    assert system.sizes == [1000, 2000, 2000, 2000]
    assert [probe.drivers for probe in found.probes] == [1000, 2000, 2000]
    assert found.why == "2,000 drivers held, the greatest fleet allowed"


def test_after_a_second_failure_what_is_known_is_the_answer() -> None:
    found = stumbled(Stumbling(2, 3))
    assert (found.highest, found.is_bounded_by, found.is_confirmed) == (1000, Limit.PROBES, False)
    assert (
        found.why
        == "1,000 drivers held; the search was ended: 2,000 drivers could not be run: the cluster did not start"
    )


def test_a_search_of_which_no_probe_could_run_is_an_error() -> None:
    with pytest.raises(TimeoutError, match="the cluster did not start"):
        stumbled(Stumbling(1, 2))


def test_a_scenario_without_stages_gets_a_ramp_and_a_hold_in_wall_seconds() -> None:
    resting = Scenario(
        name="resting",
        routes=RouteFiles(ancestor=True),
        fleet=FleetMix(size=5),
        deliveries=DeliveryPattern(DeliveryMode.ONCE, 60.0, (5.0, 60.0)),
        time_scale=10.0,
        duration_s=77.0,
    )
    made = probe_scenario(resting, 300, ProbeShape(ramp_s=4.0, settle_s=1.0, hold_s=20.0))
    assert made.stages == (
        Stage(Shape.RAMP, 40.0, drivers=300, name="ramp"),
        Stage(Shape.HOLD, 210.0, drivers=None, name="hold"),
    )
    assert (made.fleet.size, made.duration_s, made.warm_up_s, made.time_scale) == (300, 250.0, 50.0, 10.0)
    assert made.deliveries == DeliveryPattern()
    assert Scenario.from_toml(made.to_toml(), "probe") == made


def test_a_scenario_with_stages_is_scaled() -> None:
    staged = Scenario(
        name="staged",
        routes=RouteFiles(ancestor=True),
        stages=(Stage(Shape.RAMP, 10.0, drivers=100), Stage(Shape.SPIKE, 5.0, drivers=200), Stage(Shape.HOLD, 60.0)),
        warm_up_s=10.0,
    )
    made = probe_scenario(staged, 5000, ProbeShape())
    assert ([stage.drivers for stage in made.stages], made.fleet.size, made.warm_up_s) == (
        [2500, 5000, None],
        5000,
        10.0,
    )


def test_a_probe_of_no_length_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"hold_s must be at least 1 s, found 0\.5"):
        ProbeShape(hold_s=0.5)


def test_memory_gives_the_ceiling() -> None:
    assert greatest_fleet(PLAIN, 1000 * BYTES_PER_DRIVER + 17) == 1000
    with_network = Scenario.from_toml('[network]\nextract = "liechtenstein"\n[fleet]\nsize = 10\n', "n")
    assert greatest_fleet(with_network, needed_bytes(with_network)) == 10
    assert greatest_fleet(with_network, 0) == 1


def test_thresholds_in_positions_a_second_grow_with_the_fleet() -> None:
    limited = replace(PLAIN, thresholds=Thresholds(produced_per_s=90.0, e2e_p99_ms=300.0))
    made = probe_scenario(limited, 1000, ProbeShape())
    assert made.thresholds == Thresholds(produced_per_s=900.0, e2e_p99_ms=300.0)


# -- the curve
# --------------------------------------------------------------------------------------------------------------------


def test_the_curve_is_ordered_by_load_and_what_was_not_measured_is_none() -> None:
    probes = [
        Probe(
            2000, FAILED, "broker", {"positionsPerS": 2000.0, "e2eP99Ms": 900.0, "latenessP99Ms": 40.0, "cpuShare": 0.9}
        ),
        Probe(1000, PASSED, None, {"positionsPerS": 1000.0, "latenessP99Ms": 20.0}),
    ]
    rows = curve_rows(probes)
    assert rows == [
        CurveRow(1000, 1000.0, "passed", None, 20.0, None, None),
        CurveRow(2000, 2000.0, "failed", 900.0, 40.0, 0.9, "broker"),
    ]
    assert rows[1].to_json() == {
        "drivers": 2000,
        "positionsPerS": 2000.0,
        "outcome": "failed",
        "e2eP99Ms": 900.0,
        "latenessP99Ms": 40.0,
        "cpuShare": 0.9,
        "bound": "broker",
    }


def test_the_answer_is_json() -> None:
    told = capacity_json(searched(Search(2, precision=1.0), with_limit(2)))
    assert {
        name: told[name]
        for name in ("highest", "lowestFailed", "boundedBy", "confirmed", "noisy", "violations", "probes")
    } == {
        "highest": 2,
        "lowestFailed": 4,
        "boundedBy": "thresholds",
        "confirmed": True,
        "noisy": [],
        "violations": [],
        "probes": [2, 4, 2, 4],
    }
    assert [row["drivers"] for row in told["curve"]] == [2, 2, 4, 4]
