"""Plugins of the Connect worker: MongoDB's sink from Maven, ours for Elasticsearch from source."""

from __future__ import annotations

import shutil
from pathlib import Path

from cli.local.services.errors import FetchFailed
from cli.local.services.fetch import jars, maven
from cli.local.services.folders import default_cache, locked
from cli.local.services.pins import MONGODB_SINK
from cli.progress import Report

ELASTICSEARCH_SINK = Path(__file__).resolve().parents[3] / "connect" / "elasticsearch-sink"
"""Source of our sink; there in a checkout, not in an installed wheel."""

_JAR = "elasticsearch-sink-*.jar"


def build_plugin(plugins: Path, report: Report, source: Path = ELASTICSEARCH_SINK) -> Path | None:
    """Build our sink for Elasticsearch, and put it into a folder of plugins.

    A jar that is newer than its source is not built again.

    Returns
    -------
    The plugin's folder; None without a source.

    Raises
    ------
    FetchFailed : Maven could not build it, or made no jar.
    """
    if not (source / "pom.xml").is_file():
        report("no source of the Elasticsearch sink here: Connect runs without it")
        return None
    with locked(default_cache() / ".elasticsearch-sink.lock"):
        if not _is_fresh(source):
            report("building the Elasticsearch sink for Connect")
            maven(["-B", "package", "-DskipTests"], source, report)
            for jar in _built(source):
                jar.touch()  # Maven leaves a jar alone whose classes have not changed
        built = _built(source)
        if not built:
            raise FetchFailed(f"mvn package made no {_JAR} in {source / 'target'}")
        folder = plugins / "elasticsearch-sink"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for jar in built:
            shutil.copy2(jar, folder)
    return folder


def add_mongodb_sink(plugins: Path, cache: Path, report: Report) -> Path:
    """Put MongoDB's sink into a folder of plugins; return the plugin's folder."""
    folder = plugins / "mongodb-sink"
    folder.mkdir(parents=True, exist_ok=True)
    for jar in jars(MONGODB_SINK, cache, report).glob("*.jar"):
        if not (folder / jar.name).exists():
            shutil.copy2(jar, folder)
    return folder


def _built(source: Path) -> list[Path]:
    return [jar for jar in source.glob(f"target/{_JAR}") if not jar.stem.endswith(("-sources", "-javadoc", "-tests"))]


def _is_fresh(source: Path) -> bool:
    files = (path for path in (source / "pom.xml", *(source / "src").rglob("*")) if path.is_file())
    newest = max(path.stat().st_mtime for path in files)
    built = _built(source)
    return bool(built) and all(jar.stat().st_mtime >= newest for jar in built)
