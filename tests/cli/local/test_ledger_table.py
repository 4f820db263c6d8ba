"""The ledger is clean only if nothing is missing, and names what is."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from cli.local.ledger_table import LedgerSummary, ledger_table

CLEAN: dict[str, Any] = {
    "produced": 9,
    "acked": 9,
    "failed": 0,
    "consumed": 9,
    "stored": 9,
    "missing": 0,
    "duplicated": 0,
    "deadLettered": 0,
    "gaps": [],
}
CLEAN |= {"lostOnPurpose": 0}


def _printed(ledger: LedgerSummary) -> str:
    out = io.StringIO()
    Console(file=out, width=140).print(ledger_table("run-1", ledger))
    return out.getvalue()


def test_a_clean_ledger_says_so() -> None:
    ledger = LedgerSummary.from_json(CLEAN)
    assert ledger.is_clean
    assert "every position is accounted for" in _printed(ledger)
    assert ledger.to_json() == {**CLEAN, "clean": True}


def test_records_sent_twice_leave_the_ledger_clean() -> None:
    assert LedgerSummary.from_json({**CLEAN, "consumed": 11, "duplicated": 2}).is_clean


def test_what_was_lost_on_purpose_leaves_the_ledger_clean_and_is_told() -> None:
    ledger = LedgerSummary.from_json({**CLEAN, "stored": 7, "consumed": 7, "lostOnPurpose": 2})
    assert ledger.is_clean
    assert ledger.to_json()["lostOnPurpose"] == 2
    assert "lost by" in _printed(ledger)
    narrow = io.StringIO()
    Console(file=narrow, width=80).print(ledger_table("run-1", ledger))
    assert "…" not in narrow.getvalue()
    assert "lost on" not in _printed(LedgerSummary.from_json(CLEAN))
    assert LedgerSummary.from_json({name: count for name, count in CLEAN.items() if name != "lostOnPurpose"}).is_clean


@pytest.mark.parametrize(
    "fault",
    [{"missing": 1}, {"acked": 8, "failed": 1}, {"acked": 8}, {"stored": 8}, {"consumed": 8}, {"lostOnPurpose": 1}],
)
def test_anything_missing_is_not_clean(fault: dict[str, int]) -> None:
    ledger = LedgerSummary.from_json({**CLEAN, **fault})
    assert not ledger.is_clean
    assert "not everything arrived" in _printed(ledger)


def test_gaps_are_named_up_to_ten() -> None:
    gaps = [{"deliveryId": f"d{i}", "from": i, "to": i + 2} for i in range(12)]
    printed = _printed(LedgerSummary.from_json({**CLEAN, "missing": 36, "gaps": gaps}))
    assert "d0 seq 0-2" in printed
    assert "and 2 more" in printed.replace("\n", " ")
