"""The place of librdkafka inside the confluent-kafka wheel.

Light to import, because the embedded broker's process waits for it.
"""

from __future__ import annotations

from pathlib import Path

import confluent_kafka


class LibraryUnusable(RuntimeError):
    """The librdkafka of this installation cannot be driven through its C interface; the message says why."""


def library_path() -> Path:
    """Return the librdkafka that the installed confluent-kafka brought along.

    Raises
    ------
    LibraryUnusable : this wheel carries no such library.
    """
    folder = Path(confluent_kafka.__file__).resolve().parents[1]
    for pattern in ("confluent_kafka.libs/librdkafka-*.so*", "confluent_kafka/.dylibs/librdkafka*.dylib"):
        for found in sorted(folder.glob(pattern)):
            return found
    raise LibraryUnusable(f"no librdkafka found beside confluent_kafka {confluent_kafka.__version__} in {folder}")
