"""The choice of a driver actor's publisher."""

from __future__ import annotations

import logging

from actors.producing.native_publisher import NativePublisher
from actors.producing.options import producer_options
from actors.producing.publisher import Publisher
from actors.producing.python_publisher import PythonPublisher
from actors.settings import Settings
from engine.librdkafka.wheel import LibraryUnusable

logger = logging.getLogger(__name__)


def open_publisher(settings: Settings) -> Publisher:
    """Return the publisher that KAFKA_PRODUCER names.

    Where the native one cannot be, it is the one over confluent_kafka's public interface.
    """
    options = producer_options(settings)
    if settings.kafka_producer == "native":
        try:
            return NativePublisher(options)
        except LibraryUnusable as error:
            logger.warning(
                "positions are produced by confluent_kafka's public interface, at about half the speed: %s", error
            )
    return PythonPublisher(options)
