"""The state store on a third-party MongoDB-wire server, beyond the contract of all state stores."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import pytest
from mongo_databases import database_for_a_test, mongodb_url
from pymongo import AsyncMongoClient, IndexModel, MongoClient, UpdateOne
from pymongo.errors import BulkWriteError

from api.errors import StoreUnavailable
from api.stores.base import DeliveryQuery, DeliverySort
from api.stores.memory import MemoryState
from api.stores.mongo import MongoState
from api.stores.mongo import client as motor_client
from api.stores.mongo.calls import refused_as_known
from api.stores.mongo.protocol import Collection, Database, Document, Filter, Order
from api.stores.mongo.state import BULK
from cli.local.services import Services
from engine.codec import PositionBatch
from engine.messages import DeliveryEvent

pytestmark = pytest.mark.services

T0 = 1_700_000_000_000
LAT, LNG = -15.82594, -47.92923


@pytest.fixture
def url(request: pytest.FixtureRequest) -> str:
    return mongodb_url(request)


@pytest.fixture
def database(url: str) -> Iterator[str]:
    """The name of a database that no other test uses."""
    with database_for_a_test(url) as name:
        yield name


@pytest.fixture
def stored(url: str, database: str) -> Iterator[Callable[[str], list[Document]]]:
    """Reads a collection as it is stored, without the adapter."""
    with MongoClient[Document](url) as client:
        yield lambda collection: list(client[database][collection].find())


@pytest.fixture
async def opened(url: str, database: str) -> AsyncIterator[Callable[..., Any]]:
    """Opens stores on the test's database."""
    stores: list[MongoState] = []

    async def opened(**options: Any) -> MongoState:
        stores.append(MongoState(url, database, **options))
        await stores[-1].open()
        return stores[-1]

    yield opened
    for store in stores:
        await store.close()


def batch(*seqs: int, delivery: str = "d1", speed: float = 5.0) -> PositionBatch:
    ids = (b"r1", b"client", delivery.encode(), b"driver", b"run")
    return PositionBatch.of(
        [(*ids, LAT, LNG, seq == 99, seq, T0 + seq * 1000, speed, 90.0, seq * speed) for seq in seqs]
    )


async def test_places_are_geojson_with_longitude_first(
    opened: Callable[..., Any], stored: Callable[[str], list[Document]]
) -> None:
    store = await opened(keep_positions=True)
    await store.apply_positions(batch(3))
    place = {"type": "Point", "coordinates": [LNG, LAT]}
    assert [stored("deliveries")[0]["position"]["location"], stored("positions")[0]["location"]] == [place, place]


async def test_every_position_is_a_document_with_the_fields_of_the_wire_however_often_it_is_told(
    opened: Callable[..., Any], stored: Callable[[str], list[Document]]
) -> None:
    store = await opened(keep_positions=True)
    for seqs in ((2, 1, 0), (1, 2, 3), (0, 3)):
        await store.apply_positions(batch(*seqs))
    documents = {document["_id"]["seq"]: document for document in stored("positions")}
    assert sorted(documents) == [0, 1, 2, 3]
    assert documents[3] == {
        "_id": {"deliveryId": "d1", "seq": 3},
        "routeId": "r1",
        "clientId": "client",
        "position": [LAT, LNG],
        "finished": False,
        "deliveryId": "d1",
        "driverId": "driver",
        "runId": "run",
        "seq": 3,
        "eventTime": T0 + 3000,
        "speed": 5.0,
        "bearing": 90.0,
        "distance": 15.0,
        "location": {"type": "Point", "coordinates": [LNG, LAT]},
    }
    assert list(documents[3]["_id"]) == ["deliveryId", "seq"]  # their order is part of the id
    record = await store.delivery("d1")
    assert record is not None
    assert record.seq == 3


async def test_without_that_setting_no_position_is_kept(
    opened: Callable[..., Any], stored: Callable[[str], list[Document]]
) -> None:
    await (await opened()).apply_positions(batch(1, 2))
    assert stored("positions") == []


