"""librdkafka's C interface by ctypes, as far as a producer of batches needs it.

The library is the one inside the confluent-kafka wheel.

It knows signatures and the layout of one struct, and nothing of what is sent. Handles are integers; the caller
that opens a client closes it.
"""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from actors.producing.wheel_library import LibraryUnusable, library_path

MESSAGE: Final = np.dtype(
    {
        "names": ["err", "topic", "partition", "payload", "bytes", "key", "key_bytes", "offset", "tag"],
        "formats": ["i4", "u8", "i4", "u8", "u8", "u8", "u8", "i8", "u8"],
        "offsets": [0, 8, 16, 24, 32, 40, 48, 56, 64],
        "itemsize": 72,
    }
)
"""``rd_kafka_message_t`` on a 64-bit machine; `tag` is its ``_private``, handed back as it was given."""

MAJOR_VERSION: Final = 2
"""The interface that is known here; another major version may have another struct."""

PRODUCER: Final = 0
COPY_PAYLOAD: Final = (
    0x2  # RD_KAFKA_MSG_F_COPY: librdkafka copies each payload before the call returns, as it does with keys
)
BY_PARTITIONER: Final = -1  # RD_KAFKA_PARTITION_UA
PURGE_ALL: Final = 0x3  # RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT
EVENT_REPORTS, EVENT_ERROR, EVENT_STATISTICS = 0x1, 0x8, 0x40

_POINTER, _INT, _SIZE, _TEXT = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t, ctypes.c_char_p
SIGNATURES: Final = {
    "rd_kafka_version": (_INT, []),
    "rd_kafka_version_str": (_TEXT, []),
    "rd_kafka_conf_new": (_POINTER, []),
    "rd_kafka_conf_destroy": (None, [_POINTER]),
    "rd_kafka_conf_set": (_INT, [_POINTER, _TEXT, _TEXT, _TEXT, _SIZE]),
    "rd_kafka_conf_set_events": (None, [_POINTER, _INT]),
    "rd_kafka_new": (_POINTER, [_INT, _POINTER, _TEXT, _SIZE]),
    "rd_kafka_destroy": (None, [_POINTER]),
    "rd_kafka_flush": (_INT, [_POINTER, _INT]),
    "rd_kafka_purge": (_INT, [_POINTER, _INT]),
    "rd_kafka_fatal_error": (_INT, [_POINTER, _TEXT, _SIZE]),
    "rd_kafka_topic_new": (_POINTER, [_POINTER, _TEXT, _POINTER]),
    "rd_kafka_topic_destroy": (None, [_POINTER]),
    "rd_kafka_produce_batch": (_INT, [_POINTER, ctypes.c_int32, _INT, _POINTER, _INT]),
    "rd_kafka_queue_get_main": (_POINTER, [_POINTER]),
    "rd_kafka_queue_destroy": (None, [_POINTER]),
    "rd_kafka_queue_poll": (_POINTER, [_POINTER, _INT]),
    "rd_kafka_event_type": (_INT, [_POINTER]),
    "rd_kafka_event_message_array": (_SIZE, [_POINTER, _POINTER, _SIZE]),
    "rd_kafka_event_error": (_INT, [_POINTER]),
    "rd_kafka_event_error_string": (_TEXT, [_POINTER]),
    "rd_kafka_event_error_is_fatal": (_INT, [_POINTER]),
    "rd_kafka_event_stats": (_TEXT, [_POINTER]),
    "rd_kafka_event_destroy": (None, [_POINTER]),
}


@lru_cache(maxsize=1)
def load() -> Any:
    """Return the library with its functions declared.

    Raises
    ------
    LibraryUnusable : there is none, it is of another major version, or lacks a function.
    """
    if ctypes.sizeof(_POINTER) != 8:
        raise LibraryUnusable(f"pointers must have 8 bytes, found {ctypes.sizeof(_POINTER)}")
    try:
        library = ctypes.CDLL(str(library_path()))
        for name, (result, arguments) in SIGNATURES.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as error:
        raise LibraryUnusable(f"librdkafka cannot be loaded: {error}") from error
    if library.rd_kafka_version() >> 24 != MAJOR_VERSION:
        raise LibraryUnusable(
            f"librdkafka must have major version {MAJOR_VERSION}, found {library.rd_kafka_version_str().decode()}"
        )
    return library


def open_client(options: dict[str, object], events: int) -> int:
    """Return a producer's handle.

    Options that are no plain value (callbacks, loggers) are for confluent_kafka alone and left out.

    Raises
    ------
    LibraryUnusable : an option is refused. The message leaves its value out, for it may be a password.
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


class _Window:
    """Some 64-bit words of this process's memory, for numpy."""

    def __init__(self, address: int, words: int) -> None:
        self.__array_interface__ = {"version": 3, "typestr": "<u8", "shape": (words,), "data": (address, True)}


def gather(messages: npt.NDArray[np.uint64], field: str) -> npt.NDArray[np.uint64]:
    """Return a field's 64-bit word of each message, given an array of their addresses.

    It costs no Python call per message.
    """
    first = messages.min()
    window = np.asarray(_Window(int(first), (int(messages.max() - first) + MESSAGE.itemsize) // 8))
    found: npt.NDArray[np.uint64] = window[((messages - first) >> np.uint64(3)) + np.uint64(OFFSET[field] // 8)]
    return found


OFFSET: Final = {name: place[1] for name, place in (MESSAGE.fields or {}).items()}
