"""Processes that cannot outlive their parent: how one is started, and what it does first.

A tied process is given its parent's process id and runs this module before anything else, in one of two forms::

    python -m cli.local.parent_death PARENT_PID MODULE [ARGUMENT ...]
    python parent_death.py PARENT_PID --record FILE PORTS_AS_JSON PROGRAM [ARGUMENT ...]

The first runs a Python module as ``__main__``. The second writes a record of the process, then becomes another program;
the record is on disk before the program begins, so that a program is found again even if its parent was killed at the
very moment of the start. PARENT_PID 0 means that the process is not tied and outlives its parent deliberately.

On Linux the kernel sends SIGTERM to a tied process when the thread that started it ends (``PR_SET_PDEATHSIG``). That
survives becoming another program, but not becoming another user: what does that must ask the kernel anew. Elsewhere a
module looks four times a second whether its parent is still the same one; a program is not tied there.

The second form is run by its path, in a folder of its own: this module imports nothing of the project.
"""

from __future__ import annotations

import ctypes
import json
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import psutil

PARENT_POLL_S = 0.25

_PR_SET_PDEATHSIG = 1

# The kernel ends a tied process when the thread that started it ends: this one lives as long as the program.
_SPAWNER = ThreadPoolExecutor(1, "spawner")


def module_command(module: str, arguments: Sequence[str] = ()) -> list[str]:
    """Return the command line of a Python module that ends with this process."""
    return [sys.executable, "-m", "cli.local.parent_death", str(os.getpid()), module, *arguments]


def program_command(program: Sequence[str], record: Path, ports: Mapping[str, int], *, tied: bool) -> list[str]:
    """Return the command line of a program that writes down which process it is before it begins.

    Parameters
    ----------
    program : the program and its arguments.
    record : file that gets the process id, its start and its ports; see `cli.local.services.record`.
    ports : what it will listen on, by name.
    tied : whether it ends with this process.
    """
    parent = str(os.getpid() if tied else 0)
    return [sys.executable, "-P", __file__, parent, "--record", str(record), json.dumps(dict(ports)), *program]


def start(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    stdout: int | IO[bytes],
    stderr: int | IO[bytes] | None = subprocess.STDOUT,
    folder: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a command in a session of its own, so that Ctrl-C in the terminal reaches only this process.

    Parameters
    ----------
    command : of `module_command` or `program_command`.
    environment : added to this process's own.
    stdout, stderr : as `subprocess.Popen` takes them.
    folder : working directory; this process's own if absent.
    """

    def spawn() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )

    return _SPAWNER.submit(spawn).result()


def tie(parent: int) -> None:
    """Ask the kernel to send SIGTERM to this process when its parent dies; on Linux only.

    Raises
    ------
    SystemExit : the parent has died already.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died between fork and prctl
            raise SystemExit(1)


def watch_parent(parent: int) -> threading.Thread:
    """Start and return a thread that sends SIGTERM to this process once its parent is another one."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_POLL_S)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=watch, name="parent-death", daemon=True)
    thread.start()
    return thread


def write_record(path: Path, ports: Mapping[str, int]) -> None:
    """Write down which process this is; the file is whole or not there, whenever it is read."""
    aside = path.with_name(f"{path.name}.new")
    process = {"pid": os.getpid(), "created_s": psutil.Process().create_time(), "ports": dict(ports)}
    aside.write_text(json.dumps(process) + "\n")
    aside.replace(path)


def main(arguments: Sequence[str]) -> None:
    """Tie this process to its parent, then become the module or the program."""
    parent, name, *rest = int(arguments[0]), *arguments[1:]
    if parent:
        tie(parent)
    if name == "--record":
        record, ports, *program = rest
        write_record(Path(record), json.loads(ports))
        os.execvp(program[0], program)
    if sys.platform != "linux":
        watch_parent(parent)
    sys.argv = [name, *rest]
    runpy.run_module(name, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
