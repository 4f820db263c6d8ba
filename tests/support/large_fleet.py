"""The load of a fleet for which the embedded broker has as many partitions as it can have, so that several readers share them."""

from __future__ import annotations

from cli.local.broker import MAX_PARTITIONS, POSITIONS_PER_PARTITION

LARGE_FLEET = MAX_PARTITIONS * POSITIONS_PER_PARTITION
