"""What the commands ask of a running fleet server, by the standard library's HTTP client."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from contract.errors import BundleError, ConfigError, FerryError, LinkError
from fleet.refusals import NotFoundError
from fleet.token_option import DEFAULT_SERVER, given_token

_TIMEOUT_S = 30.0
_UPLOAD_TIMEOUT_S = 600.0
_UPLOAD = "upload"
"""What the server calls the file it was sent; only this side knows its path."""
_KINDS: tuple[tuple[range, type[FerryError]], ...] = (
    (range(404, 405), NotFoundError),
    (range(422, 423), BundleError),
    (range(400, 500), ConfigError),
)
Json = dict[str, Any]


class Client:
    """One server. Every refusal comes back as one of our errors, with the server's own words."""

    def __init__(self, server: str) -> None:
        if not _is_address(server):
            raise ConfigError(f"{server!r} is not an address", where="--server", fix=f"Write it like {DEFAULT_SERVER}.")
        self._server, self._token = server.rstrip("/"), given_token()

    def devices(self) -> Json:
        """Every device."""
        return self._ask("GET", "/api/devices")

    def release(self, bundle: Path) -> Json:
        """Upload one bundle."""
        return self._upload("/api/releases", bundle)

    def release_delta(self, delta: Path) -> Json:
        """Upload one delta; the bundle it leads to comes first."""
        return self._upload("/api/deltas", delta)

    def trust(self) -> Json:
        """What devices with a pinned root may install."""
        return self._ask("GET", "/api/trust")

    def metadata(self, name: str) -> bytes:
        """One document of the update repository's metadata, not judged."""
        return self._fetch("GET", f"/metadata/{name}")

    def publish(self, role: str, document: bytes) -> Json:
        """Hand in a signed root or list of targets."""
        return self._ask("POST", f"/api/trust/{role}", document, {"Content-Type": "application/json"})

    def identity(self) -> Json:
        """Certificates, unused claim codes and warnings."""
        return self._ask("GET", "/api/identity")

    def claim_codes(self, order: Json) -> Json:
        """Codes for new devices."""
        headers = {"Content-Type": "application/json"}
        return self._ask("POST", "/api/identity/codes", json.dumps(order).encode(), headers)

    def revoke_identity(self, name: str, reason: str) -> Json:
        """End a device's certificates."""
        headers = {"Content-Type": "application/json"}
        return self._ask(
            "POST", f"/api/identity/{quote(name, safe='')}/revoke", json.dumps({"reason": reason}).encode(), headers
        )

    def broker_news(self) -> Json:
        """Revocations, for a broker on another machine."""
        return self._ask("GET", "/api/identity/broker")

    def pictures(self, device: str, *, after: str = "") -> Json:
        """Some pictures a device keeps: those whose names come after `after`."""
        return self._ask("GET", f"/api/pictures/{quote(device, safe='')}?after={quote(after, safe='')}")

    def picture(self, device: str, name: str) -> bytes:
        """One of them, or what is said about it."""
        return self._fetch("GET", f"/api/pictures/{quote(device, safe='')}/{quote(name, safe='')}")

    def create_rollout(self, order: Json) -> Json:
        """Begin a rollout."""
        return self._ask("POST", "/api/rollouts", json.dumps(order).encode(), {"Content-Type": "application/json"})

    def rollouts(self) -> Json:
        """All rollouts."""
        return self._ask("GET", "/api/rollouts")

    def rollout(self, rollout: int) -> Json:
        """One rollout with its devices."""
        return self._ask("GET", f"/api/rollouts/{rollout}")

    def abort(self, rollout: int) -> Json:
        """Stop one."""
        return self._ask("POST", f"/api/rollouts/{rollout}/abort")

    def call(self, method: str, path: str, order: Json | None = None) -> Json:
        """Any other call; `order` is its body."""
        if order is None:
            return self._ask(method, path)
        return self._ask(method, path, json.dumps(order).encode(), {"Content-Type": "application/json"})

    def _upload(self, call: str, path: Path) -> Json:
        """Send a file; what the server says of it is said of `path`."""
        try:
            with path.open("rb") as stream:
                headers = {"Content-Type": "application/octet-stream", "Content-Length": str(path.stat().st_size)}
                return self._ask("POST", call, stream, headers, timeout_s=_UPLOAD_TIMEOUT_S)
        except FerryError as refusal:
            if refusal.where != _UPLOAD:
                raise
            raise type(refusal)(refusal.what, where=str(path), fix=refusal.fix) from refusal
        except OSError as problem:
            raise BundleError(
                f"cannot be read: {problem.strerror}", where=str(path), fix="Give the path of a .bundle or .delta file."
            ) from problem

    def _ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        *,
        timeout_s: float = _TIMEOUT_S,
    ) -> Json:
        return _object(self._fetch(method, path, body, headers, timeout_s=timeout_s), self._server)

    def _fetch(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: dict[str, str] | None = None,
        *,
        timeout_s: float = _TIMEOUT_S,
    ) -> bytes:
        request = urllib.request.Request(self._server + path, body, headers or {}, method=method)
        if self._token:
            # Not among the other headers: those would follow a redirect to another server.
            request.add_unredirected_header("Authorization", f"Bearer {self._token}")
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as answer:  # nosec B310  # `_is_address` judged it
                content: bytes = answer.read()
                return content
        except urllib.error.HTTPError as refusal:
            with refusal:
                raise _refusal(refusal.code, refusal.read(), self._server) from refusal
        except (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException) as problem:
            why = getattr(problem, "reason", problem)
            raise LinkError(
                f"no fleet server: {why}", where=self._server, fix="Start it: edgeferry fleet serve"
            ) from problem


def _is_address(server: str) -> bool:
    """Whether urllib can do something with it; international names come as punycode."""
    try:
        parts = urlsplit(server)
        usable = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    plain = server.isascii() and server.isprintable() and " " not in server
    return usable and plain and parts.scheme in ("http", "https")


def _object(body: bytes, server: str) -> Json:
    try:
        found = json.loads(body)
    except ValueError as problem:
        raise LinkError("the answer is not JSON", where=server, fix="Is that a fleet server?") from problem
    if not isinstance(found, dict):
        raise LinkError("the answer is not an object", where=server, fix="Is that a fleet server?")
    return found


def _refusal(status: int, body: bytes, server: str) -> FerryError:
    problem = _object(body, server)
    kind = next((kind for statuses, kind in _KINDS if status in statuses), LinkError)
    if kind is BundleError and problem.get("cause") == "config":
        kind = ConfigError
    said = {name: str(problem.get(name, "")) for name in ("what", "where", "fix")}
    return kind(said["what"] or f"HTTP {status}", where=said["where"] or server, fix=said["fix"] or "See /docs there.")
