"""What a stored position costs the stores in processor time, as what they hold grows.

These are the reasons for how the local services are set up.

Elasticsearch: a million positions of 20,000 deliveries, created by the history store, with the heap and the index
buffer that the local services give it and with 512 MB and the server's default buffer. The stand-in for MongoDB: the
newest positions of 20,000 deliveries by the state store, in memory and in a file. Each side has a server of its own;
the clients' time is not in the figures. This is no measurement of MongoDB.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from api.stores.elastic import ElasticHistory, ElasticOptions
from api.stores.mongo import MongoState
from benchmarks.footprint import fleet
from benchmarks.produce_fleet import START_MS
from benchmarks.simulation import sample_of, services
from benchmarks.size import sized
from cli.local.services import Services, elasticsearch
from engine.codec import PositionBatch, decode_positions

DELIVERIES = sized(20_000, toy=100)
SECONDS, PART_S = sized((50, 10), toy=(2, 1))
"""Simulated seconds, and those of each reported part; the first also pays for warming up."""

UPDATES_S = sized(6, toy=2)
SIDES = (("shipped", elasticsearch.HEAP, elasticsearch.INDEX_BUFFER), ("default_buffer", "512m", "10%"))


def run() -> list[dict[str, Any]]:
    """Return for each side the processor time of a position by part, or in the last second."""
    rows: list[dict[str, Any]] = []
    for name, heap, buffer in SIDES:
        with patch.multiple(elasticsearch, HEAP=heap, INDEX_BUFFER=buffer):
            rows += asyncio.run(_elastic(f"stores_growing.elastic.{name}", f"heap {heap}, index buffer {buffer}"))
    for name, in_memory in (("memory", True), ("file", False)):
        rows.append(asyncio.run(_state(f"stores_growing.state.{name}", in_memory)))
    return rows


async def _elastic(name: str, what: str) -> list[dict[str, Any]]:
    rows = []
    with _server("elasticsearch") as services:
        store = ElasticHistory(services.elasticsearch.address, ElasticOptions("growing"))
        await store.open()
        batches, stored, cpu_s = _seconds(), 0, _cpu_s(services.elasticsearch.pid)
        for part in range(SECONDS // PART_S):
            before = stored
            for _ in range(PART_S):
                batch = next(batches)
                await store.write_positions(batch)
                stored += len(batch)
            now_s = _cpu_s(services.elasticsearch.pid)
            unit = f"us of Elasticsearch's CPU a position, from {before:,} to {stored:,} of them; {what}"
            rows.append(
                {"name": f"{name}.{part + 1}", "value": (now_s - cpu_s) / (stored - before) * 1e6, "unit": unit}
            )
            cpu_s = now_s
        await store.close()
    return rows


async def _state(name: str, in_memory: bool) -> dict[str, Any]:
    with _server("mongodb", mongodb_in_memory=in_memory) as services:
        store = MongoState(services.mongodb.address, "growing")
        await store.open()
        batches = _seconds()
        for _ in range(UPDATES_S - 1):
            await store.apply_positions(next(batches))
        last, before_s = next(batches), _cpu_s(services.mongodb.pid)
        await store.apply_positions(last)
        cpu_us = (_cpu_s(services.mongodb.pid) - before_s) / len(last) * 1e6
        await store.close()
    return {
        "name": name,
        "value": cpu_us,
        "unit": f"us of CPU an update of one of {DELIVERIES:,} deliveries, of the stand-in for MongoDB",
    }


def _seconds() -> Iterator[PositionBatch]:
    """Give a fleet's positions, a simulated second at a time."""
    simulation, second = fleet(DELIVERIES), 0
    while True:
        second += 1
        yield decode_positions(simulation.advance(START_MS + second * 1000).values).batch


def _cpu_s(pid: int | None) -> float:
    return sum(used.cpu_s for used in sample_of([pid] if pid is not None else []).processes.values())


@contextmanager
def _server(name: str, *, mongodb_in_memory: bool = False) -> Iterator[Services]:
    with services(name, mongodb_in_memory=mongodb_in_memory) as found:
        yield found
