"""Local services without a container engine: Kafka, Connect, Elasticsearch, a MongoDB stand-in."""

from cli.local.services.connect import Connect
from cli.local.services.elasticsearch import Elasticsearch
from cli.local.services.errors import FetchFailed, MissingTool, PortTaken, ServiceDied, ServicesError
from cli.local.services.kafka import Kafka
from cli.local.services.local import DEFAULT, NAMES, Services
from cli.local.services.mongodb import MongoDb
from cli.local.services.service import Service

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
