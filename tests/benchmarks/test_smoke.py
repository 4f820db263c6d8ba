"""Every benchmark runs, as a toy: its figures mean nothing, but its rows are there."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from services import empty_the_topics

from benchmarks.__main__ import available
from benchmarks.size import TOY, VARIABLE
from cli.local.services import Services

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

ALONE: tuple[str, ...] = (
    "embedded_broker",
    "engine_decode",
    "engine_encode",
    "engine_move",
    "live_hub",
    "rate_vs_locust",
)
ALONE += ("roads_import", "roads_routes", "viewers_1000")
IN_A_BROWSER = ("map_fps",)
ON_RAY = ("embedded_run", "soak_embedded", "start")
ON_SERVICES: tuple[str, ...] = (
    "connect_elastic_sink",
    "elastic_sink_vs_helpers",
    "elastic_sink_vs_raw",
    "footprint",
    "produce_vs_go",
)
ON_SERVICES += ("produce_vs_perf_test", "read", "stores_growing")
ON_BOTH = ("chain_20k", "chain_cpu", "fleet_100k", "fleet_capacity", "soak", "start_10k", "weak_scaling")

Benchmark = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def toy() -> Iterator[Benchmark]:
    """Run a benchmark, by its name, as a toy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, TOY)
        yield lambda name: importlib.import_module(f"benchmarks.{name}").run()


@pytest.fixture
def lent_services(toy: Benchmark, services: Services) -> Iterator[None]:
    """Let a benchmark use the session's services, with empty topics, instead of starting its own."""
    empty_the_topics(services.kafka.address)
    with importlib.import_module("benchmarks.simulation").lent(services):
        yield
    empty_the_topics(services.kafka.address)


def assert_reported(rows: list[dict[str, Any]], name: str) -> None:
    assert rows[0]["name"].startswith(name)
    assert all(row.keys() >= {"name", "value", "unit"} for row in rows)
    assert all(row["value"] is None or isinstance(row["value"], int | float) for row in rows), rows


def test_every_benchmark_is_tried() -> None:
    assert sorted((*ALONE, *IN_A_BROWSER, *ON_RAY, *ON_SERVICES, *ON_BOTH)) == available()


@pytest.mark.parametrize("name", ALONE)
def test_a_benchmark_without_services_reports(name: str, toy: Benchmark, request: pytest.FixtureRequest) -> None:
    if name == "roads_import":
        request.getfixturevalue("shared_data")
    assert_reported(toy(name), name)


@pytest.mark.browser
@pytest.mark.parametrize("name", IN_A_BROWSER)
def test_a_benchmark_in_the_browser_reports(name: str, toy: Benchmark, repository: Path) -> None:
    if not (repository / "ui" / "dist" / "index.html").exists():
        pytest.skip("the page is not built (make test does it)")
    assert_reported(toy(name), name)


@pytest.mark.ray
@pytest.mark.parametrize("name", ON_RAY)
def test_a_benchmark_on_ray_reports(name: str, toy: Benchmark) -> None:
    assert_reported(toy(name), name)


@pytest.mark.services
@pytest.mark.parametrize("name", ON_SERVICES)
def test_a_benchmark_on_services_reports(name: str, toy: Benchmark, lent_services: None) -> None:
    assert_reported(toy(name), name)


@pytest.mark.services
@pytest.mark.ray
@pytest.mark.parametrize("name", ON_BOTH)
def test_a_benchmark_of_a_whole_run_reports(name: str, toy: Benchmark, lent_services: None) -> None:
    assert_reported(toy(name), name)
