"""One segment of a delta turned into bytes of the target: the reference, and what is stored beside it.

The only file of this room that decodes zstd. A frame is looked at before it is decoded: it must say its own size, and
that size and its window must be within the segment's, so that memory never depends on what a stranger wrote. Sums are
made on Python's integers, a strip at a time: the agent has no numpy, and a card reads more slowly than they add.
"""

from __future__ import annotations

from contract.delta import SEGMENT_BYTES, Segment

_STRIP_BYTES = 4096
"""Short integers stay in the processor's cache: 5 ms a megabyte on a desktop processor."""
_LOW = int.from_bytes(b"\x7f" * _STRIP_BYTES, "little")
_HIGH = int.from_bytes(b"\x80" * _STRIP_BYTES, "little")
_LENGTH_BYTES = 4


class ResidueError(ValueError):
    """A blob that cannot be decoded to what its segment promises; the message says why."""


def target_bytes(segment: Segment, reference: bytearray, blob: bytes) -> bytes | bytearray:
    """The segment's bytes; `reference` holds its pieces and may be changed. ResidueError."""
    if segment.method == "copy":
        return reference
    if segment.method == "difference":
        return _sum(reference, _frame(blob, segment.size_bytes))
    if segment.method == "changes":
        return _changed(reference, blob)
    return _frame(blob, segment.size_bytes, reference)


def _changed(reference: bytearray, blob: bytes) -> bytearray:
    """`reference` with what is stored added to the bytes that change."""
    split = _LENGTH_BYTES + int.from_bytes(blob[:_LENGTH_BYTES], "little")
    stays, added = _frame(blob[_LENGTH_BYTES:split]), _frame(blob[split:])
    if len(stays) != len(added):
        raise ResidueError(f"{len(stays)} places and {len(added)} changes")
    at = -1
    try:
        for stay, add in zip(stays, added, strict=True):
            at += stay + 1
            reference[at] = (reference[at] + add) & 0xFF
    except IndexError as problem:
        raise ResidueError("a change beyond the segment's end") from problem
    return reference


def _sum(reference: bytearray, difference: bytes) -> bytearray:
    """Byte by byte modulo 256: seven bits are added as one long number, the eighth by exclusive or."""
    for at in range(0, len(difference), _STRIP_BYTES):
        strip = difference[at : at + _STRIP_BYTES]
        one, other = int.from_bytes(reference[at : at + len(strip)], "little"), int.from_bytes(strip, "little")
        total = ((one & _LOW) + (other & _LOW)) ^ ((one ^ other) & _HIGH)
        reference[at : at + len(strip)] = total.to_bytes(len(strip), "little")
    return reference


def _frame(blob: bytes, size_bytes: int | None = None, dictionary: bytearray | None = None) -> bytes:
    """The content of the one zstd frame `blob` is: `size_bytes` of it, or up to a segment where that is None."""
    import zstandard

    try:
        promised = zstandard.get_frame_parameters(blob)
        if promised.content_size > SEGMENT_BYTES or promised.window_size > SEGMENT_BYTES:
            raise ResidueError("a frame larger than a segment, or of unknown size")
        if size_bytes is not None and promised.content_size != size_bytes:
            raise ResidueError(f"a frame of {promised.content_size} bytes instead of {size_bytes}")
        known = None
        if dictionary:
            known = zstandard.ZstdCompressionDict(dictionary, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        unpacker = zstandard.ZstdDecompressor(dict_data=known, max_window_size=SEGMENT_BYTES)
        content = unpacker.decompress(blob, allow_extra_data=False)
    except zstandard.ZstdError as problem:
        raise ResidueError(f"not a zstd frame as stored here: {problem}") from problem
    if len(content) != promised.content_size:
        raise ResidueError("a frame that is not what it says")
    return content
