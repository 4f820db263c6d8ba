"""``python -m cli``: the same as the command ``code-delivery``."""

from cli.main import main

main()
