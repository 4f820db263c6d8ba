from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from actors.dispatch.actor_layout import ACTORS_PER_CPU, ActorLayout, lay_out, least_loaded


def test_a_small_fleet_gets_one_actor_a_driver() -> None:
    assert lay_out(3, 2, 3.0) == ActorLayout(actors=3, drivers_per_actor=1, actor_cpus=0.5333)
    assert lay_out(2 * ACTORS_PER_CPU, 2, 4.0).actors == 4


def test_a_larger_fleet_is_packed_and_gets_an_actor_for_each_thousand_positions_a_second() -> None:
    assert lay_out(2 * ACTORS_PER_CPU + 1, 2, 5.0) == ActorLayout(actors=1, drivers_per_actor=5, actor_cpus=1.0)
    assert lay_out(300, 16, 300.0) == ActorLayout(actors=1, drivers_per_actor=300, actor_cpus=1.0)
    assert lay_out(10_000, 16, 10_000.0) == ActorLayout(actors=10, drivers_per_actor=1000, actor_cpus=1.0)
    assert lay_out(1_000, 16, 10_000.0).actors == 10


def test_there_are_no_more_packed_actors_than_cpus() -> None:
    assert lay_out(10_000, 2, 10_000.0) == ActorLayout(actors=2, drivers_per_actor=5000, actor_cpus=0.8)


def test_drivers_per_actor_is_set_by_hand() -> None:
    assert lay_out(300, 2, 300.0, drivers_per_actor=10) == ActorLayout(
        actors=30, drivers_per_actor=10, actor_cpus=0.0533
    )


def test_a_run_without_a_fleet_has_actors_waiting_for_requests() -> None:
    assert lay_out(0, 2, 0.0) == ActorLayout(actors=2, drivers_per_actor=1, actor_cpus=0.8)


def test_the_cpus_of_an_actor_can_be_set() -> None:
    assert lay_out(10_000, 4, 10_000.0, actor_cpus=0.25).actor_cpus == 0.25


@given(st.integers(0, 200_000), st.integers(1, 256), st.one_of(st.none(), st.integers(1, 10_000)))
def test_every_driver_has_one_actor_and_all_actors_fit_the_cluster(
    drivers: int, cpus: int, per_actor: int | None
) -> None:
    layout = lay_out(drivers, cpus, float(drivers), drivers_per_actor=per_actor)
    assert layout.actor_cpus > 0
    assert layout.actors == 1 or layout.actors * layout.actor_cpus <= cpus or layout.actor_cpus <= 0.0001
    for driver in {0, drivers // 2, max(0, drivers - 1)}:
        assert 0 <= layout.actor_of(driver) < layout.actors
    # No actor has more than its share.
    assert drivers <= layout.actors * layout.drivers_per_actor


@given(st.integers(1, 5_000), st.integers(1, 64), st.integers(0, 5_000))
def test_drivers_that_are_dealt_load_all_actors_alike_however_many_are_on_the_road(
    drivers: int, cpus: int, on_the_road: int
) -> None:
    layout = lay_out(drivers, cpus, float(drivers), is_dealt=True)
    loads = Counter(layout.actor_of(driver) for driver in range(min(on_the_road, drivers)))
    counts = [loads[actor] for actor in range(layout.actors)]
    assert max(counts) - min(counts) <= 1
    assert max(counts) <= layout.drivers_per_actor


def test_a_request_goes_to_the_actor_with_the_fewest_deliveries_and_the_choice_repeats() -> None:
    assert least_loaded({"a": 3, "c": 1, "b": 1}) == "b"
