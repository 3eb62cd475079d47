"""The web door: every router, in one app."""

from fastapi import FastAPI

import pacs as package
from pacs.context import Pacs
from pacs.web import auth, docs, health, pages
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
    answer_problems(app)
    app.add_middleware(Headers, policy=policy_of_build(pages.STATIC))
    for room in (health, auth, docs, pages):
        app.include_router(room.router)
    return app
