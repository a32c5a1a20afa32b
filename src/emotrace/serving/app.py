"""The application: routes, errors and access."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from emotrace.inference.recogniser import Recogniser
from emotrace.serving import about, live, page, problems, rest
from emotrace.serving.security import Guard
from emotrace.serving.service import Service
from emotrace.serving.settings import ServiceSettings

_DESCRIPTION = """\
Recognises the emotion of speech, and shows when it occurs. Recordings stay in memory and are never stored.

Results are estimates. Do not use them to judge people or to make decisions about them.
"""


def create_app(recogniser: Recogniser, settings: ServiceSettings | None = None) -> FastAPI:
    """The ASGI application of the service.

    Args:
        recogniser: the model
        settings: limits and access; None stands for the defaults, which allow calls by loopback names only

    >>> app = create_app(load())  # doctest: +SKIP
    """
    service = Service(recogniser, settings or ServiceSettings())

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        service.stopping.set()
        service.close()

    app = FastAPI(
        title="emotrace",
        version=version("emotrace"),
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.service = service
    for router in (rest.router, about.router, live.router, page.router):
        app.include_router(router)
    page.add_files(app)
    problems.add_handlers(app)
    if service.settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=service.settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type"],
            expose_headers=["Emotrace-Errors", "Emotrace-Warnings", "Retry-After"],
        )
    app.add_middleware(Guard, settings=service.settings, metrics=service.metrics)
    return app
