"""The web door: every router, in one app."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from anyio import CapacityLimiter
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

import pacs as package
from pacs.context import Pacs
from pacs.settings import Settings
from pacs.web import (
    annotations,
    api,
    attributes,
    auth,
    bulk_data,
    capabilities,
    commitments,
    corrections,
    displays,
    docs,
    events,
    export,
    fhir,
    hanging,
    health,
    launch,
    metadata,
    pages,
    peers,
    preferences,
    qido,
    removals,
    rendered,
    resources,
    routes,
    shown,
    stow,
    wado,
    wado_uri,
    workitems,
)
from pacs.web.headers import FOR_OTHER_ORIGINS, Headers, policy_of_build
from pacs.web.problem import answer_problems
from pacs.web.short_way import ShortWay

ROUTERS = (
    qido.counts,
    wado.router,
    metadata.router,
    bulk_data.router,
    qido.router,
    rendered.router,
    wado_uri.router,
    stow.router,
    commitments.router,
    resources.router,
    capabilities.router,
    workitems.router,
    events.router,
    api.router,
    shown.router,
    routes.router,
    attributes.router,
    peers.router,
    corrections.router,
    hanging.router,
    removals.router,
    annotations.router,
    export.router,
    fhir.router,
    launch.router,
    displays.router,
    preferences.router,
    auth.router,
    health.router,
    docs.router,
    pages.router,
)
"""The one of the pages stands last: it takes every address that is left. That of counts is no study's."""
SHORT = (
    qido.counts,
    wado.router,
    metadata.router,
    bulk_data.router,
    qido.router,
    rendered.router,
    stow.router,
    wado_uri.router,
    api.router,
)
"""Those that are asked for most: what they answer costs no layers of the framework."""
THREADS = 40
"""That answer at once, in one process: most of them wait for a disk or a bucket."""


def create_app(pacs: Pacs, statement: Callable[[Settings], str] | None = None) -> FastAPI:
    """The app of one process. It neither opens nor closes the Pacs.

    statement: makes the conformance statement, of which only the roof knows.
    """
    app = FastAPI(
        title="Filmless",
        version=package.__version__,
        openapi_url=None,  # ours ask who wants to know
        docs_url=None,
        redoc_url=None,
    )
    app.state.pacs = pacs
    app.state.routers = ROUTERS
    app.state.statement = statement
    app.state.storing = ThreadPoolExecutor(stow.AT_ONCE, thread_name_prefix="store")
    app.state.listening = CapacityLimiter(events.AT_ONCE)
    app.state.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="answer")
    answer_problems(app)
    app.add_middleware(ShortWay, routers=SHORT, threads=app.state.threads, pacs=pacs)
    app.add_middleware(Headers, policy=policy_of_build(pages.STATIC, pacs.settings.embed_origins))
    if pacs.settings.cors_origins:
        app.add_middleware(CORSMiddleware, allow_origins=pacs.settings.cors_origins, **FOR_OTHER_ORIGINS)
    for router in ROUTERS:
        app.include_router(router)
    return app
