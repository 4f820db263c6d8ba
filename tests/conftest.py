"""Fixtures and rules of all tests: the public data, the services, and the markers a machine can serve."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from services import running_services

from cli.local.services import Services
from cli.local.services.tools import missing

REPOSITORY = Path(__file__).resolve().parents[1]


# A busy machine is no fault of the code: no example is judged by its time.
settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Draw one seed for the order of the tests and for hypothesis' examples: one option repeats both.

    pytest-randomly prints it as ``--randomly-seed=N``; the processes of pytest-xdist inherit it.
    """
    if getattr(config.option, "randomly_seed", None) == "default":
        config.option.randomly_seed = random.SystemRandom().getrandbits(32)
    seed = getattr(config.option, "randomly_seed", None)
    if isinstance(seed, int) and getattr(config.option, "hypothesis_seed", "") is None:
        config.option.hypothesis_seed = seed


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of the public test data that does not ship; CODE_DELIVERY_TEST_DATA names it."""
    folder = Path(os.environ.get("CODE_DELIVERY_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"test data not found at {folder}; set CODE_DELIVERY_TEST_DATA")
    return folder


@pytest.fixture(scope="session")
def services() -> Iterator[Services]:
    """Kafka with the contract's topics, Elasticsearch and a stand-in for MongoDB, once per session.

    They outlive a test: use an index prefix, a database, a run id and a consumer group of your own. A test that stops a
    service starts it again before it ends.
    """
    with running_services() as running:
        yield running


def _missing(marker: str) -> str | None:
    """Return what this machine lacks for a marker, or None."""
    if marker == "browser" and shutil.which("chromium") is None:
        return "Chromium is not installed (Debian: apt-get install chromium)"
    if marker == "browser" and not (REPOSITORY / "ui" / "node_modules" / "playwright-core").is_dir():
        return "the web packages are not installed (make test does it)"
    if marker == "services" and (lacks := missing()):
        return "; ".join(lacks)
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what this machine cannot run, with the reason; CODE_DELIVERY_REQUIRE names what must run."""
    required = os.environ.get("CODE_DELIVERY_REQUIRE", "").split()
    for marker in {"browser", "services"} - set(required):
        marked = [item for item in items if item.get_closest_marker(marker)]
        reason = _missing(marker) if marked else None
        for item in marked if reason is not None else []:
            item.add_marker(pytest.mark.skip(reason=reason or ""))
