"""Is anything missing? A run's positions from stage to stage, by the stores' own word.

What is stored is asked of the history, not counted on the way, so the answer is the same after a restart and with
several processes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from api.stores.base import HistoryStore, StateStore
from api.tally import Tally
from engine.accounting.ledger import Account, Gap, SeqLedger
from engine.delivery.faults import Label, missing_on_purpose
from engine.messages import RunState

MAX_GAPS = 100
"""Gaps that are named; the number of missing positions is always complete."""

Range = tuple[int, int]
"""Seqs from the first to the last, both included."""

_ENDED = frozenset({RunState.FINISHED, RunState.CANCELLED})


async def account_of(run_id: str, state: StateStore, history: HistoryStore, tally: Tally) -> Account | None:
    """Return a run's account, None if nothing is known of the run.

    Consumed is what is stored and what this process has read and not yet stored. Duplicated and dead-lettered are
    counted since this process began. What an injected fault left out or damaged, by its label, is not missing.
    """
    run = await state.run(run_id)
    holdings = await history.holdings(run_id)
    if run is None and not holdings:
        return None
    ended = await state.ended(run_id)
    expected = {delivery_id: holding.last_seq + 1 for delivery_id, holding in holdings.items()} | ended
    held = {delivery_id: holdings[delivery_id].count if delivery_id in holdings else 0 for delivery_id in expected}
    lost = _lost(await history.faults(run_id), expected)
    absent = {
        delivery_id: max(0, min(_count(ranges), expected[delivery_id] - held[delivery_id]))
        for delivery_id, ranges in lost.items()
    }
    lacking = {
        delivery_id: expected[delivery_id] - count - absent.get(delivery_id, 0) for delivery_id, count in held.items()
    }
    incomplete = sorted(delivery_id for delivery_id, count in lacking.items() if count > 0)
    stored, lost_on_purpose = sum(held.values()), sum(absent.values())
    missing = sum(lacking[delivery_id] for delivery_id in incomplete)
    if run is not None and run.state in _ENDED:
        missing = max(missing, run.acked - stored - lost_on_purpose)
    counts = tally.of(run_id)
    return Account(
        produced=run.produced if run else 0,
        acked=run.acked if run else 0,
        consumed=stored + max(counts.waiting, 0),
        stored=stored,
        dead_lettered=tally.dead_lettered,
        duplicated=counts.duplicated,
        missing=missing,
        failed=run.failed if run else 0,
        lost_on_purpose=lost_on_purpose,
        gaps=await _named(incomplete[:MAX_GAPS], expected, lost, history),
    )


def _lost(labels: Mapping[str, Sequence[Label]], expected: Mapping[str, int]) -> dict[str, list[Range]]:
    """Return the ranges of each delivery's positions that no store can have."""
    return {
        delivery_id: missing_on_purpose(found, expected[delivery_id])
        for delivery_id, found in labels.items()
        if delivery_id in expected
    }


def _count(ranges: Sequence[Range]) -> int:
    return sum(last - first + 1 for first, last in ranges)


async def _named(
    incomplete: list[str], expected: Mapping[str, int], lost: Mapping[str, list[Range]], history: HistoryStore
) -> tuple[Gap, ...]:
    ledger = SeqLedger()
    for delivery_id in incomplete:
        ledger.expect(delivery_id, expected[delivery_id])
        for first, last in lost.get(delivery_id, []):
            ledger.record_range(delivery_id, first, last + 1)
        track = await history.track(delivery_id)
        if track is not None:
            ledger.record(np.full(len(track.seq), delivery_id.encode()), track.seq)
    return tuple(ledger.missing(MAX_GAPS))
