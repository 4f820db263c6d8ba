"""The chain on real services, in its processes, for tests that stop and kill its parts."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

import httpx
import psutil
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from processes import title_of
from running_stack import until
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from api.live.frames import decode_frame
from cli.local.child import Child
from cli.local.port import free_port
from cli.local.services import Services
from engine.messages import Topic

MIN_RATE = 2_000
"""Positions a second that must flow before a part is stopped or killed."""

RATE_OVER_S = 1.0
"""Seconds over which that rate is measured, at least."""

SCENARIO = """\
name = "faults"
seed = 11
sample_hz = 2

[network]
extract = "liechtenstein"
routes = 60

[fleet]
size = {drivers}

[deliveries]
mode = "continuous"
start_spread_s = 1.0
"""


class Chain:
    """API processes and one simulation on real services; every part can be stopped or killed.

    Parameters
    ----------
    services : what it runs on.
    folder : for scenario, logs and what the parts keep.
    mongodb_positions : MONGODB_POSITIONS.
    environment : more settings of every part.
    """

    def __init__(
        self,
        services: Services,
        folder: Path,
        run_id: str,
        *,
        drivers: int = 1_300,
        mongodb_positions: str = "newest",
        **environment: str,
    ) -> None:
        self.services, self.run_id, self.folder = services, run_id, folder
        self.environment = {
            **services.environment(),
            "DATA_DIR": str(folder),
            "MONGODB_POSITIONS": mongodb_positions,
            "DRAIN_SECONDS": "0",
            **environment,
        }
        self._scenario = folder / "scenario.toml"
        self._scenario.write_text(SCENARIO.format(drivers=drivers))
        self.apis: list[Api] = []
        self.simulation: Child | None = None

    def start_api(self, **environment: str) -> Api:
        """Start one more API process, and wait until it is ready."""
        api = Api(f"api-{len(self.apis)}", {**self.environment, **environment}, self.folder)
        self.apis.append(api)
        api.start()
        return api

    def start_simulation(self) -> Child:
        """Start the simulation, or start it again, without waiting for it."""
        arguments = ["--scenario", str(self._scenario), "--run-id", self.run_id]
        self.simulation = Child("the simulation", "actors", arguments, self.environment, self.folder / "simulation.log")
        self.simulation.start()
        return self.simulation

    def until_it_flows(self, within_s: float = 120.0) -> None:
        """Wait until the topic grows by at least `MIN_RATE` positions a second."""

        seen: deque[tuple[float, int]] = deque()

        def flows() -> bool:
            if self.simulation is not None:
                self.simulation.check()
            try:
                seen.append((time.monotonic(), self._on_the_topic()))
            except KafkaException:  # a broker that has just come back leads no partition yet
                return False
            now_s, now = seen[-1]
            while seen[0][0] < now_s - 2 * RATE_OVER_S:
                seen.popleft()
            began_s, before = seen[0]
            return now_s - began_s >= RATE_OVER_S and (now - before) / (now_s - began_s) >= MIN_RATE

        until(flows, f"a flow of {MIN_RATE} positions/s", within_s)

    def _on_the_topic(self) -> int:
        return sum(self._ends().values())

    def _ends(self) -> dict[int, int]:
        """Return the end of each partition of the positions."""
        consumer = Consumer(
            {"bootstrap.servers": self.environment["KAFKA_BOOTSTRAP"], "group.id": "watermarks"},
            logger=logging.getLogger("tests.kafka"),
        )
        try:
            topic = Topic.NEW_POSITION.value
            numbers = consumer.list_topics(topic, timeout=10).topics[topic].partitions
            return {
                number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=10)[1]
                for number in numbers
            }
        finally:
            consumer.close()

    def workers(self, title: str) -> list[psutil.Process]:
        """Return the simulation's Ray workers whose process title has a text, such as ``TickingDriver``."""
        assert self.simulation is not None
        assert self.simulation.pid is not None
        family = psutil.Process(self.simulation.pid).children(recursive=True)
        return [process for process in family if title in title_of(process)]

    def kill_worker(self, title: str) -> None:
        """Kill a Ray worker with SIGKILL, and wait until another has its place."""
        victim, *_ = self.workers(title)
        victim.kill()
        until(lambda: [worker for worker in self.workers(title) if worker.pid != victim.pid], f"another {title}")

    def kill_simulation(self) -> None:
        """Kill the simulation and its whole Ray cluster with SIGKILL."""
        assert self.simulation is not None
        assert self.simulation.pid is not None
        main = psutil.Process(self.simulation.pid)
        family = [main, *main.children(recursive=True)]
        folders = {
            word.partition("=")[2]
            for process in family
            for word in title_of(process).split()
            if word.startswith("--temp_dir=")
        }
        for process in family:
            process.suspend()  # so that none starts another, or notices, before its own turn
        for process in family:
            process.kill()
        psutil.wait_procs(family[1:], timeout=10)
        self.simulation.stop(10.0)
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)

    def end_simulation(self) -> dict[str, Any]:
        """End the simulation as ``up`` does and return its summary."""
        assert self.simulation is not None
        assert self.simulation.stop(20.0), self.simulation.last_words()
        return dict(
            json.loads([line for line in self.simulation.last_words().splitlines() if line.startswith("{")][-1])
        )

    def verify(self, wait_s: float = 60.0) -> dict[str, Any]:
        """Return the report of ``code-delivery verify`` once all is stored; fail if places differ."""
        command = [sys.executable, "-m", "cli", "verify", self.run_id, "--json", "--wait", str(wait_s)]
        found = subprocess.run(
            command,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=wait_s + 60,
            check=False,
        )
        assert found.returncode == 0, f"exit code {found.returncode}\n{found.stdout}\n{found.stderr}\n{self.logs()}"
        return dict(json.loads(found.stdout))

    def logs(self, lines: int = 30) -> str:
        """Return the ends of all logs."""
        return "\n".join(
            f"--- {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
            for log in sorted(self.folder.glob("*.log"))
        )

    def committed(self, role: str) -> int:
        """Return the sum of the offsets that a role's consumer group has committed."""
        return sum(self._offsets(f"code-delivery-{role}").values())

    def lag(self, group: str) -> int:
        """Return how many positions a consumer group has not committed."""
        committed = self._offsets(group)
        return sum(end - committed.get((Topic.NEW_POSITION.value, number), 0) for number, end in self._ends().items())

    def _offsets(self, group: str) -> dict[tuple[str, int], int]:
        admin = AdminClient({"bootstrap.servers": self.environment["KAFKA_BOOTSTRAP"]})
        [answer] = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]).values()
        return {(part.topic, part.partition): max(part.offset, 0) for part in answer.result(10).topic_partitions}

    def end(self) -> None:
        """End what is left."""
        if self.simulation is not None:
            self.simulation.stop(10.0)
        for api in self.apis:
            api.end()


