"""The ledger counts exactly, whatever comes late, twice, or never."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.accounting.ledger import Account, Counted, Gap, SeqLedger, Summary
from engine.errors import InvalidInput

POSITION = st.tuples(st.sampled_from("abcd"), st.integers(0, 40))
RANGE = st.tuples(st.sampled_from("abcd"), st.integers(0, 40), st.integers(0, 20))
CALL = st.one_of(st.lists(POSITION, max_size=40), RANGE)


def record(ledger: SeqLedger, positions: list[tuple[str, int]]) -> Counted:
    return ledger.record(
        np.array([d.encode() for d, _ in positions], "S"), np.array([s for _, s in positions], np.int64)
    )


def ranges_of(missing: set[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for seq in sorted(missing):
        if found and found[-1][1] == seq - 1:
            found[-1] = (found[-1][0], seq)
        else:
            found.append((seq, seq))
    return found


@settings(max_examples=400)
@given(st.lists(CALL, max_size=12), st.dictionaries(st.sampled_from("abcd"), st.integers(0, 60)))
def test_counts_and_gaps_are_those_of_a_set(
    calls: list[list[tuple[str, int]] | tuple[str, int, int]], expected: dict[str, int]
) -> None:
    ledger, seen, total = SeqLedger(), set[tuple[str, int]](), 0
    for call in calls:
        if isinstance(call, list):
            positions, counted = call, record(ledger, call)
        else:
            delivery, first, size = call
            positions, counted = (
                [(delivery, seq) for seq in range(first, first + size)],
                ledger.record_range(delivery, first, first + size),
            )
        new = len(set(positions) - seen)
        assert counted == Counted(new, len(positions) - new)
        seen |= set(positions)
        total += len(positions)
    for delivery, positions_expected in expected.items():
        ledger.expect(delivery, positions_expected)

    missing = {}
    for delivery in "abcd":
        own = {s for d, s in seen if d == delivery}
        missing[delivery] = ranges_of(set(range(max([expected.get(delivery, 0), *(s + 1 for s in own)]))) - own)
        assert [(gap.first, gap.last) for gap in ledger.gaps(delivery)] == missing[delivery]
    assert sorted((gap.delivery_id, gap.first, gap.last) for gap in ledger.missing()) == sorted(
        (d, *gap) for d, gaps in missing.items() for gap in gaps
    )
    summary = ledger.summary()
    assert (summary.seen, summary.duplicated) == (len(seen), total - len(seen))
    assert summary.missing == sum(last - first + 1 for gaps in missing.values() for first, last in gaps)


def test_a_fleet_in_order_keeps_one_watermark_a_delivery() -> None:
    ledger = SeqLedger()
    ids = np.array([f"car-{i}" for i in range(500)], "S")
    for k in range(20):
        assert ledger.record(ids, np.full(500, k)) == Counted(500, 0)
    assert ledger.record(ids, np.full(500, 19)) == Counted(0, 500)
    assert ledger.scattered == 0
    assert ledger.summary() == Summary(deliveries=500, seen=10_000, duplicated=500, unnumbered=0, missing=0)


def test_a_late_start_after_a_restart_is_given_what_was_seen_before() -> None:
    ledger = SeqLedger()
    record(ledger, [("a", 7), ("a", 8)])
    assert ledger.scattered == 1
    assert ledger.gaps("a") == [Gap("a", 0, 6)]
    assert ledger.record_range("a", 0, 7) == Counted(7, 0)
    assert ledger.missing() == []
    assert ledger.scattered == 0


def test_missing_positions_are_named() -> None:
    ledger = SeqLedger()
    record(ledger, [("a", 0), ("a", 3), ("a", 4)])
    ledger.expect("a", 7)
    ledger.expect("lost", 2)
    assert ledger.missing() == [Gap("a", 1, 2), Gap("a", 5, 6), Gap("lost", 0, 1)]
    assert ledger.missing(limit=1) == [Gap("a", 1, 2)]
    assert [str(gap) for gap in ledger.gaps("a", expected=6)] == ["a seq 1 to 2", "a seq 5"]
    assert ledger.gaps("never heard of", expected=3) == [Gap("never heard of", 0, 2)]
    assert ledger.gaps("never heard of") == []


def test_complete_deliveries_are_forgotten_and_their_totals_kept() -> None:
    ledger = SeqLedger()
    record(ledger, [("done", 0), ("done", 1), ("done", 1), ("holed", 0), ("holed", 2), ("going", 0)])
    ledger.expect("done", 2)
    ledger.expect("holed", 3)
    assert ledger.compact() == 1
    assert ledger.summary() == Summary(deliveries=3, seen=5, duplicated=1, unnumbered=0, missing=1)
    assert ledger.missing() == [Gap("holed", 1, 1)]
    assert record(ledger, [("holed", 1), ("going", 0), ("going", 1), ("next", 0)]) == Counted(3, 1)
    assert ledger.compact() == 1
    assert ledger.compact() == 0
    assert ledger.missing() == []


def test_records_without_a_seq_are_counted_apart() -> None:
    ledger = SeqLedger()
    assert record(ledger, [("a", -1), ("a", 0), ("b", -1)]) == Counted(1, 0)
    assert ledger.summary() == Summary(deliveries=1, seen=1, duplicated=0, unnumbered=2, missing=0)
    assert record(ledger, [("a", -1)]) == Counted(0, 0)
    assert record(ledger, []) == Counted(0, 0)


def test_what_no_delivery_can_have_is_refused() -> None:
    ledger = SeqLedger()
    with pytest.raises(InvalidInput, match="seq must be below 100000000, found 100000000"):
        record(ledger, [("a", 100_000_000)])
    with pytest.raises(InvalidInput, match="delivery a: a range must be from 0 to 100000000, found 5 to 4"):
        ledger.record_range("a", 5, 4)
    with pytest.raises(InvalidInput, match="delivery a: the number of positions must be >= 0, found -1"):
        ledger.expect("a", -1)


def test_a_run_is_balanced_only_if_every_stage_has_every_position() -> None:
    consumed, stored = SeqLedger(), SeqLedger()
    record(consumed, [("a", 0), ("a", 1), ("a", 1), ("a", 2)])
    record(stored, [("a", 0), ("a", 2)])
    account = Account.of(consumed, stored, produced=3, acked=3, dead_lettered=1)
    assert account.to_json() == {
        "produced": 3,
        "acked": 3,
        "failed": 0,
        "consumed": 3,
        "stored": 2,
        "duplicated": 1,
        "missing": 1,
        "gaps": [{"deliveryId": "a", "from": 1, "to": 1}],
        "deadLettered": 1,
        "lostOnPurpose": 0,
    }
    assert not account.balanced
    record(stored, [("a", 1)])
    assert Account.of(consumed, stored, produced=3, acked=3).balanced
