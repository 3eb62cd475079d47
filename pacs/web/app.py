"""The web door: every router, in one app."""

from anyio import CapacityLimiter
from fastapi import FastAPI

import pacs as package
from pacs.context import Pacs
from pacs.web import api, auth, docs, health, pages, qido, rendered, stow, wado
from pacs.web.headers import Headers, policy_of_build
from pacs.web.problem import answer_problems


def create_app(pacs: Pacs) -> FastAPI:
    """The app of one process. It neither opens nor closes the Pacs."""
    app = FastAPI(
        title="Filmless",
        version=package.__version__,
        openapi_url=None,  # ours ask who wants to know
        docs_url=None,
        redoc_url=None,
    )
    app.state.pacs = pacs
    app.state.storing = CapacityLimiter(stow.AT_ONCE)
    answer_problems(app)
    app.add_middleware(Headers, policy=policy_of_build(pages.STATIC))
    for room in (wado, qido, rendered, stow, api, auth, health, docs, pages):
        app.include_router(room.router)
    return app
