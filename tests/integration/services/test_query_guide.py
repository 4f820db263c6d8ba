"""The query that the guide shows is one that Elasticsearch answers."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import httpx
import pytest
from elastic_prefixes import prefix_for_a_test

from api.stores.elastic import ElasticHistory, ElasticOptions
from cli.local.services import Services
from engine.codec import PositionBatch

pytestmark = pytest.mark.services

T0 = 1_700_000_000_000


async def stored(address: str, prefix: str) -> None:
    history = ElasticHistory(address, ElasticOptions(prefix=prefix))
    await history.open()
    near = [
        (b"near", b"client", b"d1", b"driver", b"run", 47.14, 9.52 + seq / 1e4, False, seq, T0, 10.0 + seq, 0.0, 0.0)
        for seq in range(3)
    ]
    far = (b"far", b"client", b"d1", b"driver", b"run", 47.30, 9.52, False, 3, T0, 5.0, 0.0, 0.0)
    await history.write_positions(PositionBatch.of([*near, far]))
    await history.close()


def test_the_query_shown_counts_and_measures_what_is_near(services: Services, repository: Path) -> None:
    shown = re.search(
        r"```\nGET delivery-positions/_search\n(\{.*?\})\n```",
        (repository / "docs/how-to/query.md").read_text(encoding="utf-8"),
        flags=re.DOTALL,
    )
    assert shown is not None
    address = services.elasticsearch.address
    with prefix_for_a_test(address) as prefix:
        asyncio.run(stored(address, prefix))
        httpx.post(f"{address}/{prefix}-positions/_refresh", trust_env=False).raise_for_status()
        headers = {"Content-Type": "application/json"}
        answer = httpx.post(
            f"{address}/{prefix}-positions/_search", content=shown.group(1), headers=headers, trust_env=False
        )
    answer.raise_for_status()
    [route] = answer.json()["aggregations"]["by_route"]["buckets"]
    assert (route["key"], route["doc_count"], route["speed"]["values"]["50.0"]) == ("near", 3, 11.0)
