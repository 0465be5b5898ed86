"""Keeps foreign web pages away from the server, whoever is logged in or, without users, nobody.

A browser on the same machine will send what any page it shows tells it to, to 127.0.0.1 too. So a request that a
browser marks with an `Origin` other than the address it is sent to may not change anything nor open a socket; and on
loopback a `Host` that is not loopback (DNS rebinding) gets nothing at all.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from fleet.answers import Problem

_HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """ASGI middleware; `hosts` are the only names the server answers to, or None for any.

    `public_url` is where browsers find the server if that is not the `Host` they are seen to send: a proxy may write
    another one.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str] | None, public_url: str = "") -> None:
        self._app, self._hosts, self._public = app, hosts, _origin(public_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "lifespan" or (why := self._objection(scope)) is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            problem = Problem(what=why, where=scope["path"], fix="Use the address the server printed.", cause="guard")
            await JSONResponse(problem.model_dump(), status_code=403)(scope, receive, send)

    def _objection(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if self._hosts is not None and _name(host) not in self._hosts:
            return f"this server is not called {host!r}"
        if scope["type"] == "http" and scope["method"] in _HARMLESS:
            return None
        if origin is not None and not self._is_ours(origin, host, scope.get("scheme", "http")):
            return f"a page from {origin} may not do that"
        return None

    def _is_ours(self, origin: str, host: str, scheme: str) -> bool:
        """Whether a page of ours sent it; a page by http may not, where the server is reached by https."""
        found = _origin(origin)
        if found is None:
            return False
        secure = {"ws": "http", "wss": "https"}.get(scheme, scheme) == "https"
        return found == self._public or (found[1] == host.lower() and (found[0] == "https" or not secure))


def _origin(url: str) -> tuple[str, str] | None:
    """Scheme and place, in lower case; None where that is no address."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    plain = parts.scheme in ("http", "https") and parts.netloc
    return (parts.scheme, parts.netloc.lower()) if plain else None


def names_for(host: str, public_url: str) -> frozenset[str] | None:
    """The names a server bound to `host` answers to; None, meaning any, beyond loopback."""
    if not is_loopback(host):
        return None
    return frozenset({"localhost", "127.0.0.1", "::1", host, urlsplit(public_url).hostname or host})


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server bound to `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _name(host: str) -> str:
    return urlsplit(f"//{host}").hostname or ""
