"""The programs that local services need, where they are on this machine, and how to get them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cli.local.services.errors import MissingTool
from cli.local.services.folders import is_reachable, runs_as_root
from cli.local.services.pins import ELASTICSEARCH_JAVA, JAVA

HOW_TO_GET = {
    "java": f"install a JDK {JAVA} or newer (Debian: apt-get install openjdk-17-jdk-headless), or set JAVA_HOME",
    "javac": (
        f"install a JDK {JAVA} or newer, not only its runtime "
        "(Debian: apt-get install openjdk-17-jdk-headless), or set JAVA_HOME"
    ),
    "mvn": "install Maven 3.6 or newer (Debian: apt-get install maven)",
    "setpriv": "Elasticsearch refuses to run as root: install util-linux, or run as another user",
}


@dataclass(frozen=True, slots=True)
class Jvm:
    """One Java on this machine.

    Attributes
    ----------
    home : what JAVA_HOME would be.
    version : its major version.
    modules : names of its modules; a trimmed runtime has few.
    """

    home: Path
    version: int
    modules: frozenset[str]

    @property
    def java(self) -> str:
        """The program."""
        return str(self.home / "bin" / "java")

    @property
    def is_full(self) -> bool:
        """Whether it is a whole JDK: Elasticsearch 9.5 asks for modules that trimmed ones lack."""
        return {"jdk.jlink", "jdk.compiler"} <= self.modules


@cache
def inspect(home: Path) -> Jvm | None:
    """Return what is in a folder that may be a Java's home."""
    program = home / "bin" / "java"
    if not os.access(program, os.X_OK):
        return None
    try:
        answer = subprocess.run([program, "--list-modules"], capture_output=True, text=True, check=False, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.findall(r"^([\w.]+)@(\d+)", answer.stdout, re.MULTILINE)
    return Jvm(home, int(found[0][1]), frozenset(name for name, _ in found)) if found else None


def homes() -> Iterator[Path]:
    """Yield the folders of this machine that may be the home of a Java, the user's own choice first."""
    for variable in ("JAVA_HOME", "ES_JAVA_HOME"):
        if os.environ.get(variable):
            yield Path(os.environ[variable])
    on_path = shutil.which("java")
    if on_path is not None:
        yield Path(on_path).resolve().parents[1]
    for pattern in ("/usr/lib/jvm/*", "/opt/java/*", "/Library/Java/JavaVirtualMachines/*/Contents/Home"):
        yield from sorted(path for path in Path("/").glob(pattern[1:]) if path.is_dir() and not path.is_symlink())


def jvms() -> Iterator[Jvm]:
    """Give every Java of this machine, the user's own choice first."""
    seen = set[Path]()
    for home in homes():
        if home not in seen and (found := inspect(home)) is not None:
            yield found
        seen.add(home)


def java() -> Jvm:
    """Return the Java for Kafka, Connect and the stand-in.

    Raises
    ------
    MissingTool : there is none of version `JAVA` or newer.
    """
    for found in jvms():
        if found.version >= JAVA:
            return found
    raise MissingTool(f"no Java {JAVA} or newer found: {HOW_TO_GET['java']}")


def javac() -> str:
    """Return a Java compiler.

    Raises
    ------
    MissingTool : there is none of version `JAVA` or newer.
    """
    for found in jvms():
        if found.version >= JAVA and (found.home / "bin" / "javac").is_file():
            return str(found.home / "bin" / "javac")
    raise MissingTool(f"no javac {JAVA} or newer found: {HOW_TO_GET['javac']}")


def jdk_for_elasticsearch() -> Jvm | None:
    """Return a full JDK that Elasticsearch and the user it runs as can use; None if there is none."""
    for found in jvms():
        if found.version >= ELASTICSEARCH_JAVA and found.is_full and (not runs_as_root() or is_reachable(found.home)):
            return found
    return None


def program(name: str) -> str:
    """Return the path of `mvn`, `setpriv` or another program.

    Raises
    ------
    MissingTool : it is not on the PATH.
    """
    found = shutil.which(name)
    if found is None:
        raise MissingTool(f"{name} not found: {HOW_TO_GET.get(name, 'install it')}")
    return found


def missing() -> list[str]:
    """Return what local services need and this machine lacks, each with the way to get it."""
    looks: list[Callable[[], object]] = [java, javac, lambda: program("mvn")]
    if runs_as_root():
        looks.append(lambda: program("setpriv"))
    lacks = []
    for look in looks:
        try:
            look()
        except MissingTool as lack:
            lacks.append(str(lack))
    return lacks
