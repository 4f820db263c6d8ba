"""librdkafka by ctypes: the library with some functions declared, and its message struct.

The struct is given as numpy sees it.

What a client calls is declared by the client; here is what producers and consumers share.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from engine.librdkafka.wheel import LibraryUnusable, library_path

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

POINTER, INT, SIZE, TEXT = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t, ctypes.c_char_p

Signatures = Mapping[str, tuple[Any, Sequence[Any]]]
"""Result and arguments of C functions, by name."""

Addresses = npt.NDArray[np.uint64]

FIELD_OFFSETS: Final = {name: place[1] for name, place in (MESSAGE.fields or {}).items()}


def load(signatures: Signatures, *, holds_gil: bool = False) -> Any:
    """Return the library with some functions declared.

    Parameters
    ----------
    holds_gil : whether calls keep the interpreter's lock: for functions that return at once and are called for each
        record, where giving the lock up and taking it again costs more than the function.

    Raises
    ------
    LibraryUnusable : there is none, it is of another major version, or lacks a function.
    """
    if ctypes.sizeof(POINTER) != 8:
        raise LibraryUnusable(f"pointers must have 8 bytes, found {ctypes.sizeof(POINTER)}")
    declared = {"rd_kafka_version": (INT, ()), "rd_kafka_version_str": (TEXT, ()), **signatures}
    try:
        library = (ctypes.PyDLL if holds_gil else ctypes.CDLL)(str(library_path()))
        for name, (result, arguments) in declared.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, list(arguments)
    except (OSError, AttributeError) as error:
        raise LibraryUnusable(f"librdkafka cannot be loaded: {error}") from error
    if library.rd_kafka_version() >> 24 != MAJOR_VERSION:
        raise LibraryUnusable(
            f"librdkafka must have major version {MAJOR_VERSION}, found {library.rd_kafka_version_str().decode()}"
        )
    return library


class _Window:
    """Some memory of this process from an address on, for numpy."""

    def __init__(self, address: int, kind: str, length: int, stride: int) -> None:
        self.__array_interface__ = {
            "version": 3,
            "typestr": kind,
            "shape": (length,),
            "strides": (stride,),
            "data": (address, True),
        }


def gather(messages: Addresses, field: str) -> Addresses:
    """Return the 64-bit word at which a field stands, of each message at some addresses.

    No message costs a call of Python.
    """
    first = messages.min()
    words = (int(messages.max() - first) + MESSAGE.itemsize) // 8
    window = np.asarray(_Window(int(first), "<u8", words, 8))
    found: Addresses = window[((messages - first) >> np.uint64(3)) + np.uint64(FIELD_OFFSETS[field] // 8)]
    return found


def copied(addresses: Addresses, length: int) -> npt.NDArray[np.uint8]:
    """Return copies of `length` bytes at each of n >= 1 addresses: uint8 (n, length)."""
    first = addresses.min()
    places = int(addresses.max() - first) + 1
    window = np.asarray(_Window(int(first), f"|V{length}", places, 1))
    found: npt.NDArray[np.uint8] = window[(addresses - first).view(np.int64)].view(np.uint8).reshape(-1, length)
    return found
