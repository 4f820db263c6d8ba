"""How long each part of the API's end may take.

The one place from which those who wait for that end derive their patience.
"""

from __future__ import annotations

DRAIN_S = 3.0
"""How long the end waits for positions on their way to the stores, unless the settings say otherwise."""

GRACE_S = 1
"""How long open requests may take once the end has been asked for; live sockets are closed at once."""

STORE_S = 5.0
"""How long the readers may store what they have read."""

REVOKE_S = 5.0
"""How long a rebalance waits for what is being stored.

Later it is stored all the same, and read again by the next owner.
"""

PUBLISH_S = 1.0
"""How long what was measured last may take to reach Kafka."""

ACCOUNT_S = 5.0
"""How long the stores may take to account for the runs, for the log."""

CLOSE_S = 15.0
"""How long letting go of Kafka and of the stores may take, and the process to end, on a busy machine."""


def longest_end_s(drain_s: float) -> float:
    """Return after which time an API that was asked to end will not end by itself."""
    return GRACE_S + drain_s + STORE_S + REVOKE_S + PUBLISH_S + ACCOUNT_S + CLOSE_S
