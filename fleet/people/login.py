"""Logging in, logging out and choosing another password: plain pages that need no script.

Each form is taken from our own pages only, and every answer to a wrong name, a wrong password or a disabled user is
the same, after the same work.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qs

import anyio
from fastapi import FastAPI, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse

from contract.errors import FerryError
from fleet.people import audit, sessions, users
from fleet.people.access import KNOWN_KEY, is_own_page
from fleet.people.door import Door, Known, address_of
from fleet.people.form import change_form, login_form, logout_form
from fleet.people.knocks import Knocks
from fleet.people.passwords import Passwords
from fleet.people.secret import digest_of_secret
from fleet.people.users import NAME
from fleet.refusals import ConflictError

_AT_ONCE = 2
"""Passwords hashed at the same time, 64 MiB each."""
_WAITING = 16
_BODY_BYTES = 8192
_CSP = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
_WRONG = "That name and password do not belong together."


@dataclass(frozen=True, slots=True)
class _Tried:
    """What became of a login."""

    session: str | None
    must_change: bool = False


def add_login(app: FastAPI, door: Door, knocks: Knocks, passwords: Passwords) -> None:
    """Serve `/login`, `/logout` and `/password`."""
    desk = Desk(door, knocks, passwords)

    @app.get("/login", include_in_schema=False)
    def ask(next: str = "/") -> Response:
        return _page(login_form(safe_next(next), has_users=door.has_users()))

    @app.post("/login", include_in_schema=False)
    async def log_in(request: Request) -> Response:
        return await desk.log_in(request)

    @app.get("/logout", include_in_schema=False)
    def ask_out() -> Response:
        return _page(logout_form())

    @app.post("/logout", include_in_schema=False)
    async def log_out(request: Request) -> Response:
        return await desk.log_out(request)

    @app.get("/password", include_in_schema=False)
    def ask_change(request: Request) -> Response:
        known = request.scope.get(KNOWN_KEY)
        return _page(change_form(must=known is not None and known.must_change))

    @app.post("/password", include_in_schema=False)
    async def change(request: Request) -> Response:
        return await desk.change(request)


class Desk:
    """What the forms lead to."""

    def __init__(self, door: Door, knocks: Knocks, passwords: Passwords) -> None:
        self._door, self._knocks, self._passwords = door, knocks, passwords
        self._hashing = anyio.CapacityLimiter(_AT_ONCE)

    async def log_in(self, request: Request) -> Response:
        """A new session, or the form again with the reason."""
        said = await _form(request)
        if said is None or not is_own_page(request):
            return _page(login_form("/", wrong="Use this form to log in."), 403)
        name, password, wanted = (
            said.get("name", "").strip(),
            said.get("password", ""),
            safe_next(said.get("next", "/")),
        )
        if self._hashing.statistics().tasks_waiting >= _WAITING:
            return _wait(login_form(wanted, wrong="Too many people log in at this moment: wait a little."), 5)
        name = name if re.fullmatch(NAME, name) else ""
        wait_s = await run_in_threadpool(self._knock, name, address_of(request))
        if wait_s is not None:
            words = f"Too many tries: wait {_minutes(wait_s)}."
            return _wait(login_form(wanted, wrong=words), wait_s)
        old = request.cookies.get(self._door.cookie_name(request))
        tried = await anyio.to_thread.run_sync(
            self._try, name, password, address_of(request), old, limiter=self._hashing
        )
        if tried.session is None:
            return _page(login_form(wanted, wrong=_WRONG), 401)
        answer = RedirectResponse("/password" if tried.must_change else wanted, 303)
        self._set_cookie(request, answer, tried.session)
        return answer

    async def log_out(self, request: Request) -> Response:
        """The session ends here, not only in the browser."""
        if not is_own_page(request):
            return _page(logout_form(), 403)
        secret = request.cookies.get(self._door.cookie_name(request))
        if secret:
            await run_in_threadpool(self._end, secret, address_of(request))
        answer = RedirectResponse("/login", 303)
        self._set_cookie(request, answer, "")
        return answer

    async def change(self, request: Request) -> Response:
        """Another password: all sessions end, and this browser gets a new one."""
        said, known = await _form(request), request.scope.get(KNOWN_KEY)
        if said is None or not isinstance(known, Known) or known.kind != "session" or not is_own_page(request):
            return _page(change_form(wrong="Log in first."), 403)
        new = said.get("new", "")
        if new != said.get("again", ""):
            return _page(change_form(wrong="The two new passwords differ.", must=known.must_change), 400)
        old, address = said.get("old", ""), address_of(request)
        try:
            session = await self.change_password(known.actor.name, old, new, address)
        except FerryError as refusal:
            return _page(change_form(wrong=f"{refusal.what}. {refusal.fix}", must=known.must_change), 400)
        answer = RedirectResponse("/", 303)
        self._set_cookie(request, answer, session)
        return answer

    async def change_password(self, name: str, old: str, new: str, address: str) -> str:
        """A new session after a change of one's own password; ConflictError where the old one is wrong."""
        wait_s = await run_in_threadpool(self._knock, name, address)
        if wait_s is not None:
            raise ConflictError("too many tries", where="password", fix=f"Wait {_minutes(wait_s)}.")
        return await anyio.to_thread.run_sync(self._change, name, old, new, address, limiter=self._hashing)

    def _knock(self, name: str, address: str) -> int | None:
        with self._door.store.reading() as connection:
            user = users.find(connection, name)
        return self._knocks.login(name, address, usual=user is not None and user.seen_from == address)

    def _try(self, name: str, password: str, address: str, old: str | None) -> _Tried:
        """The same steps for everybody: read, hash, write."""
        with self._door.store.reading() as connection:
            user = users.find(connection, name)
        fits = self._passwords.fits(None if user is None else user.password, password)
        now_s = self._door.now()
        with self._door.store.writing() as connection:
            # Read again: while the password was hashed, it may have been changed or its user disabled.
            user = users.find(connection, name) if fits and user is not None else user
            if user is None or not fits or user.disabled:
                who = "anonymous" if user is None else name
                audit.note(connection, by=who, act="login", about="", outcome="refused", address=address, at_s=now_s)
                return _Tried(None)
            if old:
                sessions.end(connection, digest_of_secret(old))
            if self._passwords.is_dated(user.password):
                users.rehash(connection, name, password, passwords=self._passwords)
            users.seen(connection, name, address, now_s=now_s)
            session = sessions.begin(connection, name, now_s=now_s)
            audit.note(connection, by=name, act="login", about="", address=address, at_s=now_s)
        self._knocks.came_in(name, address)
        return _Tried(session, user.must_change)

    def _change(self, name: str, old: str, new: str, address: str) -> str:
        with self._door.store.reading() as connection:
            user = users.known(connection, name)
        if not self._passwords.fits(user.password, old):
            raise ConflictError("the present password is another", where="password", fix="Try again.")
        if new == old:
            raise ConflictError("the new password is the present one", where="password", fix="Take another.")
        now_s = self._door.now()
        with self._door.store.writing() as connection:
            users.set_password(connection, name, new, passwords=self._passwords, must_change=False)
            session = sessions.begin(connection, name, now_s=now_s)
            audit.note(connection, by=name, act="password", about=f"user {name}", address=address, at_s=now_s)
        self._knocks.came_in(name, address)
        return session

    def _end(self, secret: str, address: str) -> None:
        digest, now_s = digest_of_secret(secret), self._door.now()
        with self._door.store.writing() as connection:
            found = sessions.find(connection, digest, now_s=now_s)
            sessions.end(connection, digest)
            if found is not None:
                audit.note(connection, by=found.name, act="logout", about="", address=address, at_s=now_s)

    def _set_cookie(self, request: Request, answer: Response, session: str) -> None:
        """Unreadable for scripts, not sent with what another site asks, and by https only where there is https."""
        answer.set_cookie(
            self._door.cookie_name(request),
            session,
            max_age=sessions.ABSOLUTE_S if session else 0,
            path="/",
            secure=self._door.by_https(request),
            httponly=True,
            samesite="lax",
        )


def safe_next(wanted: str) -> str:
    """A path of this server to go on to; anything that could lead elsewhere becomes the overview."""
    plain = re.fullmatch(r"/(?![/\\])[\w./@:?&=%+,-]{0,500}", wanted, re.ASCII) is not None
    return wanted if plain and not wanted.startswith(("/login", "/logout", "/api", "/_nicegui")) else "/"


async def _form(request: Request) -> dict[str, str] | None:
    """The fields of a short form, the last of each name; None for anything else."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BODY_BYTES:
            return None
    if kind != "application/x-www-form-urlencoded":
        return None
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=None)
    return {name: values[-1] for name, values in fields.items()}


def _page(markup: str, status: int = 200) -> Response:
    headers = {"content-security-policy": _CSP, "cache-control": "no-store"}
    return HTMLResponse(markup, status_code=status, headers=headers)


def _wait(markup: str, wait_s: int) -> Response:
    answer = _page(markup, 429)
    answer.headers["retry-after"] = str(wait_s)
    return answer


def _minutes(wait_s: int) -> str:
    return f"{wait_s} seconds" if wait_s < 100 else f"{wait_s // 60 + 1} minutes"
