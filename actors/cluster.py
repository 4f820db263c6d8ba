"""The Ray cluster of a run: one that is there, or a local one that begins and ends with the run and leaves nothing behind."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, MutableMapping

import ray

from actors.settings import Settings

_MEBIBYTE = 2**20


@contextlib.contextmanager
def ray_cluster(settings: Settings, namespace: str, cpus: int | None = None) -> Iterator[float]:
    """Be connected to the cluster, and yield how many CPUs it has.

    A local cluster listens on the loopback interface only, asks for a token that lives as long as this process, has no dashboard, reports to nobody, and
    keeps its files in a folder of its own that is removed at the end; the folder's name is short, because paths of unix sockets have at most 107 characters.
    """
    if settings.ray_address:
        ray.init(address=settings.ray_address, namespace=namespace, logging_level=logging.ERROR)
        try:
            yield _cpus()
        finally:
            ray.shutdown()
        return
    _prepare(os.environ)
    folder = tempfile.mkdtemp(prefix="cd-", dir="/tmp" if os.path.isdir("/tmp") else None)  # noqa: PTH112
    try:
        ray.init(
            num_cpus=cpus,
            include_dashboard=False,
            logging_level=logging.ERROR,
            configure_logging=False,
            object_store_memory=settings.ray_object_store_mb * _MEBIBYTE,
            namespace=namespace,
            _temp_dir=folder,
            _node_ip_address="127.0.0.1",
        )
        yield _cpus()
    finally:
        ray.shutdown()
        shutil.rmtree(folder, ignore_errors=True)


def _prepare(environment: MutableMapping[str, str]) -> None:
    """Set what a local cluster reads from the environment; what somebody has set stays."""
    wanted = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # an actor without GPUs keeps its environment; Ray warns unless told
        "RAY_COLOR_PREFIX": "0",
    }
    if "RAY_AUTH_TOKEN_PATH" not in environment:
        wanted["RAY_AUTH_TOKEN"] = secrets.token_hex(32)  # otherwise Ray writes one to the home folder, for all clusters
    for name, value in wanted.items():
        environment.setdefault(name, value)
    # Ray tells at each start that it asks for a token, which is what we want.
    logging.getLogger("ray._private.authentication").setLevel(logging.ERROR)


def _cpus() -> float:
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return float(resources.get("CPU", 1.0))
