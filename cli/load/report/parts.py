"""The parts of a report that say what was run, on what, how it was judged, and what became of the positions."""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.judging.verdict import Bound, Outcome


@dataclass(frozen=True, slots=True)
class Run:
    """Which run it was.

    Attributes
    ----------
    created : when the report was made, ISO 8601 with a zone.
    duration_s : wall seconds from the run's beginning to its end.
    ended : how it ended, in a word or a sentence: finished, interrupted, cancelled, aborted at the first failure.
    """

    id: str
    created: str
    duration_s: float
    ended: str = "finished"


@dataclass(frozen=True, slots=True)
class Environment:
    """What the run ran on; no name of a host, of a person or of a folder.

    Attributes
    ----------
    cpus : how many may be used.
    memory_bytes : of the machine.
    versions : of what takes part, by name.
    settings : by name, those that differ from their defaults and are neither addresses nor secrets.
    profile : what stood behind the chain: embedded, or services.
    broker, stores : which ones, in words.
    """

    cpu: str
    cpus: int
    memory_bytes: int
    os: str
    python: str
    versions: dict[str, str]
    settings: dict[str, str] = field(default_factory=dict)
    profile: str = ""
    broker: str = ""
    stores: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ScenarioText:
    """The scenario that was run.

    Attributes
    ----------
    toml : the whole of it, as a file that reads back the same.
    """

    name: str
    toml: str
    seed: int = 0
    time_scale: float = 1.0


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One threshold in one stage.

    Attributes
    ----------
    threshold : as the scenario names it: ``e2e_p99_ms``.
    stage : null for what is counted over the whole run.
    limit, found : in the threshold's own unit; nothing found is nothing measured, and no pass. With windows the worst
        one's.
    windows_s : where the windows begin in which it does not hold, seconds after the run's beginning.
    """

    threshold: str
    stage: str | None
    limit: float
    found: float | None
    holds: bool
    windows_s: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was judged.

    Attributes
    ----------
    outcome : no verdict where the load was not made (too_slow, empty), or not to its end (interrupted).
    exit_code : 0 passed, 1 a threshold failed, 2 could not run, 3 no verdict.
    bound : what bounded the run, if something did: ray, encoding, broker or store.
    why : how that is known, in a sentence.
    too_slow : stages in which the generator did not keep up.
    empty : stages in which there was no position: their thresholds have no sample, and do not hold.
    interrupted : whether the run was ended before its time; the checks say how things stood until then.
    """

    outcome: Outcome
    exit_code: int
    checks: tuple[CheckRow, ...] = ()
    bound: Bound | None = None
    why: str = ""
    too_slow: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class Missing:
    """Positions of one delivery that should be in the store and are not; both ends included."""

    delivery_id: str
    from_seq: int
    to_seq: int


@dataclass(frozen=True, slots=True)
class Ledger:
    """Where the positions of the whole run are.

    Attributes
    ----------
    failed : refused by Kafka for good.
    lost_on_purpose : left out or damaged by a fault of the scenario; not missing.
    gaps : the first of the missing ones by name.
    clean : whether every position that was produced is acknowledged, consumed and stored, or was lost on purpose.
    """

    produced: int
    acked: int
    consumed: int
    stored: int
    missing: int
    duplicated: int
    clean: bool
    failed: int = 0
    dead_lettered: int = 0
    lost_on_purpose: int = 0
    gaps: tuple[Missing, ...] = ()


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Something that was done to the system on purpose.

    Attributes
    ----------
    at_s : wall seconds after the run's beginning.
    told : what happened, in a sentence.
    """

    kind: str
    at_s: float | None
    told: str = ""


@dataclass(frozen=True, slots=True)
class Probe:
    """One fleet that the capacity search tried.

    Attributes
    ----------
    positions_per_s : offered by the plan, a wall second.
    cpu_share : of all processors of the machine, 0 to 1.
    """

    drivers: int
    positions_per_s: float | None
    outcome: Outcome
    e2e_p99_ms: float | None = None
    lateness_p99_ms: float | None = None
    cpu_share: float | None = None
    bound: str | None = None


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the capacity search found.

    Attributes
    ----------
    highest : the greatest fleet that kept the thresholds; none if even the smallest did not.
    probes : in the order in which they were tried.
    why : what ended the search, in a sentence.
    confirmed : whether more than one probe says so.
    """

    highest: int | None
    probes: tuple[Probe, ...]
    why: str = ""
    confirmed: bool = True


@dataclass(frozen=True, slots=True)
class Repeat:
    """A further run of the same test, of which only the figures are kept: the noise between runs.

    Attributes
    ----------
    figures : by name, as a comparison names them: ``peak: pushed p99 ms``.
    """

    run_id: str
    outcome: Outcome
    figures: dict[str, float]
