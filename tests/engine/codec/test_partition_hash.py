"""Keys hash as Kafka's own clients hash them."""

from __future__ import annotations

import numpy as np
import pytest

from engine.codec.partition_hash import murmur2, partitions_of


@pytest.mark.parametrize(
    ("key", "expected"),
    # Java's own test values, org.apache.kafka.common.utils.UtilsTest
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    ],
)
def test_a_key_hashes_as_in_java(key: bytes, expected: int) -> None:
    assert murmur2([key]).view(np.int32).tolist() == [expected]


def test_keys_of_different_lengths_keep_their_places() -> None:
    keys = [b"", b"a", b"bb", b"ccc", b"dddd", b"eeeee", b"bb"]
    assert murmur2(keys).tolist() == [int(murmur2([key])[0]) for key in keys]
    assert murmur2([]).tolist() == []


def test_every_hash_has_a_partition() -> None:
    hashes = np.array([0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF], np.uint32)
    assert partitions_of(hashes, 12).tolist() == [0, 1, 0x7FFFFFFF % 12, 0, 0x7FFFFFFF % 12]
