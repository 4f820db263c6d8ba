"""Read positions from Kafka: ``python examples/consumer.py 127.0.0.1:9092 [COUNT]``."""

import json
import sys

from confluent_kafka import Consumer

bootstrap, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1000
consumer = Consumer(
    {
        "bootstrap.servers": bootstrap,
        "group.id": "example",
        "group.protocol": "consumer",
        "auto.offset.reset": "earliest",
    }
)
consumer.subscribe(["route.new-position"])
try:
    for _ in range(count):
        record = consumer.poll(10.0)
        if record is None:
            break
        if record.error() is None:
            position = json.loads(record.value())
            print(position["deliveryId"], position["seq"], position["position"], position["speed"], "m/s")
finally:
    consumer.close()
