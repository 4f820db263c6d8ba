"""The stand-in for MongoDB: a third-party MongoDB-wire server, not MongoDB.

MongoDB itself is in no package registry.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from cli.local.services import tools
from cli.local.services.errors import FetchFailed
from cli.local.services.fetch import jars, made
from cli.local.services.pins import MONGODB_STAND_IN
from cli.local.services.service import STORES_NICE, Launch, Place, Service
from cli.progress import Report, silent

HEAP = "1g"
SOURCE = Path(__file__).parent / "stand_in" / "MongoStandIn.java"


class MongoDb(Service):
    """The stand-in.

    Parameters
    ----------
    in_memory : keep nothing. Otherwise every acknowledged write is in a file, four times slower.
    """

    name, well_known_port, nice = "mongodb", 27017, STORES_NICE
    title = (
        f"stand-in for MongoDB (mongo-java-server {MONGODB_STAND_IN.name.rpartition('-')[2]}: "
        "a third-party MongoDB-wire server, not MongoDB)"
    )

    def __init__(self, place: Place, port: int | None = 0, *, in_memory: bool = False) -> None:
        super().__init__(place, port)
        self.in_memory = in_memory

    @property
    def address(self) -> str:
        """URL for MongoDB's drivers."""
        return f"mongodb://127.0.0.1:{self.port}"

    def fetch(self, report: Report) -> None:
        """Get the jars, and compile our part of it once."""
        tools.java()
        self._classes(report)

    def prepare(self) -> Launch:
        """Return the command; there is no configuration."""
        (self.folder / "data").mkdir(exist_ok=True)
        class_path = f"{jars(MONGODB_STAND_IN, self.place.cache, silent)}/*{os.pathsep}{self._classes(silent)}"
        store = "memory" if self.in_memory else str(self.folder / "data" / "stand-in.mv")
        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        whole = [] if self.place.quick else [f"-Xms{HEAP}", "-XX:+AlwaysPreTouch"]
        return Launch(
            [
                tools.java().java,
                *self._java_options(HEAP),
                *whole,
                quiet,
                "-cp",
                class_path,
                "MongoStandIn",
                str(self.port),
                store,
            ]
        )

    def is_ready(self) -> bool:
        """Return whether it answers a ping of MongoDB's own driver."""
        # Imported when it is first needed: a stack with the embedded broker does not wait 50 ms for a driver.
        from pymongo import MongoClient
        from pymongo.errors import PyMongoError

        if not self.port:
            return False
        with MongoClient[dict[str, object]](
            self.address, serverSelectionTimeoutMS=1000, connectTimeoutMS=1000, socketTimeoutMS=2000
        ) as client:
            try:
                return bool(client.admin.command("ping")["ok"])
            except PyMongoError:
                return False

    def _classes(self, report: Report) -> Path:
        libraries = jars(MONGODB_STAND_IN, self.place.cache, report)

        def compile_into(folder: Path) -> None:
            report(f"compiling {SOURCE.name}")
            command = [tools.javac(), "--release", "17", "-cp", f"{libraries}/*", "-d", str(folder), str(SOURCE)]
            answer = subprocess.run(command, capture_output=True, text=True, check=False)
            if answer.returncode != 0:
                raise FetchFailed(f"{SOURCE} does not compile: {answer.stdout}{answer.stderr}")

        source = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:8]
        return made(self.place.cache, f"{libraries.name}-classes-{source}", compile_into)
