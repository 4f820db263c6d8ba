"""The load of a fleet for which the embedded broker has its largest number of partitions."""

from __future__ import annotations

from cli.local.broker import MAX_PARTITIONS, POSITIONS_PER_PARTITION

LARGE_FLEET = MAX_PARTITIONS * POSITIONS_PER_PARTITION
