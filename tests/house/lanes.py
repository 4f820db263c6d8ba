"""The whole suite in lanes: ``python tests/house/lanes.py [LANE ...]`` runs them and adds up results.

A lane is one command with a number of cores. A lane begins when its cores are free, in the order of `LANES`; with two
cores the unit tests have both, and then the tests on real services run beside everything else. What a lane printed is
printed when it ends. The end is one table with the counts of every lane and their sum, and the exit status is 1 if any
lane failed.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

REPOSITORY = Path(__file__).resolve().parents[2]
RESULTS = REPOSITORY / ".test-results"
"""Logs and JUnit files of the newest run, by lane."""

LOOK_S = 0.2
"""Seconds between two looks at what runs."""

SINK = "connect/elasticsearch-sink"

MARKED = "ray or services or browser or packaging"


class Counts(NamedTuple):
    """What the tests of a lane came to; a command that counts no tests has none of them."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: object) -> Counts:
        """Return the sum, field by field."""
        if not isinstance(other, Counts):
            return NotImplemented
        return Counts(*(a + b for a, b in zip(self, other, strict=True)))

    @classmethod
    def of_junit(cls, path: Path) -> Counts:
        """Read a JUnit file; an error counts as a failure."""
        if not path.is_file():
            return cls()
        suites = list(ElementTree.parse(path).getroot().iter("testsuite"))
        total, failed, errors, skipped = (
            sum(int(suite.get(name, "0")) for suite in suites) for name in ("tests", "failures", "errors", "skipped")
        )
        return cls(total - failed - errors - skipped, failed + errors, skipped)


