"""The totals of a run's ledger, as a load test is judged by them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Protocol, Self


class Accounted(Protocol):
    """Totals of a run's positions, from any source.

    `engine.accounting.ledger.Account` has them, and the answer of the REST interface.
    """

    @property
    def produced(self) -> int:
        """Positions produced."""

    @property
    def acked(self) -> int:
        """Positions that Kafka acknowledged."""

    @property
    def failed(self) -> int:
        """Positions that Kafka refused for good."""

    @property
    def consumed(self) -> int:
        """Positions read by a sink."""

    @property
    def stored(self) -> int:
        """Positions in a store."""

    @property
    def missing(self) -> int:
        """Positions that are in no store although later ones are."""

    @property
    def duplicated(self) -> int:
        """Positions that were read although they were stored already."""

    @property
    def dead_lettered(self) -> int:
        """Records that could not be read."""

    @property
    def lost_on_purpose(self) -> int:
        """Positions that an injected fault left out or damaged."""


@dataclass(frozen=True, slots=True)
class LedgerTotals:
    """Where the positions of the whole run are; see `engine.accounting.ledger.Account`.

    Attributes
    ----------
    duplicated : read although they were stored already; those that an injected fault sent twice are left out.
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
        """Positions that Kafka acknowledged and that are in no store.

        Those that an injected fault left out or damaged are no loss.
        """
        return max(self.missing, self.acked - self.stored - self.lost_on_purpose, 0)
