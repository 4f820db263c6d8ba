"""Encoded positions as they are handed to Kafka: rows of byte matrices, which contain their keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.arrays import Ints
from engine.codec.layout import padded
from engine.codec.partition_hash import Hashes
from engine.codec.writer import row_values


@dataclass(frozen=True, slots=True)
class EncodedRows:
    """Records of one layout. A record's Kafka key is one of its ids, so it stands in the record.

    Attributes
    ----------
    index : int64 (k,): which records of the call these are.
    matrix : uint8 (k, width): one record a row.
    key_offset : the column at which keys begin.
    key_bytes : int64 (k,): how long each key is.
    key_hash : uint32 (k,): `engine.codec.partition_hash.murmur2` of each key.
    """

    index: Ints
    matrix: npt.NDArray[np.uint8]
    key_offset: int
    key_bytes: Ints
    key_hash: Hashes

    def values(self) -> list[bytes]:
        """Return one bytes object per record."""
        return row_values(self.matrix)

    def keys(self) -> list[bytes]:
        """Return each record's Kafka key."""
        width = padded(int(self.key_bytes.max(initial=0)))
        found = self.matrix[:, self.key_offset : self.key_offset + width].copy()
        found[np.arange(width) >= self.key_bytes[:, np.newaxis]] = 0
        return row_values(found)


class EncodedRecords:
    """The positions of a tick, n records in some blocks; a delivery's are in one block, in order.

    Parameters
    ----------
    blocks : whose `index` together are 0 to n - 1.
    """

    __slots__ = ("blocks",)

    def __init__(self, blocks: Sequence[EncodedRows] = ()) -> None:
        self.blocks = tuple(blocks)

    def __len__(self) -> int:
        return sum(len(block.index) for block in self.blocks)

    def values(self) -> list[bytes]:
        """Return one bytes object per record, in the order of the tick."""
        return self._in_order([block.values() for block in self.blocks])

    def keys(self) -> list[bytes]:
        """Return each record's Kafka key, in the order of the tick."""
        return self._in_order([block.keys() for block in self.blocks])

    def _in_order(self, parts: list[list[bytes]]) -> list[bytes]:
        if len(parts) == 1:
            return parts[0]
        found = np.empty(len(self), object)
        for block, part in zip(self.blocks, parts, strict=True):
            found[block.index] = np.array([*part, None], object)[
                :-1
            ]  # None, so that numpy leaves the bytes objects what they are
        ordered: list[bytes] = found.tolist()
        return ordered
