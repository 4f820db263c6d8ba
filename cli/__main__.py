"""The command ``code-delivery``, and ``python -m cli``."""

from engine.extras import needing

with needing("cli"):
    from cli.main import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
