"""The delta's file: its header says everything, and nothing that does not fit together is read."""

from __future__ import annotations

import io
import subprocess
import sys
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from contract.codec import to_json
from contract.delta import (
    HEADER_BYTES,
    MAGIC,
    REFERENCE_BYTES,
    SEGMENT_BYTES,
    DeltaError,
    Header,
    Piece,
    Segment,
    Source,
    fits,
    is_delta,
    read_header,
    write_delta,
)
from tests.conftest import ROOT

BLOB = b"twelve bytes"
SEGMENTS = (
    Segment("copy", 40, 0, (Piece(0, 10, 30), Piece(1, 0, 10))),
    Segment("patch", 60, len(BLOB)),
)


def header(**changes: Any) -> Header:
    whole = Header(
        base="sha256:" + "a" * 64,
        base_manifest="sha256:" + "b" * 64,
        target="sha256:" + "c" * 64,
        size_bytes=100,
        name="digits",
        version=2,
        profile="rpi4",
        sources=(Source("model.tflite", 50), Source("labels.txt", 10)),
        segments=SEGMENTS,
    )
    return replace(whole, **changes)


def written(promise: Header | None = None, blobs: tuple[bytes, ...] = (BLOB,)) -> bytes:
    stream = io.BytesIO()
    write_delta(stream, promise or header(), blobs)
    return stream.getvalue()


def packed(content: bytes) -> bytes:
    """A file whose header is `content`, whatever that is."""
    body = zlib.compress(content, 9)
    return MAGIC + len(body).to_bytes(4, "little") + body + BLOB


def read(data: bytes) -> Header:
    return read_header(io.BytesIO(data), where="test")


def test_what_was_written_is_read_back_and_the_stream_stands_at_the_first_blob() -> None:
    stream = io.BytesIO(written())
    found = read_header(stream, where="test")
    assert found == header()
    assert found.release == "digits@2"
    assert stream.read() == BLOB
    assert is_delta(written())
    assert not is_delta(b"PK\3\4")


def test_a_header_is_read_where_zstandard_is_not_installed() -> None:
    look = (
        "import sys; sys.modules['zstandard'] = None; sys.modules['numpy'] = None\n"
        f"import io; from contract.delta import read_header\n"
        f"print(read_header(io.BytesIO({written()!r}), where='test').target)"
    )
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == header().target


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"size_bytes": 101}, "its segments are 100 bytes, the bundle 101"),
        ({"size_bytes": 2**40}, "not a valid Header"),
        ({"version": 0}, "not a valid Header"),
        ({"base": "sha256:short"}, "not a valid Header"),
        ({"name": "../evil"}, "not a valid Header"),
        ({"sources": (Source("../../etc/passwd", 50), Source("labels.txt", 10))}, "not a valid Header"),
        ({"sources": (Source("model.tflite", 50), Source("model.tflite", 10))}, "names a file of the base twice"),
        ({"sources": (Source("model.tflite", 39), Source("labels.txt", 10))}, "beyond the end of 'model.tflite'"),
        ({"sources": (Source("model.tflite", 50),)}, "file 1 of 1"),
        ({"segments": ()}, "its segments are 0 bytes"),
        ({"segments": (SEGMENTS[0],)}, "its segments are 40 bytes"),
        ({"segments": (Segment("copy", 40, 5, SEGMENTS[0].reference), SEGMENTS[1])}, "5 bytes stored for a copy"),
        ({"segments": (Segment("difference", 40, 0, SEGMENTS[0].reference), SEGMENTS[1])}, "0 bytes stored"),
        ({"segments": (Segment("copy", 40, 0, (Piece(0, 0, 39),)), SEGMENTS[1])}, "40 bytes from a reference of 39"),
        ({"segments": (Segment("changes", 40, 12), Segment("patch", 60, 12))}, "from a reference of 0"),
        ({"segments": (SEGMENTS[0], Segment("patch", 60, 13))}, "12 bytes are stored, its segments need 13"),
        ({"segments": (Segment("patch", SEGMENT_BYTES + 1, 12),)}, "not a valid Header"),
        ({"segments": (Segment("patch", 100, 2**30),)}, "not a valid Header"),
        ({"segments": (Segment("patch", -1, 12),)}, "not a valid Header"),
        ({"segments": (Segment("run", 100, 12),)}, "not a valid Header"),  # type: ignore[arg-type]
        ({"segments": (Segment("copy", 40, 0, (Piece(0, -1, 40),)), SEGMENTS[1])}, "not a valid Header"),
        ({"segments": (Segment("copy", 40, 0, (Piece(-1, 0, 40),)), SEGMENTS[1])}, "not a valid Header"),
    ],
)
def test_a_header_that_contradicts_itself_is_refused(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(DeltaError) as refused:
        read(written(header(**changes)))
    assert word in refused.value.what


def test_a_reference_larger_than_may_be_read_is_refused() -> None:
    large = REFERENCE_BYTES // 2 + 1
    segments = (SEGMENTS[0], Segment("patch", 60, len(BLOB), (Piece(2, 0, large), Piece(2, 0, large))))
    sources = (*header().sources, Source("golden.npz", 2**30))
    with pytest.raises(DeltaError, match="at most 2097152 are read"):
        read(written(header(sources=sources, segments=segments)))


@pytest.mark.parametrize("extra", [b"x", b"\0" * 1000])
def test_bytes_behind_the_last_segment_are_refused(extra: bytes) -> None:
    with pytest.raises(DeltaError, match="its segments need 12"):
        read(written() + extra)


def test_every_cut_is_refused() -> None:
    whole = written()
    for size in range(len(whole)):
        with pytest.raises(DeltaError):
            read(whole[:size])


def test_a_newer_major_schema_is_refused_by_name() -> None:
    with pytest.raises(DeltaError, match="schema 2 is newer"):
        read(packed(to_json(header(schema=2))))


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(DeltaError, match="unknown field `more`"):
        read(packed(to_json(header())[:-1] + b',"more":1}'))


@pytest.mark.parametrize(
    "content",
    [b" " * 2**26, b"[" * HEADER_BYTES, b'{"more":' + b"[" * 200_000, b'{"segments":' + b"[" * 200_000, b"", b"{"],
)
def test_a_header_that_unpacks_to_too_much_or_to_nonsense_is_refused(content: bytes) -> None:
    with pytest.raises(DeltaError):
        read(packed(content))


def test_a_header_said_to_be_huge_is_not_read() -> None:
    with pytest.raises(DeltaError, match="at most 262144 are read"):
        read(MAGIC + (2**32 - 1).to_bytes(4, "little") + b"x")


def test_more_segments_than_a_reader_takes_are_not_written() -> None:
    many = header(segments=SEGMENTS * 10_000)
    assert not fits(many)
    with pytest.raises(ValueError, match="larger than"):
        write_delta(io.BytesIO(), many, ())


@given(st.binary(max_size=200))
def test_noise_is_refused_without_a_crash(noise: bytes) -> None:
    for data in (noise, MAGIC + noise, packed(noise)):
        with pytest.raises(DeltaError):
            read(data)