@dataclass
class Lane:
    """One command of the suite.

    Parameters
    ----------
    name : in the table, and of its log.
    command : with ``{python}``, ``{junit}``, ``{seed}`` and ``{cores}`` for what a run fills in.
    cores : how many it keeps busy; at most as many as there are.
    folder : where it runs, relative to the repository.
    reports : pattern of the JUnit files that it writes by itself, relative to the repository.
    results : folder of its log and its JUnit file.
    """

    name: str
    command: Sequence[str]
    cores: int = 1
    folder: str = "."
    reports: str = ""
    results: Path = RESULTS
    status: int | None = None
    seconds: float = 0.0
    counts: Counts = field(default_factory=Counts)

    @property
    def log(self) -> Path:
        """File of what the command prints."""
        return self.results / f"{self.name}.log"

    @property
    def junit(self) -> Path:
        """JUnit file that the command is asked for."""
        return self.results / f"{self.name}.xml"

    def junit_files(self) -> list[Path]:
        """Return the files in which the command has counted its tests."""
        return sorted(REPOSITORY.glob(self.reports)) if self.reports else [self.junit]

    def start(self, cores: int, seed: int) -> subprocess.Popen[bytes]:
        """Start the command on some cores; its output goes to its log."""
        self.results.mkdir(parents=True, exist_ok=True)
        for old in self.junit_files():
            old.unlink(missing_ok=True)
        places = {"python": sys.executable, "junit": str(self.junit), "seed": str(seed), "cores": str(cores)}
        with self.log.open("wb") as log:
            return subprocess.Popen(
                [word.format(**places) for word in self.command],
                cwd=REPOSITORY / self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def conclude(self, status: int, seconds: float) -> None:
        """Note how the command ended and count its tests."""
        self.status, self.seconds = status, seconds
        self.counts = sum(map(Counts.of_junit, self.junit_files()), Counts())


def pytest_lane(name: str, marks: str, *options: str, cores: int = 1) -> Lane:
    """Return the lane of the tests that a marker expression selects."""
    fixed = ["{python}", "-m", "pytest", "-m", marks, "-q", "--junitxml={junit}", "--randomly-seed={seed}"]
    return Lane(name, [*fixed, *options], cores)


def lanes(*, coverage: bool = False) -> list[Lane]:
    """Return the lanes of the suite in the order in which they begin; unit tests may measure coverage."""
    measured = ["--cov", "--cov-report="] if coverage else []
    return [
        pytest_lane("units", f"not ({MARKED})", "-n", "{cores}", "--dist", "worksteal", *measured, cores=2),
        pytest_lane("services", "services"),
        pytest_lane("chain", f"({MARKED}) and not services", "-n", "2", "--dist", "loadscope"),  # they wait a lot
        Lane(
            "connect",
            ["make", "--no-print-directory", "test-connect"],
            reports=f"{SINK}/target/surefire-reports/TEST-*.xml",
        ),
        Lane(
            "ui",
            ["npm", "test", "--", "--reporter=default", "--reporter=junit", "--outputFile.junit={junit}"],
            folder="ui",
        ),
    ]


def run(todo: list[Lane], cores: int, seed: int) -> list[Lane]:
    """Run lanes, each as soon as its cores are free; print each one's output when it ends."""
    waiting, running, free = list(todo), dict[str, tuple[Lane, int, subprocess.Popen[bytes], float]](), cores
    try:
        while waiting or running:
            while waiting and (wanted := min(waiting[0].cores, cores)) <= free:
                lane = waiting.pop(0)
                free -= wanted
                running[lane.name] = (lane, wanted, lane.start(wanted, seed), time.monotonic())
                say(f"==> {lane.name} begins")
            for lane, had, process, began in list(running.values()):
                if (status := process.poll()) is not None:
                    lane.conclude(status, time.monotonic() - began)
                    free += had
                    del running[lane.name]
                    say(f"==> {lane.name} {'passed' if status == 0 else 'failed'}; what it printed:")
                    say(lane.log.read_text(errors="replace"))
            time.sleep(LOOK_S)
    finally:
        for _, _, process, _ in running.values():
            process.terminate()
        for _, _, process, _ in running.values():
            process.wait()
    return todo


def table(done: Sequence[Lane], seconds: float, seed: int) -> Iterator[str]:
    """Yield the lines of the summary."""
    yield f"{'lane':<10}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}"
    for lane in done:
        verdict = "" if lane.status == 0 else f"  exit status {lane.status}: see {lane.log}"
        yield row(lane.name, lane.counts, lane.seconds) + verdict
    total = sum((lane.counts for lane in done), Counts())
    yield row("in all", total, seconds)
    yield f'The same order and examples: make test SEED={seed}, or make test ARGS="--randomly-seed={seed} ..."'


def coverage_total() -> str:
    """Return the share of lines and branches of the product that the unit tests reach, in percent."""
    command = [sys.executable, "-m", "coverage", "report", "--format=total", "--precision=1"]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False).stdout.strip()


def row(name: str, counts: Counts, seconds: float) -> str:
    """Return one line of the summary."""
    return f"{name:<10}{counts.passed:>8}{counts.failed:>8}{counts.skipped:>9}{seconds:>9.0f}"


def say(text: str) -> None:
    """Print a line now."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    """Run the suite, or the lanes that are named; return 1 if one failed."""
    parser = argparse.ArgumentParser(description="Run the suite in lanes.")
    parser.add_argument("names", nargs="*", help="lanes to run; default: all", metavar="LANE")
    parser.add_argument("--seed", type=int, help="of the tests' order and of the examples; default: a fresh one")
    parser.add_argument("--cores", type=int, default=os.cpu_count() or 1, help="default: those of the machine")
    parser.add_argument("--coverage", action="store_true", help="of lines and branches by the unit tests")
    options = parser.parse_args(arguments)
    every = lanes(coverage=options.coverage)
    if unknown := set(options.names) - {lane.name for lane in every}:
        parser.error(
            f"there is no lane {', '.join(sorted(unknown))}; there are {', '.join(lane.name for lane in every)}"
        )
    seed = random.SystemRandom().getrandbits(32) if options.seed is None else options.seed
    say(f"seed {seed}")
    began = time.monotonic()
    done = run([lane for lane in every if not options.names or lane.name in options.names], max(1, options.cores), seed)
    say("\n".join(table(done, time.monotonic() - began, seed)))
    if options.coverage:
        say(f"unit tests reach {coverage_total()} % of lines and branches")
    return 0 if all(lane.status == 0 for lane in done) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
