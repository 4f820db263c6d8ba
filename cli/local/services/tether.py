"""Become another program, after writing down who we are.

    python tether.py PARENT_PID RECORD_FILE PORTS_AS_JSON PROGRAM [ARGUMENT ...]

The record is on disk before the program begins, so that whoever starts services finds them again, even if it was killed
at the very moment it started them. With a PARENT_PID other than 0, on Linux, the kernel sends SIGTERM when that parent
dies. That survives becoming another program, but not becoming another user: what does that must ask the kernel anew.
This file is run by its path: it imports nothing of ours.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from pathlib import Path

import psutil

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its parent, write the record, become the program."""
    parent, record, ports, *command = sys.argv[1:]
    if int(parent) and sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != int(parent):  # it died between fork and prctl
            raise SystemExit(1)
    path = Path(record)
    aside = path.with_name(f"{path.name}.new")  # a reader must never see half a record
    aside.write_text(
        json.dumps({"pid": os.getpid(), "created_s": psutil.Process().create_time(), "ports": json.loads(ports)}) + "\n"
    )
    aside.replace(path)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
