"""The live map: positions in, pictures out, to any number of viewers at once."""

from api.live.hub import Hub
from api.live.router import live_router

__all__ = ["Hub", "live_router"]
