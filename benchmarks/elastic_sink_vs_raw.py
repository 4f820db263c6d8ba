"""The history sink into Elasticsearch, beside raw bulk requests of the same bytes.

The raw requests are prepared beforehand, and as many are sent at the same time.

What the sink adds: making the bytes from columns, cutting them, and looking through the answer document by document.
Positions as the history sink gets them, 20,000 a write; each side on fresh indices with the same templates, in turns;
the round with the median ratio counts.
"""

from __future__ import annotations

import time
from typing import Any

from api.stores.elastic.lines import position_lines
from benchmarks.elastic_sides import (
    POSITIONS,
    ROUNDS,
    Work,
    compared,
    own_elasticsearch,
    prepared,
    rates,
    raw,
    sink,
    sink_from_kafka,
)


def run() -> list[dict[str, Any]]:
    """Return positions/s stored by the sink, with and without decoding, and lines made on one core."""
    with own_elasticsearch() as url:
        return measure(url)


def measure(url: str, rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """Return the rows, measured with a server that has little else to do."""
    work = prepared()
    found = rates(url, work, {"sink_from_kafka": sink_from_kafka, "sink": sink, "raw": raw}, rounds)
    rival = "raw _bulk of the same bytes"
    rows = [
        compared("elastic_sink_vs_raw", "sink", rival, "raw", found),
        compared("elastic_sink_vs_raw.from_kafka_records", "sink_from_kafka", rival, "raw", found),
    ]
    return [*rows, {"name": "elastic_sink_vs_raw.lines", "value": _lines_rate(work), "unit": "positions/s"}]


def _lines_rate(work: Work) -> float:
    """Return positions/s of one core's time that become lines."""
    best = 0.0
    for _ in range(ROUNDS):
        began = time.process_time()
        for batch in work.batches:
            position_lines(batch)
        best = max(best, POSITIONS / (time.process_time() - began))
    return best
