"""Who calls: the session cookie or a bearer token becomes an Actor, on every route but the few that are public."""

import inspect
from collections.abc import Callable
from functools import wraps
from ipaddress import ip_address
from typing import Concatenate, ParamSpec
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.requests import HTTPConnection

from pacs import accounts
from pacs.context import EVERYTHING, Actor, Pacs
from pacs.errors import NotAllowed, NotAuthenticated

SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))
SMALL = 16 << 10
"""Bytes: no sign-in is longer."""

ASKS_WHO = "asks_who"
"""The attribute of an endpoint that is given the Actor."""

P = ParamSpec("P")

router = APIRouter(prefix="/api", tags=["sign in"])


class Credentials(BaseModel, frozen=True, extra="forbid"):
    """A name and its password."""

    name: str = Field(max_length=256)
    password: str = Field(max_length=accounts.LONGEST_PASSWORD)


class Link(BaseModel, frozen=True, extra="forbid"):
    """What stands behind the `#` of the first start's link: so it is in no log and no history of a proxy."""

    token: str = Field(max_length=256)


def signed_in(endpoint: Callable[Concatenate[Request, Actor, P], Response]) -> Callable[..., Response]:
    """The endpoint with the Actor of the request as its second argument; without one it is answered 401.

    A dependency would do the same in a thread of its own: 0.2 ms more on every request.
    """

    @wraps(endpoint)
    def answer(request: Request, *args: P.args, **kwargs: P.kwargs) -> Response:
        return endpoint(request, actor_of(request), *args, **kwargs)

    signature = inspect.signature(endpoint)
    shown = [parameter for name, parameter in signature.parameters.items() if name != "actor"]
    vars(answer)["__signature__"] = signature.replace(parameters=shown)
    vars(answer)[ASKS_WHO] = True
    return answer


def refuse_strangers(request: Request) -> None:
    """For a request that is answered before its endpoint is called: who must sign in hears that, and nothing else.

    Raises NotAuthenticated, NotAllowed.
    """
    route = request.scope.get("route")
    if getattr(getattr(route, "endpoint", None), ASKS_WHO, False):
        actor_of(request)


def pacs_of(request: HTTPConnection) -> Pacs:
    """The installation behind the app; of a hurried request, the one that never waits."""
    pacs = request.scope.get("pacs") or request.app.state.pacs
    assert isinstance(pacs, Pacs)
    return pacs


def actor_of(request: HTTPConnection) -> Actor:
    """Who sent the request, by one SELECT. Raises NotAuthenticated, and NotAllowed for another site's forms."""
    pacs, address = pacs_of(request), address_of(request)
    authorization = request.headers.get("authorization")
    if authorization is not None:
        return accounts.actor_of_token(pacs, _bearer_of(authorization), address)
    if pacs.settings.login == "none":
        _refuse_other_names(request)
        _refuse_other_sites(request)
        return Actor("person", "anyone", address, EVERYTHING, role="admin")
    secret = request.cookies.get(cookie_name(request))
    if secret is None:
        raise NotAuthenticated("sign in, or send a token")
    _refuse_other_sites(request)
    return accounts.actor_of_session(pacs, secret, address)


def admit(request: Request) -> None:
    """For what holds nothing of a patient: whoever is on this machine may see it, and who is signed in.

    Raises NotAuthenticated.
    """
    if not is_loopback(request):
        actor_of(request)


def is_loopback(request: HTTPConnection) -> bool:
    """Whether the request was sent on this machine, and not by the name of another one."""
    return _is_loopback_name(address_of(request)) and _is_loopback_name(request.url.hostname or "")


def address_of(request: HTTPConnection) -> str:
    return request.client.host if request.client else ""


def cookie_name(request: HTTPConnection) -> str:
    """`__Host-` binds the cookie to this host and to TLS, and a browser refuses it without TLS."""
    return "__Host-sid" if request.url.scheme in ("https", "wss") else "sid"


@router.post("/login", max_body_size=SMALL)
def sign_in(request: Request, credentials: Credentials) -> Response:
    """Sign in with a name and a password. The session is a cookie."""
    _refuse_other_sites(request)
    secret = accounts.sign_in(pacs_of(request), credentials.name, credentials.password, address_of(request))
    return _welcome(request, secret)


@router.post("/login/link", max_body_size=SMALL)
def sign_in_by_link(request: Request, link: Link) -> Response:
    """Sign in with the one-time link of the first start."""
    _refuse_other_sites(request)
    return _welcome(request, accounts.sign_in_by_link(pacs_of(request), link.token, address_of(request)))


@router.post("/logout")
@signed_in
def sign_out(request: Request, actor: Actor) -> Response:
    """End the session, here and in the browser's caches."""
    accounts.sign_out(pacs_of(request), request.cookies.get(cookie_name(request), ""))
    return Response(status_code=204, headers={"clear-site-data": '"cache"', "set-cookie": _cookie(request, "", 0)})


@router.get("/me")
@signed_in
def tell_who(request: Request, actor: Actor) -> Response:
    """Who is signed in, and what he may do."""
    return JSONResponse({"name": actor.name, "role": actor.role, "permissions": sorted(actor.permissions)})


def _welcome(request: Request, secret: str) -> Response:
    cookie = _cookie(request, secret, int(accounts.SESSION.total_seconds()))
    return Response(status_code=204, headers={"set-cookie": cookie})


def _cookie(request: Request, secret: str, lasts_s: int) -> str:
    """The session as a Set-Cookie header.

    A frame in a page of another site sends no cookie but one that is `SameSite=None`, which must be `Secure`; as it is
    `Partitioned`, whoever signs in there is signed in nowhere else. What other sites' forms send is refused by
    `_refuse_other_sites`, and what they ask for they cannot read.
    """
    is_safe = request.url.scheme == "https"
    is_embedded = is_safe and bool(pacs_of(request).settings.embed_origins)
    site = "SameSite=none; Partitioned" if is_embedded else "SameSite=strict"
    return (
        f"{cookie_name(request)}={secret}; HttpOnly; Max-Age={lasts_s}; Path=/; {site}{'; Secure' if is_safe else ''}"
    )


def _bearer_of(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotAuthenticated("only bearer tokens are taken")
    return token.strip()


def _refuse_other_sites(request: HTTPConnection) -> None:
    """What changes something is taken from our own pages and from programs, not from a page of another site.

    Browsers say where a request comes from in one of these two headers; what sends neither is no browser.
    """
    if request.scope.get("method") in SAFE_METHODS:  # a WebSocket has no method, and says much
        return
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    is_foreign = site != "same-origin" if site else bool(origin) and _host_of(origin) != request.headers.get("host")
    if is_foreign:
        raise NotAllowed("this was not sent by a page of ours")


def _refuse_other_names(request: HTTPConnection) -> None:
    """Without a login, a page of another site could reach us by pointing its own name at this machine."""
    if not is_loopback(request):
        raise NotAllowed("without a login, only localhost is answered")


def _host_of(origin: str | None) -> str | None:
    return urlsplit(origin).netloc if origin else None


def _is_loopback_name(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