async def test_the_indexes_are_there_after_opening_once_or_twice(
    url: str, database: str, opened: Callable[..., Any]
) -> None:
    for _ in range(2):
        await opened(keep_positions=True)
    with MongoClient[Document](url) as client:
        keys = {
            name: {tuple(index["key"].items()) for index in client[database][name].list_indexes()}
            for name in ("deliveries", "runs", "positions")
        }
    assert keys["deliveries"] >= {(("position.location", "2dsphere"),), (("startedAt", -1), ("_id", 1))}
    assert keys["positions"] >= {(("location", "2dsphere"),), (("runId", 1),)}
    assert keys["runs"] >= {(("eventTime", -1), ("_id", 1))}


async def test_an_older_position_never_overwrites_however_records_are_redelivered(opened: Callable[..., Any]) -> None:
    stores, chance = [await opened(), await opened()], random.Random(11)
    for top in range(1, 100, 9):
        seqs = [seq for seq in range(top + 1) for _ in range(chance.randrange(1, 3))]
        chance.shuffle(seqs)
        parts = [seqs[i : i + 7] for i in range(0, len(seqs), 7)]
        for i in range(0, len(parts), 4):
            await asyncio.gather(*(chance.choice(stores).apply_positions(batch(*part)) for part in parts[i : i + 4]))
        record = await stores[0].delivery("d1")
        assert record is not None
        assert (record.seq, record.event_time, record.distance_m) == (top, T0 + top * 1000, top * 5.0)


async def test_a_newer_position_wins_although_an_older_one_made_the_document_at_the_same_instant(
    opened: Callable[..., Any],
) -> None:
    rival = await opened()

    class Raced:
        """A collection where another writer makes a document between our look for it and our insertion of it."""

        def __init__(self, collection: Collection) -> None:
            self._collection = collection

        def __getattr__(self, name: str) -> Any:
            return getattr(self._collection, name)

        async def write(self, operations: Sequence[UpdateOne]) -> tuple[int, ...]:
            if operations and (await rival.delivery("d1")) is None:
                await rival.apply_positions(batch(4))
                return tuple(range(len(operations)))
            return await self._collection.write(operations)

    class RacedDatabase:
        def __init__(self, url: str, name: str) -> None:
            self._database = motor_client.connect(url, name)
            self.ping, self.close = self._database.ping, self._database.close

        def collection(self, name: str) -> Collection:
            found = self._database.collection(name)
            return Raced(found) if name == "deliveries" else found

    await (await opened(connect=RacedDatabase)).apply_positions(batch(7))
    record = await rival.delivery("d1")
    assert record is not None
    assert record.seq == 7


async def test_connections_stay_within_the_pool(url: str, database: str) -> None:
    with MongoClient[Document](url) as client:

        def connections() -> int:
            return int(client.admin.command("serverStatus")["connections"]["current"])

        before = connections()
        store = MongoState(f"{url}/?maxPoolSize=3", database)
        await store.open()
        await asyncio.gather(
            *(store.apply_positions(batch(i, delivery=f"d{i}")) for i in range(60)),
            *(store.delivery(f"d{i}") for i in range(60)),
        )
        # The driver itself keeps up to two more, by which it watches the server.
        assert connections() - before <= 3 + 2
        assert (await store.deliveries(DeliveryQuery())).total == 60
        await store.close()


async def test_a_text_of_any_characters_is_a_question_and_no_pattern(opened: Callable[..., Any]) -> None:
    store = await opened()
    await store.apply_positions(batch(1))
    for text in ("\0", "\\Q", "(", "[a", "d1$", "a{2}", "\U0001f69a", "'\""):
        assert (await store.deliveries(DeliveryQuery(text=text))).total == 0
        assert (await store.routes(text)).total == 0


