"""What is known of a run's positions when its stack has ended, for a person and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cli.local.ledger_table import LedgerSummary


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of one run's stack.

    Attributes
    ----------
    ledger : the last one that the API returned; None if it returned none.
    waiting : records that wait in Kafka for a store, by the store's name; empty if the API did not report any.
    fault : why there is no ledger, or why it is not the last word; empty if the API answered and did not know the run.
    is_kept : the broker keeps running, or keeps its records for its next start.
    unended, unacknowledged : driver actors that did not end in time, and their records that were not acknowledged, as
        the simulation reported at its end.
    """

    ledger: LedgerSummary | None = None
    waiting: Mapping[str, int] = field(default_factory=dict)
    fault: str = ""
    is_kept: bool = False
    unended: int = 0
    unacknowledged: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether every position is accounted for and stored, and every driver actor has ended."""
        return (
            self.ledger is not None
            and self.ledger.is_clean
            and not any(self.waiting.values())
            and not self.unended
            and not self.fault
        )

    def to_json(self) -> dict[str, Any]:
        """Return the ledger with what waits, and the fault if there is one."""
        ledger = {} if self.ledger is None else self.ledger.to_json()
        known = {
            **ledger,
            "waiting": dict(self.waiting),
            "unended": self.unended,
            "unacknowledged": self.unacknowledged,
            "clean": self.is_clean,
        }
        return known | ({"fault": self.reason} if self.reason else {})

    @property
    def reason(self) -> str:
        """Why there is no ledger, or why it is not the last word; empty if it is."""
        return self.fault or ("" if self.ledger is not None else "the run ended before the API knew it")

    def sentences(self) -> list[str]:
        """Return what a person must know beside the ledger's table."""
        sentences = []
        if self.reason:
            sentences.append(
                f"{'no ledger' if self.ledger is None else 'the ledger is not the last word'}: {self.reason}"
            )
        if self.unended:
            sentences.append(
                f"given up: {self.unended:,} driver actors did not end, "
                f"{self.unacknowledged:,} records were not acknowledged; simulation.log names them"
            )
        if any(self.waiting.values()):
            waiting = " and ".join(f"{count:,} for the {store} store" for store, count in self.waiting.items() if count)
            kept = (
                "they are stored when the API runs again with this broker"
                if self.is_kept
                else "they are lost with the embedded broker"
            )
            sentences.append(f"records wait in Kafka, {waiting}: {kept}")
        return sentences
