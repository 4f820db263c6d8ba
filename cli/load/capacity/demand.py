"""What a sizing is asked for: a fleet, how long its positions are kept, and how the cluster is built."""

from __future__ import annotations

from dataclasses import dataclass

from engine.errors import InvalidInput

STATE_WRITES_PER_S = 4.0
"""The state sink gathers for a quarter of a second and writes the newest position of a delivery once."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked for.

    Attributes
    ----------
    drivers, hz : on the road at once, and positions a wall second of each.
    viewers : browsers that watch the live map.
    kafka_days, history_days : how long Kafka and Elasticsearch keep positions.
    kafka_copies, history_copies : of each position in all, the first one included.
    busy : share of its capacity that a part uses at most, (0, 1]: room for bursts, and for the loss of a process.
    node_cores, pod_cores : processor cores of a machine of the cluster, and of a pod with driver actors.

    Raises
    ------
    InvalidInput : a value out of its bounds.
    """

    drivers: int
    hz: float = 1.0
    viewers: int = 0
    kafka_days: float = 1.0
    history_days: float = 30.0
    kafka_copies: int = 3
    history_copies: int = 2
    busy: float = 0.6
    node_cores: int = 8
    pod_cores: int = 4

    def __post_init__(self) -> None:
        for name, (least, most) in BOUNDS.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise InvalidInput(
                    f"size: {name.replace('_', '-')} must be in {least:g} to {most:,.10g}, found {value:,.10g}"
                )

    @property
    def per_s(self) -> float:
        """Positions a second."""
        return self.drivers * self.hz

    @property
    def updates_per_s(self) -> float:
        """Positions a second that become updates of the state store."""
        return min(self.per_s, self.drivers * STATE_WRITES_PER_S)


BOUNDS: dict[str, tuple[float, float]] = {
    "drivers": (1, 1e9),
    "hz": (0.01, 100.0),
    "viewers": (0, 1e7),
    "kafka_days": (0.01, 3650.0),
    "history_days": (0.01, 36_500.0),
    "kafka_copies": (1, 10),
    "history_copies": (1, 10),
    "busy": (0.05, 1.0),
    "node_cores": (1, 1024),
    "pod_cores": (1, 1024),
}
