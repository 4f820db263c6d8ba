"""The decisions of the wait until the stores have what Kafka has.

They are made from the API's answers and the time alone: what is waited for, and when the wait is over.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from actors.patience import Patience
from cli.local.ledger_table import LedgerSummary


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API has reported of a run.

    Attributes
    ----------
    ledger : None if the API does not know the run, or did not answer.
    waiting : records that a store's reader has still to read or to store, by the store's name.
    fault : why there is no answer, or only a part of it; empty if there is one.
    """

    ledger: LedgerSummary | None = None
    waiting: Mapping[str, int] = field(default_factory=dict)
    fault: str = ""


class Storing:
    """The wait for one run's stores.

    Parameters
    ----------
    settle_s : how long a store may take until a reader sees its last record. With nothing left to read, what is missing
        after it will not come.
    end_wait_s : how long to wait while records wait or the API does not answer, and nothing advances.
    now_s : when the wait begins, s.

    Attributes
    ----------
    newest : what the API reported last, with its last ledger.
    """

    def __init__(self, settle_s: float, end_wait_s: float, now_s: float) -> None:
        self._settling, self._waiting = Patience(settle_s, now_s), Patience(max(settle_s, end_wait_s), now_s)
        self.newest = Answer()

    def is_over(self, answer: Answer, now_s: float) -> bool:
        """Take an answer, and return whether the wait is over."""
        known = self.newest
        self.newest = Answer(answer.ledger or known.ledger, answer.waiting or known.waiting, answer.fault)
        stored = 0 if self.newest.ledger is None else self.newest.ledger.stored
        measures = (-stored, self._count if self.newest.waiting else math.inf)
        settled, stuck = self._settling.is_over(measures, now_s), self._waiting.is_over(measures, now_s)
        if answer.fault or self._count:
            return stuck
        return settled or (answer.ledger is not None and answer.ledger.is_clean)

    @property
    def _count(self) -> int:
        return max(self.newest.waiting.values(), default=0)

    @property
    def sentence(self) -> str:
        """What is waited for, as a sentence for a person."""
        if self.newest.fault:
            return f"waiting for the API: {self.newest.fault}"
        if self._count:
            return f"waiting for {self._count:,} records in Kafka to be stored"
        return "storing what is still on its way"
