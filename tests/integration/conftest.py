"""Fixtures of the integration tests: real processes, real sockets on the loopback interface."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from large_fleet import LARGE_FLEET

from cli.local.broker import EmbeddedBroker

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder as slow: each starts processes or opens sockets."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def embedded_broker() -> Iterator[str]:
    """Bootstrap address of one embedded broker for the session, with every topic of the contract.

    Other folders that want one write the same three lines in their own conftest::

        with EmbeddedBroker(LARGE_FLEET) as broker:
            yield broker.bootstrap

    It has as many partitions as one can have, so that readers share them. The topics outlive a test: read with a group
    id of your own and take what carries your own run id. Consumers need ``group.protocol=consumer``.
    """
    with EmbeddedBroker(LARGE_FLEET) as broker:
        yield broker.bootstrap
