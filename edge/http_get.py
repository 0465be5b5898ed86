"""One HTTP answer, got so that no server can hold this device up, lead it elsewhere, or bury it in bytes.

Every byte received passes a `Watch` (`edge/watch.py`), from the first of the answer's head on. Redirects are followed
by hand, because urllib reads their bodies to the end, however long.
What is asked for, and whether it is asked again, is `edge/download.py`'s matter: `BrokenError` says that this may
help, `RefusedError` that it will not.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from contract.errors import ConfigError
from edge import tls
from edge.clock import FleetClock
from edge.watch import BrokenError, RefusedError, Watch

MOST_REDIRECTS = 5
_SCHEMES = ("http", "https")
_ELSEWHERE = frozenset({301, 302, 303, 307, 308})
_CHUNK_BYTES = 64 * 1024


def get(
    url: str, headers: Mapping[str, str], watch: Watch, *, ca_file: str | None, clock: FleetClock | None = None
) -> http.client.HTTPResponse:
    """The answer from `url`, or from where it sends us: http and https only, and never from https to http.

    Its status may be any that is no redirect. To be closed by the caller. `ca_file` holds the authorities (PEM) that
    are trusted instead of the system's; `clock` judges certificates (`edge/tls.py`). Proxies are taken from the
    environment, as urllib does.
    """
    for _ in range(MOST_REDIRECTS + 1):
        answer = _asked(checked_address(url), headers, _Connecting(watch, ca_file, clock))
        if answer.status not in _ELSEWHERE:
            watch.body_begins()
            return answer
        answer.close()
        url = _redirected(url, answer.headers.get("Location"))
    raise RefusedError(f"it is redirected more than {MOST_REDIRECTS} times")


def pieces(answer: http.client.HTTPResponse, at_most_bytes: int) -> Iterator[bytes]:
    """What comes, as it comes, until there is no more or it is enough."""
    while at_most_bytes > 0:
        try:
            # One recv at most: whatever has come is stored, also when the next one breaks. Cut off once more here,
            # because http.client takes a negative chunk size for an unlimited one.
            piece = answer.read1(min(_CHUNK_BYTES, at_most_bytes))[:at_most_bytes]
        except (OSError, http.client.HTTPException) as problem:
            raise BrokenError(_words(problem)) from problem
        if not piece:
            return
        at_most_bytes -= len(piece)
        yield piece


def checked_address(url: str) -> str:
    """`url`, which is one of http or https, without a password in it; RefusedError otherwise."""
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").encode("idna"), parts.port
    except ValueError:
        raise RefusedError("this is no address") from None
    if parts.scheme not in _SCHEMES:
        raise RefusedError("only http and https addresses are fetched")
    if not host or not (url.isascii() and url.isprintable()) or " " in url:
        raise RefusedError("this is no address")
    if "@" in parts.netloc:
        raise RefusedError("addresses with a user and a password are not fetched", fix="Put no password into the URL.")
    return url


def shown(url: str) -> str:
    """`url` for a message: without the user, password and query, any of which may be a secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "the address assigned"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def retry_after_s(answer: http.client.HTTPResponse) -> float:
    """Seconds the server asks us to stay away (RFC 9110, section 10.2.3); 0 where it does not.

    A date is compared with the answer's own, so that a device's wrong clock does not matter.
    """
    asked = answer.headers.get("Retry-After", "").strip()
    if asked.isascii() and asked.isdigit():
        return float(asked[:9])
    try:
        then = parsedate_to_datetime(asked).timestamp()
        return max(0.0, then - parsedate_to_datetime(answer.headers.get("Date", "")).timestamp())
    except (TypeError, ValueError, OverflowError):
        return 0.0


def _asked(url: str, headers: Mapping[str, str], connecting: _Connecting) -> http.client.HTTPResponse:
    opener = urllib.request.OpenerDirector()  # without the handlers of file:, ftp: and data:
    opener.addheaders = [("User-Agent", "edgeferry")]
    opener.add_handler(urllib.request.ProxyHandler())
    opener.add_handler(connecting)
    request = urllib.request.Request(url, headers={"Accept-Encoding": "identity", **headers})
    try:
        answer = opener.open(request, timeout=connecting.watch.connecting(tls=url.startswith("https:")))
    except urllib.error.URLError as problem:
        if isinstance(problem.reason, ssl.SSLCertVerificationError):
            raise RefusedError(
                f"the server's certificate is not trusted: {problem.reason.verify_message}",
                fix="Check ca_file under [update] in device.toml, the server's certificate, and the device's clock.",
            ) from problem
        raise BrokenError(_words(problem.reason)) from problem
    except (OSError, http.client.HTTPException) as problem:
        raise BrokenError(_words(problem)) from problem
    assert isinstance(answer, http.client.HTTPResponse)
    return answer


def _redirected(url: str, location: str | None) -> str:
    if location is None:
        raise RefusedError("it is redirected to nowhere")
    try:
        target = urljoin(url, location)
        schemes = urlsplit(url).scheme, urlsplit(target).scheme
    except ValueError:
        raise RefusedError("it is redirected to what is no address") from None
    if schemes == ("https", "http") or schemes[1] not in _SCHEMES:
        raise RefusedError(f"it is redirected from {schemes[0]} to {schemes[1]}, which is not followed")
    return target


def _words(problem: object) -> str:
    """Some exceptions have no text, and some have all that the server sent."""
    return str(problem)[:200] or type(problem).__name__


class _Connecting(urllib.request.AbstractHTTPHandler):
    """http and https over connections whose answers pass `watch`."""

    def __init__(self, watch: Watch, ca_file: str | None, clock: FleetClock | None) -> None:
        super().__init__()
        self.watch, self._ca_file, self._clock = watch, ca_file, clock

    http_request = https_request = urllib.request.AbstractHTTPHandler.do_request_

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._watched(http.client.HTTPConnection), request)

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        # Made here, because reading the system's authorities takes 20 ms and 2 MiB.
        made = self._watched(http.client.HTTPSConnection)
        return self.do_open(made, request, context=_tls(self._ca_file, self._clock))

    def _watched(self, kind: Callable[..., http.client.HTTPConnection]) -> Any:
        watch, clock = self.watch, self._clock

        class Response(http.client.HTTPResponse):
            def __init__(self, sock: socket.socket, *args: Any, **options: Any) -> None:
                if isinstance(sock, ssl.SSLSocket):
                    tls.check_not_expired(sock, clock)
                super().__init__(_Tap(sock, watch), *args, **options)  # type: ignore[arg-type]

        def connection(*args: Any, **options: Any) -> http.client.HTTPConnection:
            made = kind(*args, **options)
            made.response_class = Response
            return made

        return connection


class _Tap(io.RawIOBase):
    """The reading end of a socket, as far as http.client uses one."""

    def __init__(self, sock: socket.socket, watch: Watch) -> None:
        self._sock, self._watch = sock, watch
        # http.client closes the socket as soon as it has the head; it stays open for as long as this file is.
        self._hold = sock.makefile("rb", buffering=0)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._watch.receive_into(self._sock, buffer)

    def close(self) -> None:
        self._hold.close()
        super().close()


def _tls(ca_file: str | None, clock: FleetClock | None) -> ssl.SSLContext:
    try:
        context = tls.context(ca_file, clock)
    except ConfigError as problem:
        raise RefusedError(
            f"the certificate authorities in {ca_file} cannot be used: {problem.what}",
            fix="Check ca_file under [update] in device.toml.",
        ) from problem
    context.set_alpn_protocols(["http/1.1"])
    return context
