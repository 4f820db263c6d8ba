"""The hash by which Kafka's clients turn a key into a partition: murmur2.

Java's default partitioner and librdkafka's ``murmur2_random`` compute the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint32]

_SEED: Final = np.uint32(0x9747B28C)
_FACTOR: Final = np.uint32(0x5BD1E995)
_POSITIVE: Final = np.uint32(0x7FFFFFFF)


def murmur2(keys: Sequence[bytes]) -> Hashes:
    """Return the hash of each key, uint32 (n,); keys of one length are hashed together."""
    lengths = np.array([len(key) for key in keys], np.int64)
    hashes = np.empty(len(keys), np.uint32)
    for length in np.flatnonzero(np.bincount(lengths)).tolist():
        chosen = np.flatnonzero(lengths == length)
        joined = b"".join([keys[i] for i in chosen.tolist()])
        hashes[chosen] = _of_length(np.frombuffer(joined, np.uint8).reshape(len(chosen), length))
    return hashes


def partitions_of(hashes: Hashes, count: int) -> npt.NDArray[np.int64]:
    """Return the partition, 0 to `count` - 1, that belongs to each key's hash."""
    return ((hashes & _POSITIVE) % np.uint32(count)).astype(np.int64)


def _of_length(keys: npt.NDArray[np.uint8]) -> Hashes:
    n, length = keys.shape
    whole = length // 4
    found = np.full(n, _SEED ^ np.uint32(length), np.uint32)
    words = np.ascontiguousarray(keys[:, : 4 * whole]).view("<u4")
    for i in range(whole):
        found = (found * _FACTOR) ^ _mixed(words[:, i] * _FACTOR, 24) * _FACTOR
    for i in reversed(range(4 * whole, length)):
        found ^= keys[:, i].astype(np.uint32) << np.uint32(8 * (i - 4 * whole))
    if length % 4:
        found *= _FACTOR
    return _mixed(_mixed(found, 13) * _FACTOR, 15)


def _mixed(words: Hashes, by: int) -> Hashes:
    return words ^ (words >> np.uint32(by))
