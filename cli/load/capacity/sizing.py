"""The sizing model: what a fleet needs of processors, processes, memory, network and disk.

Pure arithmetic on a profile of measured figures.

It extrapolates from one machine to a cluster, and says by how far. `docs/sizing.md` has its formulas, its assumptions,
and what was not tested.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from cli.load.capacity.demand import Demand
from cli.load.capacity.estimate import Estimate, estimate, total, whole_number
from cli.load.capacity.profile import Figure, Profile
from engine.contract.topics import TOPICS
from engine.messages import Topic
from engine.scenario.parts import MAX_FLEET

PARTITION_STEP = 12
"""Partitions come in dozens: 2, 3, 4, 6 or 12 processes share them evenly."""

DAY_S = 86_400

MODEL = (
    "everything grows in proportion to positions/s, up to the limits of one partition and of one live process",
    "cores are as fast as the ones measured, and have nothing else to do",
    "machines are in one zone, without latency between them and without TLS; networks and disks keep up",
    "keys are spread evenly over partitions, and partitions over brokers and processes",
    "no cluster of several machines was measured: figures for one are a model",
)


@dataclass(frozen=True, slots=True)
class Sizing:
    """The answer.

    Attributes
    ----------
    figures : what was counted with, each once.
    warnings : what does not fit, or is far from anything measured.
    """

    demand: Demand
    estimates: tuple[Estimate, ...]
    figures: tuple[Figure, ...]
    warnings: tuple[str, ...]

    def __getitem__(self, name: str) -> Estimate:
        return next(one for one in self.estimates if one.name == name)


def size(demand: Demand, profile: Profile) -> Sizing:
    """Return what a demand needs."""
    model = _Model(demand, profile)
    for part in (model.drivers, model.api, model.kafka, model.elastic, model.mongo, model.everything):
        part()
    counted = {figure.name: figure for one in model.found.values() for figure in one.figures}
    figures = counted | {name: profile[name] for name in ("partition_per_s", "live_per_s")}
    return Sizing(
        demand, tuple(model.found.values()), tuple(figures.values()), tuple(_warnings(demand, profile, model.found))
    )


class _Model:
    """Estimates as they are found; later ones count with earlier ones."""

    def __init__(self, demand: Demand, profile: Profile) -> None:
        self._demand, self._figures = demand, profile
        self.found: dict[str, Estimate] = {}

    def _of(self, figure: str) -> float:
        return self._figures[figure].value

    def _value(self, name: str) -> float:
        return self.found[name].value

    def _add(
        self, name: str, what: str, value: float, unit: str, how: str, *figures: str, least: int = 0, step: int = 1
    ) -> None:
        known = [self._figures[figure] for figure in figures]
        self.found[name] = estimate(name, what, value, unit, how, known, self._demand.per_s, least=least, step=step)

    def _cores(self, per_s: float, figure: str, copies: int = 1) -> float:
        """Return the cores for some processor time per position and copy, with room to spare."""
        times = 1.0 + (copies - 1) * self._of("replica_cost")
        return per_s * self._of(figure) / 1e6 * times / self._demand.busy

    def drivers(self) -> None:
        demand = self._demand
        at_work, idle = demand.per_s * self._of("driver_cpu_us") / 1e6, self._of("actor_cores")
        # Ticks alone leave an actor that much less; of a small share of a core they leave half.
        busy, filled = (
            at_work / max(demand.busy - idle, demand.busy / 2),
            demand.drivers / self._of("drivers_per_actor"),
        )
        # The answer's range is that of the part that decides.
        decides = "driver_cpu_us" if busy > filled else "drivers_per_actor"
        how = "as many as are busy with the positions, and none with too many drivers"
        self._add("drivers.actors", "driver actors", max(busy, filled), "actors", how, decides, least=1)
        actors = self._value("drivers.actors")
        cores = (at_work + actors * idle) / demand.busy
        how = "(positions/s × processor time of one + actors × that of an idle one) ÷ busy"
        self._add("drivers.cores", "cores", cores, "cores", how, "driver_cpu_us", "actor_cores")
        self._add(
            "drivers.pods",
            "pods",
            actors / demand.pod_cores,
            "pods",
            f"one actor a core, {demand.pod_cores} cores a pod",
            decides,
            least=1,
        )
        memory = demand.drivers * self._of("driver_bytes") + actors * self._of("actor_bytes")
        self._add(
            "drivers.memory",
            "memory",
            memory,
            "bytes",
            "drivers × bytes of one + actors × an empty one",
            "driver_bytes",
            "actor_bytes",
        )

    def api(self) -> None:
        demand = self._demand
        for role, per_s in (("history", demand.per_s), ("state", demand.updates_per_s)):
            figure = f"{role}_per_s"
            needed = per_s / self._of(figure) / demand.busy
            self._add(
                f"api.{role}",
                f"processes, role {role}",
                needed,
                "processes",
                "positions/s ÷ those of one process ÷ busy",
                figure,
                least=1,
            )
        viewing = demand.viewers / self._of("viewers_per_process")
        self._add(
            "api.live",
            "processes, role live",
            viewing,
            "processes",
            "viewers ÷ those of one process",
            "viewers_per_process",
            least=1,
        )
        roles = [self.found[f"api.{role}"] for role in ("history", "state", "live")]
        self.found["api.cores"] = total("api.cores", "cores", roles, "cores", "one for each process")
        memory = self._value("api.cores") * self._of("api_bytes") + self._value("api.live") * demand.drivers * self._of(
            "vehicle_bytes"
        )
        how = "processes × an empty one + live processes × drivers × bytes of a vehicle"
        self._add("api.memory", "memory", memory, "bytes", how, "api_bytes", "vehicle_bytes")
        to_viewers = demand.viewers * self._of("viewer_bytes_per_s")
        self._add(
            "api.network", "network to viewers", to_viewers, "bytes/s", "viewers × bytes/s of one", "viewer_bytes_per_s"
        )

    def kafka(self) -> None:
        demand = self._demand
        through = demand.per_s / self._of("partition_per_s") / demand.busy
        needs = {
            "history_per_s": self._value("api.history"),
            "state_per_s": self._value("api.state"),
            "partition_per_s": through,
        }
        decides = max(needs, key=lambda name: needs[name])
        how = (
            f"one for each process of the greater group ({max(needs['history_per_s'], needs['state_per_s']):,.0f}), "
            f"and positions/s ÷ those of a partition ÷ busy ({through:,.1f}); in dozens"
        )
        self._add(
            "kafka.partitions",
            f"partitions of {Topic.NEW_POSITION}",
            needs[decides],
            "partitions",
            how,
            decides,
            least=1,
            step=PARTITION_STEP,
        )
        cores, more = (
            self._cores(demand.per_s, "broker_cpu_us", demand.kafka_copies),
            ["replica_cost"] * (demand.kafka_copies > 1),
        )
        self._add(
            "kafka.cores",
            "cores",
            cores,
            "cores",
            "positions/s × processor time of one × copies ÷ busy",
            "broker_cpu_us",
            *more,
        )
        how = f"one a copy, and {demand.node_cores} cores each"
        self._add(
            "kafka.brokers",
            "brokers",
            cores / demand.node_cores,
            "brokers",
            how,
            "broker_cpu_us",
            *more,
            least=demand.kafka_copies,
        )
        self._kafka_bytes(demand.per_s * self._of("kafka_bytes"))

    def _kafka_bytes(self, per_s: float) -> None:
        copies, readers, days = self._demand.kafka_copies, 2 + self._value("api.live"), self._demand.kafka_days
        self._add("kafka.in", "network from drivers", per_s, "bytes/s", "positions/s × compressed bytes", "kafka_bytes")
        self._add(
            "kafka.between",
            "network between brokers",
            per_s * (copies - 1),
            "bytes/s",
            "the same × copies beyond the first",
            "kafka_bytes",
        )
        how = f"the same × who reads everything: history, state, each live process ({readers:,.0f})"
        self._add("kafka.out", "network to readers", per_s * readers, "bytes/s", how, "kafka_bytes")
        self._add(
            "kafka.disk_per_day",
            "disk a day",
            per_s * DAY_S * copies,
            "bytes",
            "compressed bytes a day × copies",
            "kafka_bytes",
        )
        self._add(
            "kafka.disk",
            f"disk, kept {_days(days)}",
            per_s * DAY_S * copies * days,
            "bytes",
            "disk a day × days kept",
            "kafka_bytes",
        )

    def elastic(self) -> None:
        demand, copies = self._demand, self._demand.history_copies
        cores, more = self._cores(demand.per_s, "elastic_cpu_us", copies), ["replica_cost"] * (copies > 1)
        self._add(
            "elastic.cores",
            "cores",
            cores,
            "cores",
            "documents/s × processor time of one × copies ÷ busy",
            "elastic_cpu_us",
            *more,
        )
        how = f"one a copy, and {demand.node_cores} cores each"
        self._add(
            "elastic.nodes", "nodes", cores / demand.node_cores, "nodes", how, "elastic_cpu_us", *more, least=copies
        )
        daily, days = demand.per_s * DAY_S * self._of("elastic_bytes") * copies, demand.history_days
        self._add(
            "elastic.disk_per_day",
            "disk a day",
            daily,
            "bytes",
            "documents a day × bytes of one × copies",
            "elastic_bytes",
        )
        self._add(
            "elastic.disk",
            f"disk, kept {_days(days)}",
            daily * days,
            "bytes",
            "disk a day × days kept",
            "elastic_bytes",
        )

    def mongo(self) -> None:
        cores = self._cores(self._demand.updates_per_s, "mongo_cpu_us")
        self._add(
            "mongo.cores",
            "cores of primaries",
            cores,
            "cores",
            "updates/s × processor time of one ÷ busy",
            "mongo_cpu_us",
        )

    def everything(self) -> None:
        parts = [
            self.found[name] for name in ("drivers.actors", "api.cores", "kafka.cores", "elastic.cores", "mongo.cores")
        ]
        cores = total(
            "all.cores", "cores", parts, "cores", "one for each actor and each process of the API + the servers' own"
        )
        each, per_s = self._demand.node_cores, self._demand.per_s
        value, low, high = (float(whole_number(one / each)) for one in (cores.value, cores.low, cores.high))
        nodes = replace(
            cores,
            name="all.nodes",
            what=f"machines of {each} cores",
            value=value,
            low=low,
            high=high,
            unit="machines",
            how="cores ÷ those of one",
        )
        value, low, high = (per_s / one for one in (cores.value, cores.high, cores.low))
        per_core = replace(
            cores,
            name="all.per_core",
            what="for each core",
            value=value,
            low=low,
            high=high,
            unit="positions/s",
            how="positions/s ÷ cores",
        )
        self.found |= {one.name: one for one in (cores, nodes, per_core)}


def _days(days: float) -> str:
    return "1 day" if days == 1 else f"{days:g} days"


def _warnings(demand: Demand, profile: Profile, found: dict[str, Estimate]) -> Iterator[str]:
    live = profile["live_per_s"].value
    if demand.per_s > live * demand.busy:
        yield (
            f"live map: each live process reads every position and keeps up with {live:,.0f}/s, "
            f"{live * demand.busy:,.0f}/s with room to spare; at {demand.per_s:,.0f}/s its picture falls behind, "
            "however many processes there are. Several runs on topics of their own, or a lower hz, would fit"
        )
    made, needed = TOPICS[Topic.NEW_POSITION].partitions, found["kafka.partitions"].value
    if needed > made:
        yield (
            f"Kafka: {Topic.NEW_POSITION} is made with {made} partitions where {needed:,.0f} are needed: "
            "give it more before the first run"
        )
    if demand.drivers > MAX_FLEET:
        runs = math.ceil(demand.drivers / MAX_FLEET)
        yield f"drivers: one scenario has at most {MAX_FLEET:,}; {demand.drivers:,} need {runs} runs"
    far = max(found.values(), key=lambda one: one.factor or 0.0)
    if far.factor and far.factor >= 10:
        yield f"this load is far from what was measured: {far.part}, {far.what}, is extrapolated ×{far.factor:,.0f}"
