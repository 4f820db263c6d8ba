"""Run a module as ``__main__`` in a process that cannot outlive its parent.

    python -m cli.local.parent_death PARENT_PID MODULE [ARGUMENT ...]

On Linux the kernel sends SIGTERM to the process when its parent dies, however it dies, so that a kill -9 of
``code-delivery up`` leaves nothing behind. Elsewhere the module just runs.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Tie this process to its parent, then become the module."""
    parent, module, *arguments = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != int(parent):  # it died between fork and prctl
            raise SystemExit(1)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
