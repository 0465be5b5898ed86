"""Cameras on the network: which of the two ways reads an address, and what of the address may be shown.

`rtsp://` and `rtsps://` go through OpenCV's FFmpeg, in a child process that can be killed, over TCP: lost UDP packets
would become smeared pictures. `http://` and `https://` are read by `http_mjpeg.py`.
"""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from contract.errors import ConfigError
from edge.sources import Source

_SECRET = re.compile(r"//.*@", re.DOTALL)


class Address(Struct, frozen=True):
    """A camera's address in parts; `shown` has no user, password or query, which often holds one too."""

    scheme: str
    host: str
    port: int | None
    target: str
    user: str | None
    password: str
    shown: str

    @property
    def name(self) -> str:
        """Host and path."""
        return self.shown.partition("://")[2]


def open(text: str) -> Source:
    """The camera at the address `text`; ConfigError when it is none."""
    address = parsed(text)
    if address.scheme in ("http", "https"):
        from edge.sources.http_mjpeg import HttpSource

        return HttpSource(address)
    from edge.sources.child import Asked, ChildSource

    return ChildSource(
        address.name,
        Asked(address=text),
        where=address.shown,
        fix="Check the address, user and password, and that the camera is on.",
        environment={"OPENCV_FFMPEG_CAPTURE_OPTIONS": "rtsp_transport;tcp"},
    )


def parsed(text: str) -> Address:
    """`text` in parts."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        # Its own words may quote the password.
        raise _malformed(text) from None
    if not host or not text.isprintable() or " " in text:
        raise _malformed(text)
    at = (f"[{host}]" if ":" in host else host) + (f":{port}" if port is not None else "")
    return Address(
        scheme=parts.scheme,
        host=host,
        port=port,
        target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        user=None if parts.username is None else unquote(parts.username),
        password=unquote(parts.password or ""),
        shown=f"{parts.scheme}://{at}{parts.path}",
    )


def _malformed(text: str) -> ConfigError:
    shown = _SECRET.sub("//", text).partition("?")[0]
    return ConfigError("this is not an address", where=shown, fix="Write rtsp://HOST/PATH or http://HOST/PATH.")
