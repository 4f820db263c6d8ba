"""Where librdkafka is: inside the confluent-kafka wheel, which is found without being imported."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


class LibraryUnusable(RuntimeError):
    """The installed librdkafka cannot be driven through its C interface; the message says why."""


def library_path() -> Path:
    """Return the librdkafka that the installed confluent-kafka brought along.

    Raises
    ------
    LibraryUnusable : confluent-kafka is not installed, or its wheel carries no such library.
    """
    spec = find_spec("confluent_kafka")
    if spec is None or spec.origin is None:
        raise LibraryUnusable("confluent-kafka is not installed")
    folder = Path(spec.origin).resolve().parents[1]
    for pattern in ("confluent_kafka.libs/librdkafka-*.so*", "confluent_kafka/.dylibs/librdkafka*.dylib"):
        for found in sorted(folder.glob(pattern)):
            return found
    raise LibraryUnusable(f"no librdkafka found beside confluent_kafka in {folder}")