class Api:
    """One API process."""

    def __init__(self, name: str, environment: dict[str, str], folder: Path) -> None:
        self.port = free_port()
        self.log = folder / f"{name}.log"
        self.process = Child(name, "api", [], {**environment, "PORT": str(self.port)}, self.log)
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", trust_env=False, timeout=5)

    def start(self) -> None:
        """Start the process and wait until it is ready."""
        self.process.start()
        until(self.is_ready, f"readiness of {self.log}", 60)

    def is_ready(self) -> bool:
        """Return whether the API takes requests and its consumers read."""
        self.process.check()
        try:
            return self.client.get("/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    def kill(self) -> None:
        """Kill the process with SIGKILL."""
        assert self.process.pid is not None
        psutil.Process(self.process.pid).kill()
        until(lambda: self.process.pid is None, "the end of the API")

    def end(self) -> None:
        """End the process in order."""
        self.process.stop(10.0)
        self.client.close()


class Watcher:
    """A viewer of the whole map in a thread: the simulated times of the frames that it got."""

    def __init__(self, api: Api) -> None:
        self._url = f"ws://127.0.0.1:{api.port}/ws/live"
        self._stopping = threading.Event()
        #: Newest position that the viewer has been shown, virtual epoch ms.
        self.newest_ms = 0.0
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        with connect(self._url, max_size=None, compression=None, proxy=None) as socket:
            socket.send(json.dumps({"t": "sub", "z": 12, "cells": [0, 0, 4095, 4095], "max": 100_000}))
            while not self._stopping.is_set():
                try:
                    message = socket.recv(0.5)
                except TimeoutError:
                    continue
                except ConnectionClosed:
                    return
                if isinstance(message, bytes):
                    frame = decode_frame(message)
                    if len(frame.vehicles):
                        self.newest_ms = max(
                            self.newest_ms, frame.header.sim_time_ms - float(frame.vehicles.age_ms.min())
                        )
                    socket.send(json.dumps({"t": "ack", "seq": frame.header.seq}))

    def end(self) -> None:
        """Leave the map."""
        self._stopping.set()
        self._thread.join(10)
