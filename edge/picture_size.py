"""How large a picture says it is, read from its header before anything is decoded.

A file of a few bytes can declare gigapixels, and a decoder takes the memory before it notices. Offsets are from each
format's own definition: PNG (ISO/IEC 15948), GIF89a, BMP (Microsoft's BITMAPINFOHEADER), WebP (RFC 9649), TIFF 6.0,
Netpbm.
"""

from __future__ import annotations

import re
import struct

from edge import jpeg

_NETPBM = re.compile(rb"P[1-6](?:\s+|#[^\n]*\n)+(\d{1,9})(?:\s+|#[^\n]*\n)+(\d{1,9})\s")
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257


def declared_size_wh(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels as the header says; None for a format not known here or a header cut short."""
    try:
        return _read(data)
    except struct.error:
        return None


def _read(data: bytes) -> tuple[int, int] | None:
    if data.startswith(jpeg.START):
        return jpeg.declared_size_wh(data)
    if data.startswith(b"\x89PNG"):
        return _pair(">II", data, 16)
    if data.startswith(b"GIF8"):
        return _pair("<HH", data, 6)
    if data.startswith(b"BM"):
        width, height = _pair("<ii", data, 18)
        return abs(width), abs(height)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    if data[:4] in (b"II*\0", b"MM\0*"):
        return _tiff(data, "<" if data[:1] == b"I" else ">")
    netpbm = _NETPBM.match(data[:1024])
    return (int(netpbm[1]), int(netpbm[2])) if netpbm else None


def _pair(format: str, data: bytes, at: int) -> tuple[int, int]:
    first, second = struct.unpack_from(format, data, at)
    return first, second


def _webp(data: bytes) -> tuple[int, int] | None:
    kind = data[12:16]
    if kind == b"VP8 ":
        width, height = _pair("<HH", data, 26)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    return None


def _tiff(data: bytes, order: str) -> tuple[int, int] | None:
    (directory,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, directory)
    size: dict[int, int] = {}
    for entry in range(directory + 2, directory + 2 + 12 * count, 12):
        tag, kind = _pair(f"{order}HH", data, entry)
        if tag in (_TIFF_WIDTH, _TIFF_HEIGHT):
            # 3 is SHORT: it fills the first half of the value's four bytes.
            (size[tag],) = struct.unpack_from(f"{order}{'H' if kind == 3 else 'I'}", data, entry + 8)
    if len(size) < 2:
        return None
    return size[_TIFF_WIDTH], size[_TIFF_HEIGHT]
