"""What a load test runs on, as far as it matters to its figures.

It names no host, person or folder, and repeats no address or secret.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as package_version
from pathlib import Path

import confluent_kafka
import psutil
from pydantic_settings import BaseSettings

from cli import __version__
from cli.load.report.model import Environment

_PACKAGES = ("ray", "confluent-kafka", "numpy", "uvloop", "fastapi", "duckdb")

_LEFT_OUT = frozenset(
    (
        "KEY",
        "PASSWORD",
        "SECRET",
        "TOKEN",
        "USERNAME",
        "URL",
        "BOOTSTRAP",
        "HOST",
        "HOSTS",
        "PORT",
        "DIR",
        "FILE",
        "PATH",
        "ADDRESS",
        "SSL",
        "SCENARIO",
        "ID",
    )
)
"""Settings with such a word in their name are addresses, folders or secrets."""


def environment(
    settings: Iterable[BaseSettings] = (),
    *,
    profile: str = "",
    broker: str = "",
    stores: Iterable[str] = (),
    more_versions: Mapping[str, str] | None = None,
) -> Environment:
    """Return this machine and what runs on it.

    Parameters
    ----------
    settings : of every part, as read from the environment; only those that differ from their defaults are listed.
    broker, stores : what stood behind the chain, in words.
    more_versions : of services, by name.
    """
    return Environment(
        cpu=cpu_model(),
        cpus=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else psutil.cpu_count() or 1,
        memory_bytes=psutil.virtual_memory().total,
        os=f"{platform.system()} {platform.release()} {platform.machine()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        versions=versions() | dict(more_versions or {}),
        settings={name: text for part in settings for name, text in differing(part).items()},
        profile=profile,
        broker=broker,
        stores=tuple(stores),
    )


def versions() -> dict[str, str]:
    """Return the versions of what takes part and is installed."""
    found = {"code-delivery": __version__, "librdkafka": confluent_kafka.libversion()[0]}
    for name in _PACKAGES:
        try:
            found[name] = package_version(name)
        except PackageNotFoundError:
            continue
    return found


def differing(settings: BaseSettings) -> dict[str, str]:
    """Return the settings that differ from their defaults, by their names in the environment.

    Settings that hold an address or an identity are left out.
    """
    found = {}
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        setting = name.upper()
        if (
            value != field.get_default(call_default_factory=True)
            and not _LEFT_OUT & set(setting.split("_"))
            and not isinstance(value, Path)
        ):
            found[setting] = (
                ", ".join(sorted(map(str, value))) if isinstance(value, (set, frozenset, tuple, list)) else str(value)
            )
    return found


def cpu_model() -> str:
    """Return the processor's name; its architecture where the system has no name for it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    named = (
        line.partition(":")[2].strip()
        for line in lines
        if line.lower().startswith(("model name", "hardware", "cpu model"))
    )
    return next((name for name in named if name), platform.processor() or platform.machine())
