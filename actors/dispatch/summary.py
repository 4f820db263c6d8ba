"""The totals of a run that has ended."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from actors.dispatch.dispatcher import Dispatcher


@dataclass(frozen=True, slots=True)
class Summary:
    """Totals of a run, as its drivers counted them.

    Attributes
    ----------
    deliveries : how many were started.
    produced, acked, failed : positions handed to Kafka, acknowledged by it, refused by it for good.
    unended, unacknowledged : driver actors whose end was given up, and their records of any kind, final events too,
        that were not acknowledged by then.
    lateness_p50_ms, lateness_p99_ms, lateness_max_ms : wall time of producing minus wall time at which a position was
        due; None without positions.
    """

    run_id: str
    deliveries: int = 0
    produced: int = 0
    acked: int = 0
    failed: int = 0
    unended: int = 0
    unacknowledged: int = 0
    lateness_p50_ms: float | None = None
    lateness_p99_ms: float | None = None
    lateness_max_ms: float | None = None

    @classmethod
    def of(cls, dispatcher: Dispatcher) -> Summary:
        """Return the totals of a dispatcher's run."""
        totals, lateness, left = dispatcher.registry.totals, dispatcher.registry.lateness(), dispatcher.left
        return cls(
            run_id=dispatcher.plan.run_id,
            deliveries=dispatcher.deliveries,
            produced=totals.produced,
            acked=totals.acked,
            failed=totals.failed,
            unended=left.unended,
            unacknowledged=left.unacknowledged,
            lateness_p50_ms=lateness.percentile_ms(50),
            lateness_p99_ms=lateness.percentile_ms(99),
            lateness_max_ms=lateness.percentile_ms(100),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the totals under the names that JSON has."""
        return {
            key.split("_")[0] + "".join(word.capitalize() for word in key.split("_")[1:]): value
            for key, value in asdict(self).items()
        }
