"""Ids as dense numbers: what an array of texts needs before arrays can be indexed by it.

An open-addressing hash table in numpy. Ids of up to some dozen characters are looked up as columns of 64-bit words, so
a hundred thousand of them cost a few milliseconds; a dict over ``tolist()`` costs ten times as much.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from engine.arrays import Ids, Ints, Words

_LEAST_SLOTS: Final = 1024
_FACTORS: Final = np.random.default_rng(20_240_501).integers(0, 2**63, 64, np.uint64) | np.uint64(1)
_FINISH: Final = np.uint64(0x9E3779B97F4A7C15)


class Interner:
    """Numbers ids 0, 1, 2, ... in the order in which they first appear."""

    def __init__(self) -> None:
        self._columns: list[Words] = [np.zeros(_LEAST_SLOTS, np.uint64)]
        self._slots = np.full(_LEAST_SLOTS, -1, np.int64)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def intern(self, ids: Ids) -> Ints:
        """Return the number of each id; unknown ids get the next ones. Shape (n,)."""
        words = _words_of(ids)
        numbers = self._find(words)
        unknown = np.flatnonzero(numbers < 0)
        if unknown.size:
            self._add(np.array(list(dict.fromkeys(ids[unknown].tolist())), ids.dtype))
            numbers[unknown] = self._find(words[:, unknown])
        return numbers

    def find(self, ids: Ids) -> Ints:
        """Return the number of each id, -1 for unknown ones. Shape (n,)."""
        return self._find(_words_of(ids))

    def names(self, numbers: Ints | None = None) -> Ids:
        """Return the ids of some numbers, or all ids in order."""
        chosen = [column[: self._count] if numbers is None else column[numbers] for column in self._columns]
        return np.ascontiguousarray(np.stack(chosen, axis=1)).view(f"S{8 * len(chosen)}").ravel()

    def keep(self, numbers: Ints) -> None:
        """Forget every id but those of some numbers, which become 0, 1, 2, ... in the order given."""
        kept = self.names(numbers)
        self.__init__()  # type: ignore[misc]
        if kept.size:
            self._add(kept)

    def _add(self, ids: Ids) -> None:
        words = _words_of(ids)
        first, self._count = self._count, self._count + len(ids)
        self._columns += [np.zeros(len(self._columns[0]), np.uint64) for _ in range(len(words) - len(self._columns))]
        if self._count > len(self._columns[0]):
            room = max(self._count, 2 * len(self._columns[0])) - len(self._columns[0])
            self._columns = [np.concatenate([column, np.zeros(room, np.uint64)]) for column in self._columns]
        for column, word in zip(self._columns, words, strict=False):
            column[first : self._count] = word
        if 2 * self._count > len(self._slots):
            self._slots = np.full(1 << (4 * self._count - 1).bit_length(), -1, np.int64)
            first = 0
        self._place(np.arange(first, self._count))

    def _place(self, numbers: Ints) -> None:
        last = len(self._slots) - 1
        slots = _hash([column[numbers] for column in self._columns], last)
        while numbers.size:
            free = self._slots[slots] < 0
            self._slots[slots[free]] = numbers[free]  # of several that want one slot the last gets it
            homeless = self._slots[slots] != numbers
            numbers, slots = numbers[homeless], (slots[homeless] + 1) & last

    def _find(self, words: Words) -> Ints:
        last = len(self._slots) - 1
        slots = _hash(list(words), last)
        numbers = self._slots[slots]
        differs = self._differs(numbers, words) & (numbers >= 0)
        seeking = np.flatnonzero(differs)
        while seeking.size:
            slots[seeking] = (slots[seeking] + 1) & last
            found = self._slots[slots[seeking]]
            numbers[seeking] = found
            seeking = seeking[self._differs(found, words[:, seeking]) & (found >= 0)]
        return numbers

    def _differs(self, numbers: Ints, words: Words) -> npt.NDArray[np.bool_]:
        differs = np.zeros(len(numbers), np.bool_)
        for k in range(max(len(self._columns), len(words))):
            word = words[k] if k < len(words) else np.uint64(0)
            differs |= (self._columns[k].take(numbers, mode="clip") if k < len(self._columns) else np.uint64(0)) != word
        return differs


def _words_of(ids: Ids) -> Words:
    """Return ids as (k, n) words, filled up with NUL."""
    width = max(8, -(-ids.dtype.itemsize // 8) * 8)
    wide = np.ascontiguousarray(ids) if ids.dtype.itemsize == width else ids.astype(f"S{width}")
    return wide.view(np.uint64).reshape(len(ids), width // 8).T


def _hash(words: list[Words], last: int) -> Ints:
    """Return a slot from 0 to `last` for each id.

    NUL words change nothing, so the array's width does not matter.
    """
    total = np.zeros(len(words[0]), np.uint64)
    for word, factor in zip(words, _FACTORS, strict=False):
        total += word * factor
    total ^= total >> np.uint64(32)
    total *= _FINISH
    return (total >> np.uint64(32)).astype(np.int64) & last
