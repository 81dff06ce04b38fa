"""The stand-in as one ASGI app."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp

from streams.sandbox.admin import Admin
from streams.sandbox.ayrshare_api import AyrshareApi
from streams.sandbox.config import PATHS, Config
from streams.sandbox.correspondents import Correspondents
from streams.sandbox.desk import Desk
from streams.sandbox.faults import Faults
from streams.sandbox.meta_api import MetaApi
from streams.sandbox.posting import Poster
from streams.sandbox.sockets import Sockets
from streams.sandbox.store import Store
from streams.sandbox.x_api import XApi


def make_app(config: Config) -> ASGIApp:
    """Everything is in memory and begins empty; nothing survives the process."""
    poster = Poster(config.gateway)
    store = Store(seed=config.seed)
    correspondents = Correspondents(config, store, poster)
    desk = Desk(config, store, Faults(seed=config.seed), correspondents)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await poster.start()
        try:
            yield
        finally:
            await correspondents.stop()
            await poster.stop()

    routes = [
        Mount(PATHS["DM_AYRSHARE_URL"], routes=AyrshareApi(desk).routes()),
        Mount(PATHS["DM_META_GRAPH_URL"], routes=MetaApi(desk, instagram_host=False).routes()),
        Mount(PATHS["DM_META_INSTAGRAM_URL"], routes=MetaApi(desk, instagram_host=True).routes()),
        Mount(PATHS["DM_X_URL"], routes=XApi(desk).routes()),
        Mount("/_sandbox", routes=Admin(desk).routes()),
    ]
    return Sockets(Starlette(routes=routes, lifespan=lifespan))
