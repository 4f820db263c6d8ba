"""Fixtures shared by every floor's tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public test data that is too large or too closely licensed to ship; CODE_DELIVERY_TEST_DATA names it."""
    folder = Path(os.environ.get("CODE_DELIVERY_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"test data not found at {folder}; set CODE_DELIVERY_TEST_DATA")
    return folder