async def test_more_deliveries_than_one_bulk_takes_are_all_told(opened: Callable[..., Any]) -> None:
    store, many = await opened(), 2 * BULK + 100
    names = [f"d{i:04}" for i in range(many)]
    ids = (b"r1", b"client"), (b"driver", b"run")
    await store.apply_positions(
        PositionBatch.of([(*ids[0], name.encode(), *ids[1], LAT, LNG, False, 1, T0, 5.0, 90.0, 5.0) for name in names])
    )
    await store.apply_events(
        [DeliveryEvent(name, "run", "r1", "client", "driver", "van", "delivered", 1, T0, positions=2) for name in names]
    )
    assert len(await store.ended("run")) == many
    page = await store.deliveries(DeliveryQuery(sort=DeliverySort.PROGRESS, limit=5, offset=many - 5))
    assert ([record.delivery_id for record in page.items], page.total) == (names[-5:], many)


async def test_a_store_goes_on_by_itself_when_its_server_comes_back(services: Services) -> None:
    url = services.mongodb.address
    with database_for_a_test(url) as name:
        store = MongoState(url, name)
        await store.open()
        await store.apply_positions(batch(3))
        services.stop(["mongodb"])
        try:
            with pytest.raises(StoreUnavailable, match="MongoDB at"):
                await store.apply_positions(batch(4))
            with pytest.raises(StoreUnavailable, match="MongoDB at"):
                await store.ping()
        finally:
            services.start(["mongodb"])
        await store.apply_positions(batch(5, 4))
        record = await store.delivery("d1")
        assert record is not None
        assert record.seq == 5
        await store.close()


class PyMongoDatabase:
    """The protocol on PyMongo's own asynchronous client."""

    def __init__(self, url: str, name: str) -> None:
        self._client: AsyncMongoClient[Document] = AsyncMongoClient(url, **motor_client.options_for(url))
        self._name = name

    def collection(self, name: str) -> Collection:
        return PyMongoCollection(self._client[self._name][name])

    async def ping(self) -> None:
        await self._client.admin.command("ping")

    async def close(self) -> None:
        await self._client.close()


class PyMongoCollection:
    def __init__(self, collection: Any) -> None:
        self._collection = collection

    async def find(
        self, where: Filter, fields: Sequence[str] | None = None, *, order: Order = (), skip: int = 0, limit: int = 0
    ) -> list[Document]:
        found = self._collection.find(where, fields, sort=list(order) or None, skip=skip, limit=limit)
        return list(await found.to_list(None))

    async def chunks(self, where: Filter, fields: Sequence[str], size: int) -> AsyncIterator[list[Document]]:
        cursor = self._collection.find(where, fields, batch_size=size)
        while part := await cursor.to_list(size):
            yield part

    async def aggregate(self, pipeline: Sequence[Document]) -> list[Document]:
        return list(await (await self._collection.aggregate(pipeline)).to_list(None))

    async def count(self, where: Filter) -> int:
        return int(await self._collection.count_documents(where))

    async def write(self, operations: Sequence[UpdateOne]) -> tuple[int, ...]:
        try:
            if operations:
                await self._collection.bulk_write(list(operations), ordered=False)
        except BulkWriteError as error:
            return refused_as_known(error)
        return ()

    async def update_many(self, where: Filter, update: Document) -> None:
        await self._collection.update_many(where, update)

    async def delete_many(self, where: Filter) -> int:
        return int((await self._collection.delete_many(where)).deleted_count)

    async def create_indexes(self, indexes: Sequence[IndexModel]) -> None:
        await self._collection.create_indexes(list(indexes))


async def test_the_store_works_on_another_driver_as_it_is(opened: Callable[..., Any]) -> None:
    driver: Callable[[str, str], Database] = PyMongoDatabase
    store, plain = await opened(connect=driver, keep_positions=True), MemoryState()
    for one in (store, plain):
        await one.apply_positions(batch(2, 5, 3))
        await one.apply_events(
            [DeliveryEvent("d1", "run", "r1", "client", "driver", "van", "started", 0, T0, route_length=50.0)]
        )
        await one.apply_positions(batch(4))
    assert sorted([seq async for chunk in store.positions("run") for seq in chunk.seq.tolist()]) == [2, 3, 4, 5]
    for sort in DeliverySort:
        assert await store.deliveries(DeliveryQuery(sort=sort)) == await plain.deliveries(DeliveryQuery(sort=sort))
    await store.ping()
