"""Lets requests in, or says why not: each is judged by the one table of `fleet/people/rules.py` before any route.

What it recognises it writes into the ASGI scope for `actor_of`. Open sockets are judged again while they are used,
so that a logout closes the page too. Calls that change something are written into the audit once their answer is
known and before it is sent.
"""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import quote

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fleet.answers import Problem
from fleet.people import audit
from fleet.people.actor import SCOPE_KEY, Actor, Role, may
from fleet.people.door import Door, Known, address_of
from fleet.people.knocks import Knocks
from fleet.people.rules import CHANGE, Rule, is_device_path, rule_for
from fleet.people.watched import watched

LOG = logging.getLogger(__name__)
STRANGER = Actor("anonymous", "viewer")
"""Who calls what is open to all."""
KNOWN_KEY = "edgeferry.known"
RECHECK_KEY = "edgeferry.recheck"
_LOOPBACK = ("127.0.0.1", "::1")
_BEFORE_CHANGED = ("/password", "/api/me", "/favicon.ico")
_DRAINED_BYTES = 8 * 2**20
"""So much of a refused upload is read: a client that is still sending would not see the answer."""


class Access:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, door: Door, knocks: Knocks) -> None:
        self._app, self._door, self._knocks = app, door, knocks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with who stands behind it, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        method = scope["method"] if scope["type"] == "http" else "WEBSOCKET"
        rule = rule_for(method, scope["path"])
        try:
            refusal, known = await self._judge(connection, method, rule)
        except SQLAlchemyError as problem:
            LOG.warning("the store does not answer: %s", str(problem).splitlines()[0])
            refusal, known = _refused(connection, 503, "the store does not answer", "Try again shortly.", "store"), None
        scope[SCOPE_KEY] = known.actor if known else STRANGER
        if refusal is not None:
            if known is not None and rule is not None and rule.recorded:
                await run_in_threadpool(self._write, scope, refusal.status_code)
            await _refuse(refusal, scope, receive, send)
            return
        await self._pass(scope, receive, send, known, recorded=rule is not None and rule.recorded)

    async def _judge(
        self, connection: HTTPConnection, method: str, rule: Rule | None
    ) -> tuple[Response | None, Known | None]:
        """A refusal, if any, and who it was."""
        if rule is None:
            return _refused(connection, 404, f"no call {method} there", "See /docs.", "not-found"), None
        if is_device_path(connection.scope["path"]) or self._is_open(connection, rule):
            return None, None
        known = await run_in_threadpool(self._door.recognise, connection) if rule.needs != "nobody" else None
        wait_s = self._wait_s(connection, known)
        if wait_s is not None:
            refusal = _refused(connection, 429, "too many calls", f"Wait {wait_s} seconds.", "limit")
            refusal.headers["retry-after"] = str(wait_s)
            return refusal, known
        if rule.needs == "nobody":
            return None, None
        if known is None:
            return self._ask_to_log_in(connection), None
        return _objection(connection, method, rule, known), known

    def _is_open(self, connection: HTTPConnection, rule: Rule) -> bool:
        """The metrics, for a Prometheus on the same machine; not for what a proxy there hands on."""
        handed_on = any(name in connection.headers for name in ("forwarded", "x-forwarded-for", "authorization"))
        return rule.needs == "metrics" and self._door.loopback and not handed_on and address_of(connection) in _LOOPBACK

    def _wait_s(self, connection: HTTPConnection, known: Known | None) -> int | None:
        if known is None:
            return self._knocks.stranger(address_of(connection))
        return None if known.kind == "local" else self._knocks.call(known.actor.name)

    def _ask_to_log_in(self, connection: HTTPConnection) -> Response:
        path, query = connection.scope["path"], connection.scope.get("query_string", b"").decode("latin-1")
        if _is_page(connection):
            wanted = f"{path}?{query}" if query else path
            return RedirectResponse(f"/login?next={quote(wanted, safe='')}" if wanted != "/" else "/login", 303)
        if self._door.has_users():
            fix = "Give a token (--token-file or EDGEFERRY_TOKEN), or log in at /login."
        else:
            fix = "This server has no users yet: make one with edgeferry fleet user add NAME --role admin."
        refusal = _refused(connection, 401, "nobody has logged in here", fix, "login")
        refusal.headers["www-authenticate"] = "Bearer"
        return refusal

    async def _pass(self, scope: Scope, receive: Receive, send: Send, known: Known | None, *, recorded: bool) -> None:
        if known is not None:
            scope[KNOWN_KEY] = known
            scope[RECHECK_KEY] = lambda: self._door.still(known)
        if scope["type"] == "websocket" and known is not None:
            receive, send = watched(receive, send, lambda: self._door.still(known))
        if recorded:
            await self._recorded(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _recorded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer after the audit knows; an answer that could not be recorded is not the caller's to have."""
        state = "open"

        async def send_recorded(message: Message) -> None:
            nonlocal state
            if state == "open" and message["type"] == "http.response.start":
                written = await run_in_threadpool(self._write, scope, message["status"])
                state = "written" if written else "lost"
                if not written:
                    what = "that was done, and could not be written into the audit"
                    await _refused(HTTPConnection(scope), 503, what, "Look at the store.", "store")(
                        scope, receive, send
                    )
            if state != "lost":
                await send(message)

        try:
            await self._app(scope, receive, send_recorded)
        finally:
            if state == "open":
                await run_in_threadpool(self._write, scope, 500)

    def _write(self, scope: Scope, status: int) -> bool:
        """One entry of the audit; False where the store refuses."""
        entry: dict[str, Any] = {
            "by": scope[SCOPE_KEY].name,
            "address": address_of(HTTPConnection(scope)),
            "act": scope["method"],
            "about": scope["path"],
            "outcome": str(status),
            "detail": scope.get(audit.DETAIL_KEY, ""),
        }
        try:
            with self._door.store.writing() as connection:
                audit.note(connection, at_s=self._door.now(), **entry)
        except SQLAlchemyError as problem:
            LOG.error("the audit lost %s: %s", entry, str(problem).splitlines()[0])
            return False
        return True


def _objection(connection: HTTPConnection, method: str, rule: Rule, known: Known) -> Response | None:
    """Why somebody who is known may not do this."""
    role: Role = "viewer" if rule.needs == "nobody" or rule.needs == "metrics" else rule.needs
    path = connection.scope["path"]
    if known.must_change and not path.startswith(_BEFORE_CHANGED):
        if _is_page(connection):
            return RedirectResponse("/password", 303)
        return _refused(connection, 403, "the password must be changed first", "Change it at /password.", "password")
    if not may(known.actor, role):
        what = f"{known.actor.name} is a {known.actor.role}, and only a person with the role {role} may do that"
        return _refused(connection, 403, what, "Ask an admin.", "role")
    if known.kind == "session" and method in CHANGE and not is_own_page(connection):
        what = "a cookie alone may not change anything"
        return _refused(connection, 403, what, "Use the page, or a token.", "guard")
    return None


def is_own_page(connection: HTTPConnection) -> bool:
    """Whether a browser says that a page of this server sent it; `fleet/guard.py` has judged an Origin before."""
    return "origin" in connection.headers or connection.headers.get("sec-fetch-site") == "same-origin"


def _is_page(connection: HTTPConnection) -> bool:
    """Whether a person in a browser asks for a page."""
    wants = "text/html" in connection.headers.get("accept", "")
    is_get = connection.scope["type"] == "http" and connection.scope["method"] in ("GET", "HEAD")
    return wants and is_get and not connection.scope["path"].startswith(("/api", "/_nicegui"))


def _refused(connection: HTTPConnection, status: int, what: str, fix: str, cause: str) -> Response:
    problem = Problem(what=what, where=connection.scope["path"] or "/", fix=fix, cause=cause)
    return JSONResponse(problem.model_dump(), status_code=status, headers={"cache-control": "no-store"})


async def _refuse(refusal: Response, scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008})
        return
    left = _DRAINED_BYTES
    while left > 0:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body"):
            break
        left -= len(message.get("body", b""))
    await refusal(scope, receive, send)
