"""A key in a token, as a person names it: `pkcs11:` and what RFC 7512 lets stand behind it.

    pkcs11:token=edgeferry;object=publisher?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/root/pin

The PIN itself never stands there: every user of a machine can read the command lines of the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, unquote_to_bytes

from msgspec import Struct

from contract.errors import ConfigError

SCHEME = "pkcs11:"
EXAMPLE = f"{SCHEME}token=NAME;object=KEY?module-path=/usr/lib/…/module.so&pin-source=file:PIN"
_PATH = frozenset({"token", "serial", "object", "id", "type"})
_QUERY = frozenset({"module-path", "pin-source", "pin-value"})


class TokenKey(Struct, frozen=True, kw_only=True):
    """Which key of which token, and how to get at it."""

    module: Path
    """The vendor's library."""
    token: str | None = None
    serial: str | None = None
    label: str | None = None
    id: bytes | None = None
    pin_source: Path | None = None
    """A file with the PIN; None: the environment says it."""


def parse_token_uri(text: str) -> TokenKey:
    """The key that `text` names; ConfigError where a part is unknown, missing or said twice."""
    path, _, query = text.removeprefix(SCHEME).partition("?")
    parts = _parts(path, ";", _PATH, text) | _parts(query, "&", _QUERY, text)
    if "pin-value" in parts:
        raise _refused("a PIN on the command line can be read by every user of this machine", text)
    if "module-path" not in parts:
        raise _refused("no module-path, and the token's library is not searched for", text)
    if not {"object", "id"} & parts.keys():
        raise _refused("neither object nor id says which key", text)
    if parts.get("type", "private") != "private":
        raise _refused("only a private key signs", text)
    source = parts.get("pin-source")
    return TokenKey(
        module=Path(unquote(parts["module-path"])),
        token=_text(parts.get("token")),
        serial=_text(parts.get("serial")),
        label=_text(parts.get("object")),
        id=unquote_to_bytes(parts["id"]) if "id" in parts else None,
        pin_source=None if source is None else Path(unquote(source).removeprefix("file:")),
    )


def _parts(text: str, separator: str, known: frozenset[str], uri: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in _pairs(text, separator):
        if name not in known:
            raise _refused(f"{name!r} is none of {', '.join(sorted(known))}", uri)
        if name in found:
            raise _refused(f"{name!r} is said twice", uri)
        found[name] = value
    return found


def _pairs(text: str, separator: str) -> Iterator[tuple[str, str]]:
    for part in filter(None, text.split(separator)):
        name, _, value = part.partition("=")
        yield name, value


def _text(value: str | None) -> str | None:
    return None if value is None else unquote(value)


def _refused(what: str, uri: str) -> ConfigError:
    # Without the query, where a PIN may stand.
    return ConfigError(what, where=uri.partition("?")[0], fix=f"Write {EXAMPLE}")
