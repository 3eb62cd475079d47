"""The short way to endpoints that are asked for most: one match, one turn of a thread, one answer.

FastAPI's own way (its routers, its solving of parameters, its stacks of exits, a thread by anyio) costs 0.2 ms of the
1.4 ms of a frame, and a tenth of a second the first time. The endpoints stay FastAPI's: it documents them, and answers
other methods.
"""

import asyncio
import inspect
import re
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import ParamSpec

from fastapi import Request, Response
from fastapi.routing import APIRoute, APIRouter
from starlette.types import ASGIApp, Receive, Scope, Send

from pacs.context import Pacs
from pacs.errors import PacsError
from pacs.web.answers import Pieces
from pacs.web.problem import answer_pacs_error
from storage import MustWait

IS_HURRIED = "is_hurried"
"""The attribute of an endpoint that is tried at once."""

P = ParamSpec("P")


def hurried(endpoint: Callable[P, Response]) -> Callable[P, Response]:
    """The endpoint is tried on the loop, with a Pacs that never waits, and asked again in a thread if that must wait.

    The thread costs 0.25 ms of the 0.8 ms of a frame, which is in the memory of the machine as often as not.
    """
    vars(endpoint)[IS_HURRIED] = True
    return endpoint


@dataclass(frozen=True, slots=True)
class _Way:
    method: str
    path: re.Pattern[str]
    endpoint: Callable[..., Response]
    is_hurried: bool


@dataclass(frozen=True, slots=True)
class _WayOfLoop:
    """To an endpoint that runs on the loop and finds its threads itself."""

    method: str
    path: re.Pattern[str]
    endpoint: Callable[..., Awaitable[Response]]


class ShortWay:
    """A layer of the app. What it does not know it hands on."""

    def __init__(self, app: ASGIApp, routers: Iterable[APIRouter], threads: Executor, pacs: Pacs) -> None:
        """routers: whose paths no other router has. threads: where the endpoints run."""
        self._app = app
        self._hurried = pacs.hurried()
        self._threads = threads
        self._ways = [
            _way(route)
            for router in routers
            for route in router.routes
            if isinstance(route, APIRoute) and _is_plain(route)
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] in ("GET", "POST"):
            for way in self._ways:
                if way.method == scope["method"] and (found := way.path.match(scope["path"])):
                    response = await self._answered(way, scope, receive, found.groupdict())
                    await response(scope, receive, send)
                    return
        await self._app(scope, receive, send)

    async def _answered(
        self, way: _Way | _WayOfLoop, scope: Scope, receive: Receive, parameters: dict[str, str]
    ) -> Response:
        if isinstance(way, _WayOfLoop):
            request = Request(scope, receive)
            try:
                return await way.endpoint(request, **parameters)
            except PacsError as error:
                return answer_pacs_error(request, error)
        if way.is_hurried:
            try:
                return _answer_now(way.endpoint, Request({**scope, "pacs": self._hurried}, receive), parameters)
            except MustWait:
                pass
        loop, request = asyncio.get_running_loop(), Request(scope, receive)
        return await loop.run_in_executor(self._threads, _answer, way.endpoint, request, parameters)


def _is_plain(route: APIRoute) -> bool:
    """Whether the endpoint takes nothing but the request and parts of its path."""
    parameters = inspect.signature(route.endpoint).parameters.keys()
    methods = {"POST"} if inspect.iscoroutinefunction(route.endpoint) else {"GET"}
    return route.methods == methods and parameters <= {"request", *route.param_convertors}


def _way(route: APIRoute) -> _Way | _WayOfLoop:
    if inspect.iscoroutinefunction(route.endpoint):
        return _WayOfLoop("POST", route.path_regex, route.endpoint)
    return _Way("GET", route.path_regex, route.endpoint, hasattr(route.endpoint, IS_HURRIED))


def _answer_now(endpoint: Callable[..., Response], request: Request, parameters: dict[str, str]) -> Response:
    """On the loop, so nothing may take long. Raises MustWait."""
    response = _answer(endpoint, request, parameters)
    if isinstance(response, Pieces):
        raise MustWait
    return response


def _answer(endpoint: Callable[..., Response], request: Request, parameters: dict[str, str]) -> Response:
    try:
        return endpoint(request, **parameters)
    except PacsError as error:
        return answer_pacs_error(request, error)
