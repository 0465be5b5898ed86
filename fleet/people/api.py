"""The part of the API about people: users, tokens and the audit, for admins; and who oneself is."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from fleet.parts import Parts
from fleet.people import answers, audit, shown, tokens, users
from fleet.people.access import KNOWN_KEY
from fleet.people.actor import actor_of
from fleet.people.door import Known
from fleet.people.passwords import Passwords

_Name = Annotated[str, Path(pattern=users.NAME)]
_Id = Annotated[int, Path(ge=1, lt=2**31)]
_DAY_S = 24 * 60 * 60


def add_people(api: APIRouter, parts: Parts) -> None:
    """Calls under `/me`, `/users`, `/tokens` and `/audit`."""
    _add_users(api, parts, Passwords())
    _add_tokens(api, parts)
    _add_audit(api, parts)

    @api.get("/me")
    def me(request: Request) -> answers.Me:
        """Who is asking, and what they may do."""
        actor, known = actor_of(request), request.scope.get(KNOWN_KEY)
        seen = known if isinstance(known, Known) else Known(actor, "local")
        return answers.Me(name=actor.name, role=actor.role, kind=seen.kind, must_change=seen.must_change)


def _add_users(api: APIRouter, parts: Parts, passwords: Passwords) -> None:
    @api.get("/users")
    def everybody() -> answers.Users:
        """Everybody who may log in, and who no longer may."""
        with parts.store.reading() as connection:
            return shown.everybody(connection)

    @api.post("/users", status_code=201)
    def add(order: answers.NewUser, request: Request) -> answers.User:
        """Add somebody; they choose a password of their own at their first login."""
        audit.explain(request, f"user {order.name} as {order.role}")
        password = order.password.get_secret_value()
        with parts.store.writing() as connection:
            users.add(connection, order.name, order.role, password, passwords=passwords, now_s=time.time())
            return shown.user(users.known(connection, order.name))

    @api.patch("/users/{name}")
    def change(name: _Name, order: answers.UserChange, request: Request) -> answers.User:
        """Give somebody another role or password, keep them out or let them in again. Ends their sessions."""
        with parts.store.writing() as connection:
            before = users.known(connection, name)
            audit.explain(request, _said(before.role, order))
            if order.role is not None:
                users.set_role(connection, name, order.role)
            if order.disabled is not None:
                users.set_disabled(connection, name, order.disabled)
            if order.password is not None:
                new = order.password.get_secret_value()
                users.set_password(connection, name, new, passwords=passwords, must_change=True)
            return shown.user(users.known(connection, name))


def _said(role: str, order: answers.UserChange) -> str:
    """What a change is, without its secrets."""
    said = [f"role {role} -> {order.role}"] if order.role is not None else []
    if order.disabled is not None:
        said.append("disabled" if order.disabled else "let in again")
    if order.password is not None:
        said.append("password reset")
    return ", ".join(said)


def _add_tokens(api: APIRouter, parts: Parts) -> None:
    @api.get("/tokens")
    def all_tokens() -> answers.Tokens:
        """Every token that was ever made; what opens is not among it."""
        with parts.store.reading() as connection:
            return shown.all_tokens(connection)

    @api.post("/tokens", status_code=201)
    def make(order: answers.NewToken, request: Request) -> answers.TokenMade:
        """Make a token for a program; it is shown this once, and never may more than who made it."""
        audit.explain(request, f"token {order.name} to {order.scope}")
        lives_s = None if order.expires_days is None else order.expires_days * _DAY_S
        with parts.store.writing() as connection:
            owner = _owner(request)
            number, secret = tokens.make(
                connection, order.name, order.scope, owner=owner, lives_s=lives_s, now_s=time.time()
            )
            made = next(row for row in tokens.everything(connection) if row.id == number)
            return answers.TokenMade(token=secret, **shown.token(made).model_dump())

    @api.delete("/tokens/{token}")
    def revoke(token: _Id, request: Request) -> answers.Tokens:
        """Let a token open nothing any more."""
        audit.explain(request, f"token {token} revoked")
        with parts.store.writing() as connection:
            tokens.revoke(connection, token, now_s=time.time())
            return shown.all_tokens(connection)


def _owner(request: Request) -> str | None:
    """The user behind a request; one made with a token belongs to whom that belongs."""
    known = request.scope.get(KNOWN_KEY)
    if not isinstance(known, Known) or known.kind == "local":
        return None
    return known.owner


def _add_audit(api: APIRouter, parts: Parts) -> None:
    @api.get("/audit")
    def show(
        before: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> answers.Audit:
        """Who did what, newest first."""
        with parts.store.reading() as connection:
            return shown.audit_page(connection, before=before, limit=limit)

    @api.get("/audit/verify")
    def verify(head: Annotated[str | None, Query(pattern=r"^[0-9]{1,18}:[0-9a-f]{64}$")] = None) -> answers.AuditState:
        """Whether anything was rewritten since, as far as the chain and a head kept elsewhere can tell."""
        kept = None if head is None else audit.Head.parse(head)
        with parts.store.reading() as connection:
            return shown.audit_state(connection, kept)
