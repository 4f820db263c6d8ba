"""The command ``code-delivery``, and ``python -m cli``."""

from engine.extras import needing


def main() -> None:
    """Run the command line; its commands are imported when they are asked for."""
    with needing("cli"):
        from cli.main import main as run

        run()


if __name__ == "__main__":
    main()
