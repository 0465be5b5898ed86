"""How `serve` may be reached: TLS, proxies whose word counts, and whether it may face a network without users."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contract.errors import ConfigError
from fleet.guard import is_loopback

if TYPE_CHECKING:
    from fleet.store import Store

_ADD = "Make an admin first: edgeferry fleet user add NAME --role admin --store …; or insist with --insecure-no-login."


@dataclass(frozen=True, kw_only=True)
class Entrance:
    """What the options of `serve` say about it."""

    tls_cert: Path | None = None
    tls_key: Path | None = None
    proxies: tuple[str, ...] = ()
    """Addresses and networks whose X-Forwarded-For and X-Forwarded-Proto are believed."""
    insecure: bool = False
    """Whether anybody may do anything while there are no users, from wherever."""

    @property
    def scheme(self) -> str:
        """What the server speaks by itself."""
        return "https" if self.tls_cert else "http"

    def check_files(self) -> None:
        """ConfigError where certificate and key cannot be used; before anything is opened."""
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ConfigError(
                "a certificate and its key belong together", where="--tls-cert, --tls-key", fix="Give both, or neither."
            )
        if self.tls_cert is None or self.tls_key is None:
            return
        try:
            # An empty passphrase, so that nobody is asked for one where nobody sits.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.tls_cert, self.tls_key, password="")  # nosec B106
        except (OSError, ValueError) as problem:  # ssl.SSLError is an OSError
            raise ConfigError(
                f"cannot be used for TLS: {problem}",
                where=f"{self.tls_cert}, {self.tls_key}",
                fix="Give a certificate chain and its key without passphrase, as PEM.",
            ) from problem

    def check(self, store: Store, host: str) -> None:
        """ConfigError where the server would face a network and let anybody in."""
        from fleet.people import users

        if self.insecure or (is_loopback(host) and not self.proxies):
            return
        with store.reading() as connection:
            if users.exist(connection):
                return
        where = f"--host {host}" if not is_loopback(host) else "--behind-proxy"
        raise ConfigError("this server would let anybody in, for it has no users", where=where, fix=_ADD)

    def for_uvicorn(self) -> dict[str, Any]:
        """Options of `uvicorn.Config`; by itself uvicorn would believe any header that comes from loopback."""
        tls = {"ssl_certfile": self.tls_cert, "ssl_keyfile": self.tls_key} if self.tls_cert else {}
        return {"proxy_headers": bool(self.proxies), "forwarded_allow_ips": ",".join(self.proxies), **tls}
