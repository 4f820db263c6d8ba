"""Databases on a MongoDB-compatible server that a test has for itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient


def mongodb_url(request: pytest.FixtureRequest) -> str:
    """Return the address of the server for tests: the one that MONGODB_URL names, or the session's own."""
    url = os.environ.get("MONGODB_URL") or request.getfixturevalue("services").mongodb.address
    assert isinstance(url, str)
    return url


@contextmanager
def database_for_a_test(url: str) -> Iterator[str]:
    """Give the name of a fresh database, and drop it afterwards."""
    name = f"test_{uuid4().hex[:12]}"
    yield name
    with MongoClient[dict[str, Any]](url, serverSelectionTimeoutMS=5000) as client:
        client.drop_database(name)
