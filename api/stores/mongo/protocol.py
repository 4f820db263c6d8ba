"""What the adapter asks of a driver, and no more.

A second driver is one more module like `api.stores.mongo.client`, and changes nothing else.

Every method raises `StoreBackpressure` or `StoreUnavailable`, never a driver's own error, and gives up within seconds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

from pymongo import IndexModel, UpdateOne

Document = dict[str, Any]
Filter = Mapping[str, Any]
Order = Sequence[tuple[str, int]]
"""Fields to sort by; 1 is ascending, -1 descending."""


class Collection(Protocol):
    """Documents of one kind."""

    async def find(
        self, where: Filter, fields: Sequence[str] | None = None, *, order: Order = (), skip: int = 0, limit: int = 0
    ) -> list[Document]:
        """Return the documents that fit.

        All their fields, or some and ``_id``; all of them, or at most `limit`.
        """

    def chunks(self, where: Filter, fields: Sequence[str], size: int) -> AsyncIterator[list[Document]]:
        """Give the documents that fit, some of their fields, at most `size` at a time.

        For more than fits into memory.
        """

    async def aggregate(self, pipeline: Sequence[Document]) -> list[Document]:
        """Return what a pipeline makes."""

    async def count(self, where: Filter) -> int:
        """Return how many documents fit."""

    async def write(self, operations: Sequence[UpdateOne]) -> tuple[int, ...]:
        """Carry out operations in any order and return the indices of those refused as duplicates.

        Refused means that the document is there already (error 11000).

        All others are done. After a lost connection they may have been done twice.
        """

    async def update_many(self, where: Filter, update: Document) -> None:
        """Change every document that fits."""

    async def delete_many(self, where: Filter) -> int:
        """Take out every document that fits, and return how many there were."""

    async def create_indexes(self, indexes: Sequence[IndexModel]) -> None:
        """Make the indexes that are not there."""


class Database(Protocol):
    """Where the collections are."""

    def collection(self, name: str) -> Collection:
        """Return a collection; it comes into being with its first document."""

    async def ping(self) -> None:
        """Return if the server answers."""

    async def close(self) -> None:
        """Let go of all connections."""
