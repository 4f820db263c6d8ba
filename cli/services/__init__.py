"""Real services without a container engine: Kafka, Kafka Connect, Elasticsearch and a stand-in for MongoDB, as local processes."""

from cli.services.connect import Connect
from cli.services.elasticsearch import Elasticsearch
from cli.services.errors import FetchFailed, MissingTool, PortTaken, ServiceDied, ServicesError
from cli.services.kafka import Kafka
from cli.services.local import DEFAULT, NAMES, Services
from cli.services.mongodb import MongoDb
from cli.services.service import Service

__all__ = [
    "Services",
    "Service",
    "Kafka",
    "Elasticsearch",
    "MongoDb",
    "Connect",
    "NAMES",
    "DEFAULT",
    "ServicesError",
    "MissingTool",
    "FetchFailed",
    "PortTaken",
    "ServiceDied",
]
