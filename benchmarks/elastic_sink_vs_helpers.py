"""The history sink into Elasticsearch, beside the client's own bulk helpers.

The helpers get a dictionary for each position.

The helpers get requests of as many documents as the sink's, which is better for them than their default of 500. Each
side on fresh indices with the same templates, in turns; the round with the median ratio counts.
"""

from __future__ import annotations

from typing import Any

from benchmarks.elastic_sides import (
    ROUNDS,
    compared,
    helpers_async_bulk,
    helpers_bulk,
    own_elasticsearch,
    prepared,
    rates,
    sink,
)


def run() -> list[dict[str, Any]]:
    """Return positions/s stored by the sink and by the helpers."""
    with own_elasticsearch() as url:
        return measure(url)


def measure(url: str, rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """Return the rows, measured with a server that has little else to do."""
    found = rates(
        url, prepared(), {"helpers_bulk": helpers_bulk, "sink": sink, "helpers_async_bulk": helpers_async_bulk}, rounds
    )
    return [
        compared("elastic_sink_vs_helpers", "sink", "helpers.bulk on dictionaries", "helpers_bulk", found),
        compared(
            "elastic_sink_vs_helpers.async", "sink", "helpers.async_bulk on dictionaries", "helpers_async_bulk", found
        ),
    ]
