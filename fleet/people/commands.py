"""`edgeferry fleet user`, `token` and `audit`: who may log in, what programs may do, and what was done.

They work on the store itself, so that the first admin can be made and the last one helped: whoever may write there
may do this. The audit calls them `shell:` and the name they have on that machine.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from contract.errors import ConfigError, FerryError

if TYPE_CHECKING:
    from pydantic import BaseModel
    from sqlalchemy.engine import Connection

    from fleet.people.actor import Role
    from fleet.people.tokens import Scope

_FILE = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
_DEFAULT_STORE = "sqlite:///edgeferry-fleet.db"
_LONGEST_BYTES = 8192
_role = click.option(
    "--role", required=True, type=click.Choice(["viewer", "operator", "admin"]), help="What they may do."
)
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object for machines.")
_store = click.option("--store", default=_DEFAULT_STORE, show_default=True, help="Database address.")
_password = click.option(
    "--password-file", type=_FILE, help="File whose first line is the password; - for standard input.  [default: asked]"
)


@click.group()
def user() -> None:
    """Say who may log in. A viewer looks, an operator rolls out, an admin may do everything."""


@user.command("add")
@click.argument("name")
@_role
@_password
@_store
def add_user(name: str, role: str, password_file: Path | None, store: str) -> None:
    """Let NAME log in; they choose a password of their own at their first login.

    From the first user on, everybody must log in.
    """
    from fleet.people import users
    from fleet.people.passwords import Passwords

    users.checked_name(name)
    password = _ask_password(name, password_file)
    with _recorded(store, "user added", f"user {name}", f"role {role}", may_be_new=True) as connection:
        users.add(connection, name, cast("Role", role), password, passwords=Passwords(), now_s=time.time())
    click.echo(f"{name} may log in as {role}, and chooses another password then.", err=True)


@user.command("list")
@_store
@_json
def list_users(store: str, as_json: bool) -> None:
    """Everybody who may log in, or no longer may."""
    from fleet.people import printing, shown

    with _reading(store) as connection:
        _print(shown.everybody(connection), printing.users, as_json)


@user.command("disable")
@click.argument("name")
@click.option("--undo", is_flag=True, help="Let them in again.")
@_store
def disable_user(name: str, undo: bool, store: str) -> None:
    """Keep NAME out: their sessions end, and their tokens open nothing."""
    from fleet.people import users

    with _recorded(store, "user let in again" if undo else "user disabled", f"user {name}") as connection:
        users.set_disabled(connection, name, not undo)
    click.echo(f"{name} may log in again." if undo else f"{name} is kept out.", err=True)


@user.command("role")
@click.argument("name")
@click.argument("role", type=click.Choice(["viewer", "operator", "admin"]))
@_store
def set_role(name: str, role: str, store: str) -> None:
    """Give NAME another ROLE; their sessions end."""
    from fleet.people import users

    with _recorded(store, "role changed", f"user {name}", f"role {role}") as connection:
        users.set_role(connection, name, cast("Role", role))
    click.echo(f"{name} is {role} now.", err=True)


@user.command("password")
@click.argument("name")
@_password
@click.option("--must-change/--keep", default=True, show_default=True, help="They choose another at their next login.")
@_store
def set_password(name: str, password_file: Path | None, must_change: bool, store: str) -> None:
    """Give NAME another password; their sessions end."""
    from fleet.people import users
    from fleet.people.passwords import Passwords

    with _reading(store) as connection:
        users.known(connection, name)
    password = _ask_password(name, password_file)
    with _recorded(store, "password reset", f"user {name}") as connection:
        users.set_password(connection, name, password, passwords=Passwords(), must_change=must_change)
    click.echo(f"{name} has another password.", err=True)


@click.group()
def token() -> None:
    """Let programs in: a token is shown once, counts for a time and can be revoked."""


@token.command("new")
@click.argument("name")
@click.option("--scope", required=True, type=click.Choice(["read", "rollout", "admin"]), help="What it may do.")
@click.option("--expires", default="90d", show_default=True, metavar="90d|12h|4w|never", help="How long it counts.")
@click.option("--owner", help="The user it belongs to: it never may more than they do.")
@_store
@_json
def new_token(name: str, scope: str, expires: str, owner: str | None, store: str, as_json: bool) -> None:
    """Make a token called NAME, say `ci`. It is printed once, alone on standard output."""
    from fleet.people import tokens, users

    lives_s = tokens.seconds_of(expires)
    with _recorded(store, "token made", f"token {name}", f"scope {scope}, expires {expires}") as connection:
        if owner is not None:
            users.known(connection, owner)
        number, secret = tokens.make(
            connection, name, cast("Scope", scope), owner=owner, lives_s=lives_s, now_s=time.time()
        )
    click.echo(f"Token {number} is shown this once; use it with --token-file or EDGEFERRY_TOKEN.", err=True)
    click.echo(json.dumps({"id": number, "name": name, "token": secret}) if as_json else secret)


@token.command("list")
@_store
@_json
def list_tokens(store: str, as_json: bool) -> None:
    """Every token, also those that open nothing any more."""
    from fleet.people import printing, shown

    with _reading(store) as connection:
        _print(shown.all_tokens(connection), printing.tokens, as_json)


@token.command("revoke")
@click.argument("number", metavar="ID", type=click.IntRange(1, 2**31 - 1))
@_store
def revoke_token(number: int, store: str) -> None:
    """Let token ID open nothing any more."""
    from fleet.people import tokens

    with _recorded(store, "token revoked", f"token {number}") as connection:
        tokens.revoke(connection, number, now_s=time.time())
    click.echo(f"Token {number} is revoked.", err=True)


@click.group()
def audit() -> None:
    """Read who did what, and prove that nobody has rewritten it."""


@audit.command("show")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000), help="Most entries to show.")
@click.option("--before", type=click.IntRange(1), help="Only entries with a lower number.")
@_store
@_json
def show_audit(limit: int, before: int | None, store: str, as_json: bool) -> None:
    """Acts, newest first."""
    from fleet.people import printing, shown

    with _reading(store) as connection:
        _print(shown.audit_page(connection, before=before, limit=limit), printing.audit, as_json)


@audit.command("head")
@_store
def show_head(store: str) -> None:
    """NUMBER:HASH of the newest entry. Kept elsewhere, it shows later whether anything was rewritten or cut off."""
    from fleet.people import audit as book

    with _reading(store) as connection:
        click.echo(str(book.head(connection)))


@audit.command("verify")
@click.option("--head", help="What `audit head` printed once: that entry must be there, and the same.")
@_store
@_json
def verify_audit(head: str | None, store: str, as_json: bool) -> None:
    """Recompute the chain; the first entry that is not as it was written is named, and the exit code is 1."""
    from fleet.people import audit as book
    from fleet.people import printing, shown

    kept = None if head is None else book.Head.parse(head)
    with _reading(store) as connection:
        state = shown.audit_state(connection, kept)
    _print(state, printing.audit_state, as_json)
    if not state.holds:
        raise FerryError(
            f"entry {state.broken} of the audit is not as it was written: {state.why}",
            where="audit",
            fix="Somebody had write access to the store. Compare it with a backup.",
        )


@contextlib.contextmanager
def _reading(store: str) -> Iterator[Connection]:
    from fleet.store import open_store

    _check_there(store)
    with contextlib.closing(open_store(store, fleet=None)) as opened, opened.reading() as connection:
        yield connection


@contextlib.contextmanager
def _recorded(store: str, act: str, about: str, detail: str = "", *, may_be_new: bool = False) -> Iterator[Connection]:
    """A transaction with one entry of the audit at its end."""
    import getpass

    from fleet.people import audit as book
    from fleet.store import open_store

    if not may_be_new:
        _check_there(store)
    try:
        who = getpass.getuser()
    except (KeyError, OSError):
        who = "unknown"
    with contextlib.closing(open_store(store, fleet=None)) as opened, opened.writing() as connection:
        yield connection
        book.note(connection, by=f"shell:{who}", act=act, about=about, detail=detail, address="shell")


def _check_there(store: str) -> None:
    """A misspelled file must not become an empty store."""
    path = store.removeprefix("sqlite:///")
    if path != store and not Path(path).exists():
        raise ConfigError("no such store", where=store, fix="Give --store as `fleet serve` has it.")


def _ask_password(name: str, file: Path | None) -> str:
    """Twice from a terminal without echo, or the first line of a file; never from the command line."""
    if file is not None:
        return _first_line(file)
    if not sys.stdin.isatty():
        raise ConfigError(
            "nobody is there to be asked", where="--password-file", fix="Give a file, or - for standard input."
        )
    return str(click.prompt(f"Password for {name}", hide_input=True, confirmation_prompt=True, err=True))


def _first_line(file: Path) -> str:
    try:
        data = sys.stdin.buffer.read(_LONGEST_BYTES) if str(file) == "-" else file.read_bytes()[:_LONGEST_BYTES]
        return data.decode().partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigError(
            f"cannot be read: {problem}", where=str(file), fix="Give a text file with the password."
        ) from problem


def _print(answer: BaseModel, words: Callable[[dict[str, Any]], str], as_json: bool) -> None:
    click.echo(answer.model_dump_json() if as_json else words(answer.model_dump()))
