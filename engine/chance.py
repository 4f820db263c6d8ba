"""Every seeded draw: numbers that follow from a seed and some words or keys alone.

The number of workers, the order of requests and the time of asking change no draw.
"""

from __future__ import annotations

import hashlib

import numpy as np

from engine.arrays import Floats, Ints, Words


def seeded_word(seed: int, *words: str) -> int:
    """Return a number in [0, 2**64) that follows from the seed and the words alone.

    The numbers of different words are evenly spread.
    """
    digest = hashlib.blake2b("\0".join((str(seed), *words)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big")


def seeded_unit(seed: int, *words: str) -> float:
    """Return a number in [0, 1) that follows from the seed and the words alone, evenly spread over them."""
    return (seeded_word(seed, *words) >> 11) * 2.0**-53


def seeded_units(keys: Words, numbers: Ints, salt: int) -> Floats:
    """Return numbers in [0, 1) that follow from keys, numbers and salt alone, (n,).

    The method is splitmix64 (Steele, Lea and Flood, 2014).
    """
    with np.errstate(over="ignore"):
        x = (
            keys
            + np.uint64(0x9E3779B97F4A7C15) * (numbers.astype(np.uint64) + np.uint64(1))
            + np.uint64((salt * 0xD1342543DE82EF95) % 2**64)
        )
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(((x ^ (x >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def seeded_generator(seed: int) -> np.random.Generator:
    """Return numpy's generator of a seed, for draws that one process makes in a fixed order."""
    return np.random.default_rng(seed)
