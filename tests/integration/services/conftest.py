"""Fixtures of the tests on real services."""

from __future__ import annotations

import pytest
from services import empty_the_topics

from cli.local.services import Services


@pytest.fixture(scope="module")
def clean_services(services: Services) -> Services:
    """The session's services with empty topics, for modules that read them from the beginning.

    Stores keep what earlier tests have stored: use a run id of your own.
    """
    empty_the_topics(services.kafka.address)
    return services
