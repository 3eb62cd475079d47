"""A resource that is read: GET, and HEAD with what GET would say of it (RFC 9110 9.3.2)."""

from collections.abc import Callable

from fastapi import APIRouter, Response

Endpoint = Callable[..., Response]


def resource(router: APIRouter, path: str) -> Callable[[Endpoint], Endpoint]:
    """Registers an endpoint for both. The server sends no body to who asks with HEAD."""

    def register(endpoint: Endpoint) -> Endpoint:
        router.add_api_route(path, endpoint, methods=["GET"])
        router.add_api_route(path, endpoint, methods=["HEAD"], include_in_schema=False)
        return endpoint

    return register
