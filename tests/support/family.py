"""``python -m family TITLE ...``: a sleeping process with a sleeping child per title, named by it."""

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
