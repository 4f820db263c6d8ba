"""``python -m family TITLE ...``: a process with a child for each title, on whose command line it is; all sleep until they are ended."""

from __future__ import annotations

import subprocess
import sys
import time


def main() -> None:
    """Start the children, say so, and sleep."""
    for title in sys.argv[1:]:
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", title])
    sys.stdout.write("started\n")
    sys.stdout.flush()
    time.sleep(600)


if __name__ == "__main__":
    main()
