"""The parts of a report about the run, its machine, its verdict and its ledger."""

from __future__ import annotations

from dataclasses import field

from pydantic.dataclasses import dataclass

from cli.load.report.form import FORM
from engine.judging.verdict import Bound, Outcome


@dataclass(frozen=True, slots=True, config=FORM)
class Run:
    """Which run it was."""

    id: str
    created: str
    """When the report was made, ISO 8601 with a zone."""
    duration_s: float
    """Wall seconds from the run's beginning to its end."""
    ended: str = "finished"
    """finished, interrupted, cancelled, or aborted at the first failure."""


@dataclass(frozen=True, slots=True, config=FORM)
class Environment:
    """What the run ran on; no name of a host, of a person or of a folder."""

    cpu: str
    cpus: int
    """How many may be used."""
    memory_bytes: int
    """Of the machine."""
    os: str
    python: str
    versions: dict[str, str]
    """Of what takes part, by name."""
    settings: dict[str, str] = field(default_factory=dict)
    """By name, those that differ from their defaults and are neither addresses nor secrets."""
    profile: str = ""
    """What stood behind the chain: embedded, or services."""
    broker: str = ""
    """Which ones, in words."""
    stores: tuple[str, ...] = ()
    """Which ones, in words."""


@dataclass(frozen=True, slots=True, config=FORM)
class ScenarioText:
    """The scenario that was run."""

    name: str
    toml: str
    """The whole of it, as a file that reads back the same."""
    seed: int = 0
    time_scale: float = 1.0


@dataclass(frozen=True, slots=True, config=FORM)
class CheckRow:
    """One threshold in one stage."""

    threshold: str
    """As the scenario names it: ``e2e_p99_ms``."""
    stage: str | None
    """Null for what is counted over the whole run."""
    limit: float
    """In the threshold's own unit."""
    found: float | None
    """In the threshold's own unit, with windows the worst one's; null is not measured, and no pass."""
    holds: bool
    windows_s: tuple[float, ...] = ()
    """Where the windows begin in which it does not hold, seconds after the run's beginning."""


@dataclass(frozen=True, slots=True, config=FORM)
class Judgement:
    """What was judged."""

    outcome: Outcome
    """No verdict where the load was not made (too_slow, empty), or not to its end (interrupted)."""
    exit_code: int
    """0 passed, 1 a threshold failed, 2 could not run, 3 no verdict."""
    checks: tuple[CheckRow, ...] = ()
    bound: Bound | None = None
    """What bounded the run, if something did: ray, encoding, broker or store."""
    why: str = ""
    """How that is known, in a sentence."""
    too_slow: tuple[str, ...] = ()
    """Stages in which the generator did not keep up."""
    empty: tuple[str, ...] = ()
    """Stages in which there was no position: their thresholds have no sample, and do not hold."""
    interrupted: bool = False
    """Whether the run was ended before its time; the checks say how things stood until then."""


@dataclass(frozen=True, slots=True, config=FORM)
class Missing:
    """Positions of one delivery that should be in the store and are not; both ends included."""

    delivery_id: str
    from_seq: int
    to_seq: int


@dataclass(frozen=True, slots=True, config=FORM)
class Ledger:
    """Where the positions of the whole run are."""

    produced: int
    acked: int
    consumed: int
    stored: int
    missing: int
    duplicated: int
    clean: bool
    """Whether every produced position is acknowledged, consumed and stored, or lost to a fault."""
    failed: int = 0
    """Refused by Kafka for good."""
    dead_lettered: int = 0
    lost_on_purpose: int = 0
    """Left out or damaged by a fault of the scenario; not missing."""
    gaps: tuple[Missing, ...] = ()
    """The first of the missing ones by name."""


@dataclass(frozen=True, slots=True, config=FORM)
class Disturbance:
    """Something that was done to the system."""

    kind: str
    at_s: float | None
    """Wall seconds after the run's beginning."""
    told: str = ""
    """What happened, in a sentence."""


@dataclass(frozen=True, slots=True, config=FORM)
class Probe:
    """One fleet that the capacity search tried."""

    drivers: int
    positions_per_s: float | None
    """Offered by the plan, a wall second."""
    outcome: Outcome
    e2e_p99_ms: float | None = None
    lateness_p99_ms: float | None = None
    cpu_share: float | None = None
    """Of all processors of the machine, 0 to 1."""
    bound: str | None = None


@dataclass(frozen=True, slots=True, config=FORM)
class Capacity:
    """What the capacity search found."""

    highest: int | None
    """The greatest fleet that kept the thresholds; none if even the smallest did not."""
    probes: tuple[Probe, ...]
    """In the order in which they were tried."""
    why: str = ""
    """What ended the search, in a sentence."""
    confirmed: bool = True
    """Whether more than one probe says so."""


@dataclass(frozen=True, slots=True, config=FORM)
class Repeat:
    """A further run of the same test, of which only the figures are kept: the noise between runs."""

    run_id: str
    outcome: Outcome
    figures: dict[str, float]
    """By name, as a comparison names them: ``peak: pushed p99 ms``."""
