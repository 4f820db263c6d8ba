"""What a driver host remembers of the deliveries that it adopted, beside their motion.

That is where it took them over, and what it answered to steerings.

Both make repetition harmless. A restarted dispatcher sends everything again, and a steering that was carried out is
answered as before, not carried out twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from actors.driving.assignment import Steering
from engine.delivery.spec import DeliverySpec
from engine.messages import DeliveryEvent


class Adopted:
    """The deliveries that a host has had and must not forget yet.

    Attributes
    ----------
    resumed : positions of these deliveries that earlier hosts had made, so that `resumed` plus those made here is how
        many there are.
    """

    def __init__(self) -> None:
        self.resumed = 0
        self._resume_seq: dict[str, int] = {}
        self._known: set[str] = set()
        #: Of the few that were ever steered.
        self._answers: dict[str, dict[int, int | None]] = {}

    def take_over(self, specs: Iterable[DeliverySpec], resume_seq: Mapping[str, int]) -> None:
        """Adopt new deliveries, each from the sample on that is made here."""
        for spec in specs:
            self._known.add(spec.delivery_id)
            first = resume_seq.get(spec.delivery_id, 0)
            if first:
                self._resume_seq[spec.delivery_id] = first
                self.resumed += first

    def end(self, event: DeliveryEvent) -> None:
        """Take a delivery's final event.

        A delivery that ended before the sample it was resumed at has fewer positions than was thought.
        """
        first = self._resume_seq.pop(event.delivery_id, 0)
        self.resumed -= max(0, first - (event.positions or 0))

    def answer(self, steering: Steering, act: Callable[[Steering], int | None]) -> int | None:
        """Carry out a steering, unless it has been, and return from when it holds; None if it changed nothing."""
        if steering.delivery_id not in self._known:
            return None
        answers = self._answers.setdefault(steering.delivery_id, {})
        if steering.number not in answers:
            answers[steering.number] = act(steering)
        return answers[steering.number]

    def forget(self, delivery_ids: Iterable[str]) -> None:
        """Forget deliveries that the dispatcher knows to have ended."""
        for delivery_id in delivery_ids:
            self._known.discard(delivery_id)
            self._answers.pop(delivery_id, None)
