"""A producer's part of librdkafka's C interface, called by ctypes.

The library is the one inside the confluent-kafka wheel.

It knows signatures and the layout of one struct, and nothing of what is sent. Handles are integers; the caller that
opens a client closes it.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any, Final

from engine.librdkafka.interface import INT, POINTER, SIZE, TEXT, Signatures
from engine.librdkafka.interface import load as load_library
from engine.librdkafka.wheel import LibraryUnusable

PRODUCER: Final = 0
COPY_PAYLOAD: Final = (
    0x2  # RD_KAFKA_MSG_F_COPY: librdkafka copies each payload before the call returns, as it does with keys
)
BY_PARTITIONER: Final = -1  # RD_KAFKA_PARTITION_UA
PURGE_ALL: Final = 0x3  # RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT
EVENT_REPORTS, EVENT_ERROR, EVENT_STATISTICS = 0x1, 0x8, 0x40

SIGNATURES: Signatures = {
    "rd_kafka_conf_new": (POINTER, []),
    "rd_kafka_conf_destroy": (None, [POINTER]),
    "rd_kafka_conf_set": (INT, [POINTER, TEXT, TEXT, TEXT, SIZE]),
    "rd_kafka_conf_set_events": (None, [POINTER, INT]),
    "rd_kafka_new": (POINTER, [INT, POINTER, TEXT, SIZE]),
    "rd_kafka_destroy": (None, [POINTER]),
    "rd_kafka_flush": (INT, [POINTER, INT]),
    "rd_kafka_purge": (INT, [POINTER, INT]),
    "rd_kafka_fatal_error": (INT, [POINTER, TEXT, SIZE]),
    "rd_kafka_topic_new": (POINTER, [POINTER, TEXT, POINTER]),
    "rd_kafka_topic_destroy": (None, [POINTER]),
    "rd_kafka_produce_batch": (INT, [POINTER, ctypes.c_int32, INT, POINTER, INT]),
    "rd_kafka_queue_get_main": (POINTER, [POINTER]),
    "rd_kafka_queue_destroy": (None, [POINTER]),
    "rd_kafka_queue_poll": (POINTER, [POINTER, INT]),
    "rd_kafka_event_type": (INT, [POINTER]),
    "rd_kafka_event_message_array": (SIZE, [POINTER, POINTER, SIZE]),
    "rd_kafka_event_error": (INT, [POINTER]),
    "rd_kafka_event_error_string": (TEXT, [POINTER]),
    "rd_kafka_event_error_is_fatal": (INT, [POINTER]),
    "rd_kafka_event_stats": (TEXT, [POINTER]),
    "rd_kafka_event_destroy": (None, [POINTER]),
}


@lru_cache(maxsize=1)
def load() -> Any:
    """Return the library with its functions declared.

    Raises
    ------
    LibraryUnusable : there is none, it is of another major version, or lacks a function.
    """
    return load_library(SIGNATURES)


def open_client(options: dict[str, object], events: int) -> int:
    """Return a producer's handle.

    Options that are no plain value (callbacks, loggers) are for confluent_kafka alone and left out.

    Raises
    ------
    LibraryUnusable : an option is refused. Its value is not reported, for it may be a password.
    """
    library, reason = load(), ctypes.create_string_buffer(512)
    conf = library.rd_kafka_conf_new()
    for name, value in options.items():
        if isinstance(value, str | int | float):
            text = str(value).lower() if isinstance(value, bool) else str(value)
            if library.rd_kafka_conf_set(conf, name.encode(), text.encode(), reason, len(reason)):
                library.rd_kafka_conf_destroy(conf)
                raise LibraryUnusable(f"librdkafka refuses its option {name}")
    library.rd_kafka_conf_set_events(conf, events)
    client = library.rd_kafka_new(PRODUCER, conf, reason, len(reason))
    if not client:
        library.rd_kafka_conf_destroy(conf)
        raise LibraryUnusable(f"librdkafka gave no client: {reason.value.decode(errors='replace')}")
    return int(client)
