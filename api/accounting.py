"""Is anything missing? A run's positions from stage to stage, by the stores' own word.

What is stored is asked of the history, not counted on the way, so the answer is the same after a restart and with several processes.
"""

from __future__ import annotations

import numpy as np

from api.stores.base import HistoryStore, StateStore
from api.stream.tally import Tally
from engine.ledger import Account, Gap, SeqLedger
from engine.messages import RunState

MAX_GAPS = 100
"""Gaps that are named; the number of missing positions is always complete."""

_ENDED = frozenset({RunState.FINISHED, RunState.CANCELLED})


async def account_of(run_id: str, state: StateStore, history: HistoryStore, tally: Tally) -> Account | None:
    """Return a run's account, None if nothing is known of the run.

    Consumed is what is stored and what this process has read and not yet stored. Duplicated and dead-lettered are counted since this process began.
    """
    run = await state.run(run_id)
    holdings = await history.holdings(run_id)
    if run is None and not holdings:
        return None
    ended = await state.ended(run_id)
    expected = {delivery_id: holding.last_seq + 1 for delivery_id, holding in holdings.items()} | ended
    held = {delivery_id: holdings[delivery_id].count if delivery_id in holdings else 0 for delivery_id in expected}
    incomplete = sorted(delivery_id for delivery_id, count in held.items() if count < expected[delivery_id])
    stored = sum(held.values())
    missing = sum(expected[delivery_id] - held[delivery_id] for delivery_id in incomplete)
    if run is not None and run.state in _ENDED:
        missing = max(missing, run.acked - stored)
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
        gaps=await _named(incomplete[:MAX_GAPS], expected, history),
    )


async def _named(incomplete: list[str], expected: dict[str, int], history: HistoryStore) -> tuple[Gap, ...]:
    ledger = SeqLedger()
    for delivery_id in incomplete:
        ledger.expect(delivery_id, expected[delivery_id])
        track = await history.track(delivery_id)
        if track is not None:
            ledger.record(np.full(len(track.seq), delivery_id.encode()), track.seq)
    return tuple(ledger.missing(MAX_GAPS))
