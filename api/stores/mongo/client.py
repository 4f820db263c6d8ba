"""The driver: motor, imported here and nowhere else.

Motor is at its end of life; PyMongo's own asynchronous client takes its place by a module like this.

Durability: a write is acknowledged once a majority has it in its journal. What the address says
(``?w=1&maxPoolSize=50``) goes before what is said here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import parse_qsl

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection
from pymongo import IndexModel, UpdateOne
from pymongo.errors import BulkWriteError, PyMongoError

from api.errors import StoreUnavailable
from api.stores.mongo.calls import called, called_once, refused_as_known
from api.stores.mongo.protocol import Collection, Database, Document, Filter, Order
from engine.contract.address import hosts_of

OPTIONS: dict[str, Any] = {
    "appname": "code-delivery",
    "maxPoolSize": 16,
    "waitQueueTimeoutMS": 5_000,
    # A dead server is to be noticed within seconds: the sink waits, and tells why; it does not hang.
    "serverSelectionTimeoutMS": 2_000,
    "connectTimeoutMS": 2_000,
    # A live one that is slow must be let finish: a bulk that is given up is sent again whole, and makes it slower
    # still.
    "socketTimeoutMS": 15_000,
    "w": "majority",
    "journal": True,
}
"""What the connection is asked for where the address says nothing; times in ms."""


def options_for(url: str) -> dict[str, Any]:
    """Return those of `OPTIONS` that an address leaves open."""
    told = {name.lower() for name, _ in parse_qsl(url.partition("?")[2], keep_blank_values=True)}
    return {name: value for name, value in OPTIONS.items() if name.lower() not in told}


def place_of(url: str) -> str:
    """Return what may be shown of an address: its hosts, without name and password."""
    return f"MongoDB at {hosts_of(url)}"


def connect(url: str, database: str) -> Database:
    """Return a database; connections are made when they are needed.

    Called in the event loop that will use it.

    Raises
    ------
    StoreUnavailable : an address that is none.
    """
    try:
        return _MotorDatabase(AsyncIOMotorClient(url, **options_for(url)), database, place_of(url))
    except (PyMongoError, ValueError) as error:
        raise StoreUnavailable(f"{place_of(url)}: {error}") from error


class _MotorDatabase:
    def __init__(self, client: AsyncIOMotorClient[Document], database: str, place: str) -> None:
        self._client, self._database, self._place = client, client[database], place

    def collection(self, name: str) -> Collection:
        return _MotorCollection(self._database[name], f"{self._place}, {self._database.name}.{name}")

    async def ping(self) -> None:
        await called(self._place, lambda: self._client.admin.command("ping"))

    async def close(self) -> None:
        self._client.close()


class _MotorCollection:
    def __init__(self, collection: AsyncIOMotorCollection[Document], place: str) -> None:
        self._collection, self._place = collection, place

    async def find(
        self, where: Filter, fields: Sequence[str] | None = None, *, order: Order = (), skip: int = 0, limit: int = 0
    ) -> list[Document]:
        def call() -> Any:
            return self._collection.find(where, fields, sort=list(order) or None, skip=skip, limit=limit).to_list(None)

        found: list[Document] = await called(self._place, call)
        return found

    async def chunks(self, where: Filter, fields: Sequence[str], size: int) -> AsyncIterator[list[Document]]:
        cursor = self._collection.find(where, fields, batch_size=size)
        while part := await called_once(self._place, lambda: cursor.to_list(size)):
            yield part

    async def aggregate(self, pipeline: Sequence[Document]) -> list[Document]:
        found: list[Document] = await called(
            self._place, lambda: self._collection.aggregate(pipeline, allowDiskUse=True).to_list(None)
        )
        return found

    async def count(self, where: Filter) -> int:
        return await called(self._place, lambda: self._collection.count_documents(where))

    async def write(self, operations: Sequence[UpdateOne]) -> tuple[int, ...]:
        async def call() -> tuple[int, ...]:
            try:
                await self._collection.bulk_write(list(operations), ordered=False)
            except BulkWriteError as error:
                return refused_as_known(error)
            return ()

        return await called(self._place, call) if operations else ()

    async def update_many(self, where: Filter, update: Document) -> None:
        await called(self._place, lambda: self._collection.update_many(where, update))

    async def delete_many(self, where: Filter) -> int:
        return (await called(self._place, lambda: self._collection.delete_many(where))).deleted_count

    async def create_indexes(self, indexes: Sequence[IndexModel]) -> None:
        await called(self._place, lambda: self._collection.create_indexes(list(indexes)))
