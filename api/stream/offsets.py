"""Which partitions a consumer owns, and what it may commit of them.

That is never more than is stored, never less than before, and nothing of what another consumer owns.

Pure: its consumer reports rebalances and answers, in the consumer's thread.
"""

from __future__ import annotations

from collections.abc import Iterable

Partition = tuple[str, int]
"""Topic and number."""


class Offsets:
    """The next offset to read of each partition, on its way from stored to committed.

    Attributes
    ----------
    owned : the partitions that are ours.
    """

    def __init__(self) -> None:
        self.owned: set[Partition] = set()
        self._stored: dict[Partition, int] = {}
        self._asked: dict[Partition, int] = {}

    def assigned(self, partitions: Iterable[Partition]) -> None:
        """Own some more partitions."""
        self.owned.update(partitions)

    def lost(self, partitions: Iterable[Partition], unstored: Iterable[dict[Partition, int]]) -> None:
        """Own some partitions no longer; `unstored` are the offsets of what was read and not stored yet.

        What was read of such a partition is stored all the same, which is harmless, but never committed by us: its next
        owner may be further by then, even if that is us again.
        """
        gone = set(partitions)
        self.owned -= gone
        for offsets in (self._stored, self._asked, *unstored):
            for partition in gone & offsets.keys():
                del offsets[partition]

    def read(self, offsets: dict[Partition, int]) -> None:
        """Remove the offsets of partitions that went away within the poll that brought them."""
        for partition in offsets.keys() - self.owned:
            del offsets[partition]

    def stored(self, offsets: dict[Partition, int]) -> None:
        """Record that everything before some offsets is stored."""
        self._stored.update(offsets)

    def to_commit(self) -> dict[Partition, int]:
        """Return what is to be committed now; it is not returned again, unless `failed` says so."""
        taken, self._stored = self._stored, {}
        self._asked.update(taken)
        return taken

    def failed(self, partition: Partition, offset: int) -> None:
        """Record that a commit failed, so that its offset goes along with the next one.

        It does not if a later offset is on its way, or if the partition is not ours.
        """
        if self._asked.get(partition) == offset:
            self._stored.setdefault(partition, offset)
