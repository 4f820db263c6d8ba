"""Local services, for real: what is started is there, what is ended is gone, and what was stored is kept."""

from __future__ import annotations

import pytest

from cli.services import Services

pytestmark = pytest.mark.services


def test_all_are_ready(services: Services) -> None:
    assert [services[name].is_ready() for name in ("kafka", "elasticsearch", "mongodb")] == [True, True, True]
