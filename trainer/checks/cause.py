"""Why a file that no decoder takes is none: cut short, a wrong checksum, an absurd header, no picture at all.

Asked of damaged files only, and of their bytes: OpenCV says no more than that it could not. Layouts follow the PNG
specification (W3C, 3rd edition), GIF89a and the BITMAPINFOHEADER of Microsoft.
"""

from __future__ import annotations

import zlib
from pathlib import Path

from edge.pictures import MOST_PIXELS

_PNG = b"\x89PNG\r\n\x1a\n"
_KNOWN = {b"\xff\xd8": "JPEG", b"RIFF": "WebP", b"II*\x00": "TIFF", b"MM\x00*": "TIFF", b"P5": "PGM", b"P6": "PPM"}


def cause(file: Path) -> str | None:
    """What is wrong with `file`, in a few words; None where its bytes do not tell."""
    try:
        data = file.read_bytes()
    except OSError:
        return None
    if not data:
        return "the file is empty"
    if data.startswith(_PNG):
        return _of_png(data)
    if data.startswith((b"GIF87a", b"GIF89a")):
        return _of_gif(data)
    if data.startswith(b"BM"):
        return _of_bmp(data)
    kind = next((name for start, name in _KNOWN.items() if data.startswith(start)), None)
    return f"the {kind} is damaged" if kind else f"this is no picture: it begins with {data[:8]!r}"


def _of_png(data: bytes) -> str | None:
    at, packed = len(_PNG), b""
    while at < len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        body, end = data[at + 8 : at + 8 + length], at + 12 + length
        if end > len(data):
            return f"the PNG was cut short, or is damaged, in its {kind.decode('ascii', 'replace')} chunk"
        if zlib.crc32(kind + body) != int.from_bytes(data[end - 4 : end], "big"):
            return f"the PNG is damaged: the checksum of its {kind.decode('ascii', 'replace')} chunk is wrong"
        if kind == b"IEND":
            return _of_stream(packed)
        packed += body if kind == b"IDAT" else b""
        at = end
    return "the PNG was cut short: it has no IEND chunk"


def _of_stream(packed: bytes) -> str | None:
    stream = zlib.decompressobj()
    try:
        left = stream.unconsumed_tail or packed
        while left and not stream.eof:
            stream.decompress(left, 1 << 20)  # a piece at a time: what it unpacks to is not known
            left = stream.unconsumed_tail
    except zlib.error as problem:
        return f"the PNG's compressed data is broken: {problem}"
    return None if stream.eof else "the PNG's compressed data was cut short"


def _of_gif(data: bytes) -> str:
    canvas_wh = _shorts(data, 6)
    at = 13 + (3 << (data[10] & 7) + 1 if len(data) > 10 and data[10] & 0x80 else 0)
    while data[at : at + 1] == b"!":  # an extension: blocks, each with its length, up to an empty one
        at += 2
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
    if data[at : at + 1] == b"," and at + 9 <= len(data):
        place, size = _shorts(data, at + 1), _shorts(data, at + 5)
        if place[0] + size[0] > canvas_wh[0] or place[1] + size[1] > canvas_wh[1]:
            canvas = f"a canvas of {canvas_wh[0]} x {canvas_wh[1]}"
            return f"the GIF declares {size[0]} x {size[1]} pixels at {place[0]},{place[1]} of {canvas}"
    return _absurd("GIF", *canvas_wh)


def _shorts(data: bytes, at: int) -> tuple[int, int]:
    return int.from_bytes(data[at : at + 2], "little"), int.from_bytes(data[at + 2 : at + 4], "little")


def _of_bmp(data: bytes) -> str | None:
    width, height = (int.from_bytes(data[at : at + 4], "little", signed=True) for at in (18, 22))
    bits, colours = int.from_bytes(data[28:30], "little"), int.from_bytes(data[46:50], "little")
    if bits <= 8 and colours > 1 << bits:
        return f"the BMP declares a palette of {colours:,} colours for {bits} bits"
    return _absurd("BMP", width, height)


def _absurd(kind: str, width: int, height: int) -> str:
    if width * abs(height) > MOST_PIXELS or width <= 0 or not height:
        return f"the {kind} declares {width} x {abs(height)} pixels"
    return f"the {kind} is damaged"
