"""The totals of a run's ledger, as a load test is judged by them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol, Self


class Accounted(Protocol):
    """Totals of a run's positions, whoever counted them: `engine.accounting.ledger.Account`, or what the REST interface answers."""

    @property
    def produced(self) -> int: ...
    @property
    def acked(self) -> int: ...
    @property
    def failed(self) -> int: ...
    @property
    def consumed(self) -> int: ...
    @property
    def stored(self) -> int: ...
    @property
    def missing(self) -> int: ...
    @property
    def duplicated(self) -> int: ...
    @property
    def dead_lettered(self) -> int: ...
    @property
    def lost_on_purpose(self) -> int: ...


@dataclass(frozen=True, slots=True)
class LedgerTotals:
    """Where the positions of the whole run are; see `engine.accounting.ledger.Account`.

    Attributes
    ----------
    duplicated : read although they were stored already; those that a fault on purpose sent twice are left out.
    """

    produced: int = 0
    acked: int = 0
    failed: int = 0
    consumed: int = 0
    stored: int = 0
    missing: int = 0
    duplicated: int = 0
    dead_lettered: int = 0
    lost_on_purpose: int = 0

    @classmethod
    def of(cls, account: Accounted, duplicated_on_purpose: int = 0) -> Self:
        """Return the totals of an account."""
        found = {one.name: getattr(account, one.name) for one in fields(cls)}
        return cls(**found | {"duplicated": max(account.duplicated - duplicated_on_purpose, 0)})

    @property
    def lost(self) -> int:
        """Positions that Kafka acknowledged and that are in no store; those that a fault on purpose left out or damaged are no loss."""
        return max(self.missing, self.acked - self.stored - self.lost_on_purpose, 0)
