"""The composition root: the only place where actors and api meet."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("code-delivery")
except PackageNotFoundError:  # a checkout that was never installed
    __version__ = "0+unknown"

__all__ = ["__version__"]
