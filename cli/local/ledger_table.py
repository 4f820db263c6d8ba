"""The ledger of a run as a table: what was produced, what arrived, and by name what did not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rich.table import Table

from engine.wire_names import camel


@dataclass(frozen=True, slots=True)
class LedgerSummary:
    """Counts of positions of one run, as ``GET /runs/{id}/ledger`` gives them.

    Attributes
    ----------
    failed : refused by Kafka for good.
    lost_on_purpose : left out or damaged by an injected fault of the scenario, so in no store; not missing.
    gaps : ``{"deliveryId", "from", "to"}``, seqs that are missing, both ends included.
    """

    produced: int = 0
    acked: int = 0
    consumed: int = 0
    stored: int = 0
    missing: int = 0
    duplicated: int = 0
    dead_lettered: int = 0
    failed: int = 0
    lost_on_purpose: int = 0
    gaps: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> LedgerSummary:
        """Return the summary in the API's answer."""
        counts = {
            name: int(record[camel(name)])
            for name in ("produced", "acked", "consumed", "stored", "missing", "duplicated", "dead_lettered")
        }
        return cls(
            **counts,
            failed=int(record.get("failed", 0)),
            lost_on_purpose=int(record.get("lostOnPurpose", 0)),
            gaps=list(record["gaps"]),
        )

    @property
    def is_clean(self) -> bool:
        """Whether every produced position is stored or lost by an injected fault, and none is missing."""
        return (
            self.missing == 0
            and self.produced == self.acked == self.stored + self.lost_on_purpose
            and self.stored <= self.consumed
        )

    def to_json(self) -> dict[str, Any]:
        """Return the summary as the API writes it, and whether it is clean."""
        return {
            "produced": self.produced,
            "acked": self.acked,
            "failed": self.failed,
            "consumed": self.consumed,
            "stored": self.stored,
            "missing": self.missing,
            "lostOnPurpose": self.lost_on_purpose,
            "duplicated": self.duplicated,
            "deadLettered": self.dead_lettered,
            "gaps": self.gaps,
            "clean": self.is_clean,
        }


def ledger_table(run_id: str, ledger: LedgerSummary, most_gaps: int = 10) -> Table:
    """Return the table that ends a run; it names the first gaps."""
    verdict = "[green]every position is accounted for[/]" if ledger.is_clean else "[bold red]not everything arrived[/]"
    table = Table(title=f"Ledger of {run_id}: {verdict}", title_justify="left")
    if ledger.lost_on_purpose or ledger.failed:
        table.padding = (0, 0)  # one more column still fits into 80 characters
    counts = {"produced": ledger.produced, "acked": ledger.acked}
    counts |= {"refused": ledger.failed} if ledger.failed else {}
    counts |= {"consumed": ledger.consumed, "stored": ledger.stored}
    counts |= {"lost by\nfaults": ledger.lost_on_purpose} if ledger.lost_on_purpose else {}
    counts |= {"missing": ledger.missing, "duplicated": ledger.duplicated}
    counts |= {"dead-\nlettered" if ledger.lost_on_purpose else "dead-lettered": ledger.dead_lettered}
    for heading in counts:
        table.add_column(heading, justify="right")
    table.add_row(*(f"{count:,}" for count in counts.values()))
    if ledger.gaps:
        named = [f"{gap['deliveryId']} seq {gap['from']}-{gap['to']}" for gap in ledger.gaps[:most_gaps]]
        more = f", and {len(ledger.gaps) - most_gaps} more" if len(ledger.gaps) > most_gaps else ""
        table.caption = "missing: " + ", ".join(named) + more
    return table
