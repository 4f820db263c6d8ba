"""Processes end with the parent that started them, and only those that are tied to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from cli.local import parent_death
from cli.local.services.record import Record

SLEEP = "import time; time.sleep(600)"


def parent_of(code: str, *arguments: str) -> tuple[subprocess.Popen[str], list[int]]:
    """Run a parent that starts processes and prints their ids in one line; return it and the ids."""
    parent = subprocess.Popen(
        [sys.executable, "-c", f"{code}\nimport time; time.sleep(600)", *arguments], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    return parent, [int(word) for word in parent.stdout.readline().split()]


def kill(parent: subprocess.Popen[str]) -> None:
    parent.kill()
    parent.communicate()


def has_ended(pid: int, timeout_s: float = 10.0) -> bool:
    try:
        psutil.Process(pid).wait(timeout_s)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True


STARTING = (
    "import subprocess, sys, threading\n"
    "from pathlib import Path\n"
    "from cli.local import parent_death\n"
    "nowhere = subprocess.DEVNULL\n"
)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's signal is Linux's")
def test_a_module_ends_with_its_parent_even_if_the_thread_that_asked_for_it_has_ended_before() -> None:
    code = (
        STARTING + "found = []\n"
        "def start():\n"
        "    command = parent_death.module_command('http.server', ['0', '--bind', '127.0.0.1'])\n"
        "    found.append(parent_death.start(command, {}, stdout=nowhere))\n"
        "thread = threading.Thread(target=start)\n"
        "thread.start()\n"
        "thread.join()\n"
        "print(found[0].pid, flush=True)\n"
    )
    parent, [pid] = parent_of(code)
    assert not has_ended(pid, 1.0)
    kill(parent)
    assert has_ended(pid)


def test_a_program_writes_its_record_before_it_begins_and_outlives_its_parent_only_if_it_is_not_tied(
    tmp_path: Path,
) -> None:
    code = (
        STARTING + "pids = []\n"
        "for tied in (True, False):\n"
        "    record = Path(sys.argv[1]) / f'{tied}.json'\n"
        "    command = parent_death.program_command(['sleep', '600'], record, {'client': 9092}, tied=tied)\n"
        "    pids.append(parent_death.start(command, {}, stdout=nowhere, folder=Path(sys.argv[1])).pid)\n"
        "    while not record.exists():\n"
        "        pass\n"
        "print(*pids, flush=True)\n"
    )
    parent, [tied, untied] = parent_of(code, str(tmp_path))
    records = [Record.read(tmp_path / f"{name}.json") for name in (True, False)]
    try:
        assert [(record.pid, record.ports) for record in records if record is not None] == [
            (tied, {"client": 9092}),
            (untied, {"client": 9092}),
        ]
        kill(parent)
        if sys.platform == "linux":
            assert has_ended(tied)
        assert psutil.pid_exists(untied)
    finally:
        for record in filter(None, records):
            record.send(signal.SIGKILL)


def test_where_the_kernel_sends_no_signal_a_thread_notices_the_parents_death() -> None:
    code = f"import sys; from cli.local.parent_death import watch_parent; watch_parent(int(sys.argv[1])); {SLEEP}"
    starting = (
        STARTING + "import os\n"
        "command = [sys.executable, '-c', sys.argv[1], str(os.getpid())]\n"
        "print(subprocess.Popen(command, stdout=nowhere).pid, flush=True)\n"
    )
    parent, [pid] = parent_of(starting, code)
    kill(parent)
    assert has_ended(pid)


def test_a_child_whose_parent_died_before_it_could_be_tied_does_not_begin() -> None:
    nobody = subprocess.Popen(["true"])
    nobody.wait()
    command = [*parent_death.module_command("this")[:3], str(nobody.pid), "this"]
    if sys.platform == "linux":
        assert subprocess.run(command, capture_output=True, check=False).returncode == 1


def test_children_get_the_environment_given_and_no_signal_of_the_terminal() -> None:
    command = [sys.executable, "-c", "import os; print(os.environ['ADDED'], os.getsid(0))"]
    child = parent_death.start(command, {"ADDED": "yes"}, stdout=subprocess.PIPE)
    out, _ = child.communicate()
    assert out.decode().split() == ["yes", str(child.pid)]
    assert os.getsid(0) != child.pid
