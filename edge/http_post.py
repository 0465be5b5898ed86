"""One small question to the fleet's server: a POST of JSON, answered within a minute by at most so many bytes.

No redirects and no proxies: the words that go to and fro prove themselves, but they are meant for that server alone.
"""

from __future__ import annotations

import http.client
import time
from typing import NamedTuple
from urllib.parse import urlsplit

from contract.errors import ConfigError, LinkError
from edge import tls
from edge.clock import FleetClock

_STEP_S = 20.0
_WHOLE_S = 60.0
_CHUNK_BYTES = 16 * 1024


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes


def post(
    server: str,
    path: str,
    body: bytes,
    *,
    limit_bytes: int,
    ca_file: str | None = None,
    clock: FleetClock | None = None,
) -> Answer:
    """The answer of `server`, an http or https address. ConfigError for a bad address, LinkError where none comes."""
    connection, prefix = _connection(server, ca_file, clock)
    try:
        connection.connect()
        if isinstance(connection, http.client.HTTPSConnection):
            tls.check_not_expired(connection.sock, clock)
        connection.request("POST", prefix + path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return Answer(answer.status, _body(answer, limit_bytes))
    except (OSError, http.client.HTTPException) as problem:
        raise LinkError(
            f"the fleet's server does not answer: {str(problem)[:200] or type(problem).__name__}",
            where=server,
            fix="Check the address, the network, and for https --ca-file and the clock.",
        ) from problem
    finally:
        connection.close()


def _connection(server: str, ca_file: str | None, clock: FleetClock | None) -> tuple[http.client.HTTPConnection, str]:
    try:
        parts = urlsplit(server)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _no_address(server) from None
    if parts.scheme not in ("http", "https") or not host or "@" in parts.netloc or parts.query or parts.fragment:
        raise _no_address(server)
    prefix = parts.path.rstrip("/")
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=_STEP_S), prefix
    return http.client.HTTPSConnection(host, port, timeout=_STEP_S, context=tls.context(ca_file, clock)), prefix


def _body(answer: http.client.HTTPResponse, limit_bytes: int) -> bytes:
    data, until = b"", time.monotonic() + _WHOLE_S
    while piece := answer.read1(_CHUNK_BYTES):
        data += piece
        if len(data) > limit_bytes:
            raise http.client.HTTPException("it says too much")
        if time.monotonic() > until:
            raise TimeoutError("it is too slow")
    return data


def _no_address(server: str) -> ConfigError:
    return ConfigError(
        f"{server.rpartition('@')[2]!r} is not a server's address", where="--server", fix="Write https://HOST[:PORT]."
    )
