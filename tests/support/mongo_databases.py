"""Databases on a MongoDB-compatible server that a test has for itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest
from pymongo import MongoClient


def mongodb_url() -> str:
    """Return the address of the server for tests; skip where there is none."""
    url = os.environ.get("MONGODB_URL")
    if not url:
        pytest.skip("needs a MongoDB-compatible server; set MONGODB_URL")
    return url


@contextmanager
def database_for_a_test(url: str) -> Iterator[str]:
    """Give the name of a database that nobody else uses, and drop it afterwards."""
    name = f"test_{uuid4().hex[:12]}"
    yield name
    with MongoClient(url, serverSelectionTimeoutMS=5000) as client:
        client.drop_database(name)
