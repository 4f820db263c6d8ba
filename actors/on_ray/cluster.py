"""The Ray cluster of a run: an existing one, or a local one that begins and ends with the run.

A local one leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import ray

from actors.on_ray.environment import prepare
from actors.settings import Settings

logger = logging.getLogger(__name__)

_MEBIBYTE = 2**20


@contextlib.contextmanager
def ray_cluster(settings: Settings, namespace: str, cpus: int | None = None) -> Iterator[float]:
    """Be connected to the cluster, and yield how many CPUs it has.

    A local cluster asks for a token that lives as long as this process, has no dashboard, sends no usage reports, and
    keeps its files in a folder of its own (see `ray_folder`). It listens on the loopback interface only, provided
    `actors.on_ray.environment` was applied before Ray was imported.
    """
    if settings.ray_address:
        ray.init(address=settings.ray_address, namespace=namespace, logging_level=logging.ERROR)
        try:
            yield _cpus()
        finally:
            ray.shutdown()
        return
    prepare(os.environ)
    with ray_folder() as folder:
        try:
            _start(folder, namespace, settings.ray_object_store_mb, cpus)
            yield _cpus()
        finally:
            ray.shutdown()


@contextlib.contextmanager
def ray_folder() -> Iterator[Path]:
    """Yield a folder for a cluster's files and sockets that only this user can reach.

    It is removed at the end.

    Ray opens every folder that it makes, and the one that it is given, to all users whatever the umask: so it gets a
    folder inside one that is closed to others. The names are short, because paths of unix sockets have at most 107
    characters.
    """
    closed = Path(tempfile.mkdtemp(prefix="cd-", dir="/tmp" if Path("/tmp").is_dir() else None))
    try:
        yield closed / "r"
    finally:
        shutil.rmtree(closed, ignore_errors=True)


def _start(folder: Path, namespace: str, object_store_mb: int, cpus: int | None) -> None:
    """Start a local cluster, a second time if the machine was too busy for Ray.

    Ray gives its own processes 30 s, and has no setting for it.
    """
    for attempt in (1, 2):
        try:
            ray.init(
                num_cpus=cpus,
                include_dashboard=False,
                logging_level=logging.ERROR,
                configure_logging=False,
                object_store_memory=object_store_mb * _MEBIBYTE,
                namespace=namespace,
                _temp_dir=str(folder),
            )
        except Exception as error:
            ray.shutdown()
            if attempt == 2 or "timed out during startup" not in str(error):
                raise
            logger.warning("Ray did not come up in its time on a busy machine, and is started again")
        else:
            return


def _cpus() -> float:
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return float(resources.get("CPU", 1.0))
