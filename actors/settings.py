"""Settings of the simulation's process: where things are. What happens in the world is a scenario, not a setting."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read from the environment once, in an entry point, and passed down; every field's name in capitals is its variable."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    kafka_bootstrap: str = Field(default="127.0.0.1:9092", description="host:port of a Kafka broker, or several with commas")
    kafka_client_id: str = Field(default="code-delivery", description="name by which the broker's logs know us")
    kafka_acks: Literal["all", "1"] = Field(default="all", description="who must have a record before it counts as acknowledged")
    kafka_idempotence: bool = Field(default=True, description="no duplicates and no reordering by the producer's own retries; needs acks=all")
    kafka_compression: Literal["none", "lz4", "zstd", "snappy", "gzip"] = Field(default="lz4", description="compression of record batches")
    kafka_linger_ms: float = Field(default=10.0, ge=0, le=5000, description="how long a producer waits for a fuller batch, ms")
    kafka_queue_messages: int = Field(default=100_000, ge=1000, le=10_000_000, description="records a producer holds before its ticks wait")
    data_dir: Path = Field(default=Path(".data"), description="folder for what must outlive a process")
    ray_address: str = Field(default="", description="address of a running Ray cluster; empty: a local one is started and ended with the run")
    ray_object_store_mb: int = Field(default=256, ge=80, le=1_000_000, description="memory for Ray's object store, MiB; positions never pass through it")
    actor_cpus: float | None = Field(default=None, gt=0, le=64, description="CPUs that Ray reserves for one driver actor; empty: the cluster's CPUs shared out")
    tick_ms: int = Field(default=50, ge=5, le=1000, description="wall time between two ticks of a driver actor, ms")
