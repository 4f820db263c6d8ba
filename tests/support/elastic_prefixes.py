"""Prefixes on an Elasticsearch that a test has for itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import httpx
import pytest

TIMEOUT_S = 30.0


def elasticsearch_url(request: pytest.FixtureRequest) -> str:
    """Return the address of the tests' server: ELASTICSEARCH_URL's, or the session's own."""
    url = os.environ.get("ELASTICSEARCH_URL") or request.getfixturevalue("services").elasticsearch.address
    assert isinstance(url, str)
    return url


@contextmanager
def prefix_for_a_test(url: str) -> Iterator[str]:
    """Give a fresh prefix, and delete everything that begins with it afterwards."""
    prefix = f"test-{uuid4().hex[:12]}"
    yield prefix
    with httpx.Client(base_url=url, trust_env=False, timeout=TIMEOUT_S) as client:
        found = client.get(
            f"/{prefix}-*/_settings", params={"filter_path": "*.settings.index.uuid", "expand_wildcards": "all"}
        ).json()
        if found:
            client.delete(f"/{','.join(found)}").raise_for_status()
        client.delete(f"/_index_template/{prefix}-*")
        client.delete(f"/_component_template/{prefix}-*")
