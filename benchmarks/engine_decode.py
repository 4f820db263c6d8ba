"""Decoding positions into columns and their ids into numbers, against a JSON library and a dict.

Records per second of one core's time, in batches of 10,000 as a consumer hands them out; the rivals go record by
record.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import orjson

from benchmarks.engine_encode import best_rates, compared, fleet
from engine.accounting.interner import Interner
from engine.codec import Positions, decode_positions


def run() -> list[dict[str, Any]]:
    """Return the decoder's rate and its rivals'."""
    encoder, ticks = fleet()
    batches = [encoder.encode(tick.rows, Positions(**tick.columns)) for tick in ticks]
    rate = best_rates({"decode": decode_positions, "orjson": _with_orjson}, batches)

    ids = [decode_positions(batch).batch.delivery_id for batch in batches]
    interner = Interner()
    numbers = {
        word: number
        for batch in ids
        for word, number in zip(batch.tolist(), interner.intern(batch).tolist(), strict=True)
    }
    rate |= best_rates(
        {
            "interner": interner.intern,
            "dict": lambda batch: np.fromiter(map(numbers.__getitem__, batch.tolist()), np.int64, len(batch)),
        },
        ids,
    )
    return [
        compared("engine_decode", rate["decode"], "orjson per record", rate["orjson"]),
        compared("engine_decode.intern", rate["interner"], "dict per id", rate["dict"]),
    ]


def _with_orjson(values: list[bytes]) -> tuple[list[str], np.ndarray[Any, Any]]:
    """Read the same columns: the ids as texts, the numbers as one array."""
    ids, numbers = [], []
    for value in values:
        record = orjson.loads(value)
        lat, lng = record["position"]
        ids.append((record["routeId"], record["clientId"], record["deliveryId"], record["driverId"], record["runId"]))
        numbers.append(
            (
                lat,
                lng,
                record["finished"],
                record["seq"],
                record["eventTime"],
                record["speed"],
                record["bearing"],
                record["distance"],
            )
        )
    return ids, np.array(numbers, np.float64)  # type: ignore[return-value]
