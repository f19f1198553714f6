"""The application: pages, API and MCP over one corpus, behind one guard."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Final

from fastapi import Depends, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from ingest_reader import problems
from ingest_reader.agents.server import agents_server, http_routes
from ingest_reader.api import routes
from ingest_reader.api.asking import known_only, once_only
from ingest_reader.corpus import Corpus
from ingest_reader.guard import Access, Guard
from ingest_reader.pages import routes as pages
from ingest_reader.probes import Readiness

OPENAPI_PATH: Final = f"{routes.PREFIX}/openapi.json"


class PrefixError(ValueError):
    """Below this prefix some addresses would be ambiguous; the message says which, and what to do."""


def application(corpus: Corpus, access: Access, prefix: str = "", *, youtube: bool = True) -> ASGIApp:
    """Everything that is served, below a `prefix` if people see it there. Loads nothing and asks nothing
    before the first request. Without `youtube` no page has a frame of YouTube's: times link to it.

    Raises:
        PrefixError: the prefix begins as a path of this reader does.
    """
    agents = agents_server(corpus)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with agents.session_manager.run():
            yield

    app = FastAPI(
        title="video-ingest reader",
        version="1",
        openapi_url=None,
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,  # a redirect has to name the scheme and the host in front: a guess
    )
    app.state.corpus = corpus
    app.state.youtube = youtube
    problems.install(app)
    app.include_router(routes.router)
    app.include_router(pages.router)
    app.router.routes.extend(http_routes(agents))
    app.mount("/static", StaticFiles(directory=str(files(pages.__package__).joinpath("static"))), "static")
    schema = get_openapi(
        title=app.title,
        version=app.version,
        routes=routes.router.routes,
        description="What a corpus of recordings says, by whom and when. Read only. "
        "A query parameter that a route does not have, or that is given twice, is refused (422).",
        servers=[{"url": prefix}] if prefix else None,
    )

    @app.get(OPENAPI_PATH, include_in_schema=False, dependencies=[Depends(known_only), Depends(once_only)])
    def openapi() -> JSONResponse:
        return JSONResponse(schema)

    _add_probes(app, Readiness(corpus))
    _check_prefix(prefix, (*routes.router.routes, *pages.router.routes, *app.routes))
    return Guard(app, access, prefix)  # outermost: faults get its headers too


def _add_probes(app: FastAPI, readiness: Readiness) -> None:
    @app.get("/healthz", include_in_schema=False)
    async def alive() -> Response:  # never in a thread, which searches may all have
        return Response("ok\n", media_type="text/plain")

    @app.get("/readyz", include_in_schema=False)
    async def ready(request: Request) -> Response:
        if fault := await readiness.fault():
            return problems.answer(request, fault)
        return Response("ok\n", media_type="text/plain")


def _check_prefix(prefix: str, served: Iterable[BaseRoute]) -> None:
    """A path that begins with the prefix may come with it or without it, and must not mean both."""
    first = prefix.split("/")[1] if prefix else ""
    if first and first in {str(getattr(each, "path", "/")).split("/")[1] for each in served}:
        raise PrefixError(
            f"{prefix} begins as this reader's own /{first} does: behind a proxy that takes the prefix away, "
            "nobody could tell them apart. Next: take another prefix, as /corpus."
        )
