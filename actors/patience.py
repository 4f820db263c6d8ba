"""Patience: how long to wait for something that makes progress.

It reads no clock: measures and times are arguments.
"""

from __future__ import annotations

END_WAIT_S = 30.0
"""How long the end of a run waits without progress, unless the settings give another time.

It is longer than a process of a busy machine may stand still.
"""

LAST_WORDS_S = 10.0
"""How long a simulation that has given up may take to report that and to end."""


class Patience:
    """A wait that begins anew with each progress.

    Parameters
    ----------
    bound_s : it is over when nothing has moved for this long.
    now_s : when it begins; of any clock that only goes forward.
    """

    def __init__(self, bound_s: float, now_s: float) -> None:
        self._bound_s, self._moved_s = bound_s, now_s
        self._least: tuple[float, ...] = ()

    def is_over(self, measures: tuple[float, ...], now_s: float) -> bool:
        """Return whether nothing has moved for too long.

        Parameters
        ----------
        measures : what is still to be done, always as many values; progress is when one of them is less than ever
            before. Empty if nothing is known.
        """
        least = tuple(map(min, self._least, measures)) if self._least and measures else self._least or measures
        if least != self._least:
            self._least, self._moved_s = least, now_s
        return now_s - self._moved_s >= self._bound_s
