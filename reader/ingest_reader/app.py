"""The application: pages, API and MCP over one corpus, behind one guard."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from ingest_reader import problems
from ingest_reader.agents.server import agents_server, http_routes
from ingest_reader.api import routes
from ingest_reader.corpus import Corpus
from ingest_reader.guard import Access, Guard
from ingest_reader.pages import routes as pages

OPENAPI_PATH: Final = f"{routes.PREFIX}/openapi.json"


def application(corpus: Corpus, access: Access, prefix: str = "") -> ASGIApp:
    """Everything that is served, below a `prefix` if people see it there. Loads nothing and asks nothing
    before the first request."""
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
    )
    app.state.corpus = corpus
    problems.install(app)
    app.include_router(routes.router)
    app.include_router(pages.router)
    app.router.routes.extend(http_routes(agents))
    app.mount("/static", StaticFiles(directory=str(files(pages.__package__).joinpath("static"))), "static")
    schema = get_openapi(
        title=app.title,
        version=app.version,
        routes=routes.router.routes,
        description="What a corpus of recordings says, by whom and when. Read only.",
        servers=[{"url": prefix}] if prefix else None,
    )

    @app.get(OPENAPI_PATH, include_in_schema=False)
    def openapi() -> JSONResponse:
        return JSONResponse(schema)

    @app.get("/healthz", include_in_schema=False)
    def alive() -> Response:
        return Response("ok\n", media_type="text/plain")

    @app.get("/readyz", include_in_schema=False)
    def ready() -> Response:
        corpus.check()
        return Response("ok\n", media_type="text/plain")

    return Guard(app, access, prefix)  # outermost: faults get its headers too
