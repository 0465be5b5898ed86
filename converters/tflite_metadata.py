"""What an author packed into a `.tflite` file about its pixels, labels and scores: TFLite metadata, read by offsets.

The metadata is a flatbuffer of its own in the model's buffer `TFLITE_METADATA`; files that belong to it are zipped to
the model's end. Field numbers are those of `metadata_schema.fbs` (tensorflow/tflite-support, schema 1.x, identifier
M001) and `object_detector_metadata_schema.fbs` (google-ai-edge/mediapipe, V001), whose fields never move. Described in
"Adding metadata to LiteRT models", ai.google.dev/edge/litert.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator
from typing import Any, Literal

from msgspec import Struct

from contract.errors import ModelError
from converters.tflite_tree import read_tree

BUFFER = b"TFLITE_METADATA"
ANCHORS = "SSD_ANCHORS_OPTIONS"
_IDENTIFIER, _ANCHOR_IDENTIFIER = b"M001", b"V001"
_LARGEST_FILE_BYTES = 4 << 20
_MOST_ITEMS = 100_000
"""More than any list in a sound file has; a damaged length shall not be walked for hours."""

_SUBGRAPHS, _NAME, _DESCRIPTION = 3, 0, 1
_INPUTS, _OUTPUTS, _OUTPUT_UNITS, _CUSTOM = 2, 3, 6, 9
_CONTENT, _UNITS, _FILES = 3, 4, 6
_PROPERTIES_TYPE, _PROPERTIES = 0, 1
_OPTIONS_TYPE, _OPTIONS = 0, 1
_FILE_NAME, _FILE_TYPE, _LOCALE = 0, 2, 3
_CUSTOM_NAME, _CUSTOM_DATA = 0, 1
_NORMALIZATION, _THRESHOLDING = 1, 3
_IMAGE = 2
_AXIS_LABELS, _VALUE_LABELS = 2, 3
_COLOURS: dict[int, Literal["rgb", "grey"]] = {1: "rgb", 2: "grey"}


class PackedInput(Struct, frozen=True, kw_only=True):
    """What is said of one input."""

    name: str = ""
    colour: Literal["rgb", "grey"] | None = None
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    """(x - mean) / std of pixels 0..255; both empty where nothing is said."""


class PackedOutput(Struct, frozen=True, kw_only=True):
    """What is said of one output."""

    name: str = ""
    labels: tuple[str, ...] = ()
    score_threshold: float | None = None


class Packed(Struct, frozen=True, kw_only=True):
    """All that is of use here. Inputs and outputs are in the graph's order."""

    name: str = ""
    description: str = ""
    inputs: tuple[PackedInput, ...] = ()
    outputs: tuple[PackedOutput, ...] = ()
    labels: tuple[str, ...] = ()
    """The first labels any output has, or those of a file that nothing points to."""
    anchors_xywh: tuple[tuple[float, float, float, float], ...] = ()
    """Of an SSD without its own decoding: centre and size in 0..1 of the picture."""


def read_packed(model: bytes, *, where: str) -> Packed | None:
    """What is packed into `model`, or None where nothing is.

    Raises ModelError where the file is damaged, or its metadata is.
    """
    tree = read_tree(model, where=where)
    buffers = [entry.buffer for entry in tree.metadata or () if bytes(entry.name or b"") == BUFFER]
    files = _associated(model)
    try:
        if not buffers:
            return Packed(labels=_loose_labels(files)) if files else None
        return _packed(bytes(tree.buffers[buffers[0]].data), files)
    except (struct.error, IndexError, ValueError, TypeError, OverflowError, AttributeError) as problem:
        raise ModelError(
            "its TFLite metadata is damaged", where=where, fix="Give what it should say in a model card (--model-card)."
        ) from problem


def labels_of(data: bytes) -> tuple[str, ...]:
    """The lines of a label file; `???` and empty lines are gaps in the numbering, and keep their places."""
    lines = [line.strip() for line in data.decode("utf-8-sig").splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    return tuple("" if line == "???" else line for line in lines)


class _Table:
    """One table of a flatbuffer, its fields by number."""

    def __init__(self, data: bytes, place: int) -> None:
        from flatbuffers.table import Table

        self._data = data
        self._table: Any = Table(data, place)

    @classmethod
    def root(cls, data: bytes, identifier: bytes) -> _Table:
        """The root of `data`; ValueError where it is not of that schema."""
        if data[4:8] != identifier:
            raise ValueError(f"a flatbuffer {data[4:8]!r}")
        return cls(data, struct.unpack_from("<I", data)[0])

    def text(self, field: int) -> str:
        """A string, or an empty one."""
        place = self._place(field)
        return bytes(self._table.String(place + self._table.Pos)).decode(errors="replace") if place else ""

    def byte(self, field: int) -> int:
        """An enumeration's number, 0 where absent."""
        place = self._place(field)
        return int(self._data[place + self._table.Pos]) if place else 0

    def real(self, field: int) -> float | None:
        """A float32; None where absent, which also stands for 0."""
        place = self._place(field)
        return float(struct.unpack_from("<f", self._data, place + self._table.Pos)[0]) if place else None

    def reals(self, field: int) -> tuple[float, ...]:
        """A list of float32."""
        begin, count = self._vector(field)
        return struct.unpack_from(f"<{count}f", self._data, begin) if count else ()

    def data(self, field: int) -> bytes:
        """A list of bytes."""
        begin, count = self._vector(field, most=len(self._data))
        return self._data[begin : begin + count]

    def tables(self, field: int) -> Iterator[_Table]:
        """A list of tables."""
        begin, count = self._vector(field)
        for number in range(count):
            yield _Table(self._data, self._table.Indirect(begin + 4 * number))

    def table(self, field: int) -> _Table | None:
        """One table, or the union's, where it is there."""
        place = self._place(field)
        return _Table(self._data, self._table.Indirect(place + self._table.Pos)) if place else None

    def _place(self, field: int) -> int:
        return int(self._table.Offset(4 + 2 * field))

    def _vector(self, field: int, most: int = _MOST_ITEMS) -> tuple[int, int]:
        """Where a list begins, and how long it is."""
        place = self._place(field)
        if not place:
            return 0, 0
        count = int(self._table.VectorLen(place))
        if count > most:
            raise ValueError(f"a list of {count}")
        return int(self._table.Vector(place)), count


def _packed(data: bytes, files: dict[str, bytes]) -> Packed:
    model = _Table.root(data, _IDENTIFIER)
    subgraph = next(model.tables(_SUBGRAPHS), None)
    if subgraph is None:
        return Packed(name=model.text(_NAME), description=model.text(_DESCRIPTION), labels=_loose_labels(files))
    threshold = _threshold(subgraph, _OUTPUT_UNITS)
    outputs = tuple(_output(table, files, threshold) for table in subgraph.tables(_OUTPUTS))
    return Packed(
        name=model.text(_NAME),
        description=model.text(_DESCRIPTION),
        inputs=tuple(_input(table) for table in subgraph.tables(_INPUTS)),
        outputs=outputs,
        labels=next((output.labels for output in outputs if output.labels), _loose_labels(files)),
        anchors_xywh=_anchors(subgraph),
    )


def _input(table: _Table) -> PackedInput:
    content = table.table(_CONTENT)
    image = content.table(_PROPERTIES) if content and content.byte(_PROPERTIES_TYPE) == _IMAGE else None
    norm = next(_options(table, _UNITS, _NORMALIZATION), None)
    return PackedInput(
        name=table.text(_NAME),
        colour=_COLOURS.get(image.byte(0)) if image else None,
        mean=norm.reals(0) if norm else (),
        std=norm.reals(1) if norm else (),
    )


def _output(table: _Table, files: dict[str, bytes], threshold: float | None) -> PackedOutput:
    own = _threshold(table, _UNITS)
    return PackedOutput(
        name=table.text(_NAME),
        labels=_labels(table, files),
        score_threshold=threshold if own is None else own,
    )


def _labels(table: _Table, files: dict[str, bytes]) -> tuple[str, ...]:
    """Of its label file; one without a language before the translations."""
    labelled = [file for file in table.tables(_FILES) if file.byte(_FILE_TYPE) in (_AXIS_LABELS, _VALUE_LABELS)]
    labelled.sort(key=lambda file: bool(file.text(_LOCALE)))
    return next((labels_of(files[name]) for file in labelled if (name := file.text(_FILE_NAME)) in files), ())


def _threshold(table: _Table, field: int) -> float | None:
    options = next(_options(table, field, _THRESHOLDING), None)
    return None if options is None else options.real(0)


def _options(table: _Table, field: int, kind: int) -> Iterator[_Table]:
    for unit in table.tables(field):
        options = unit.table(_OPTIONS) if unit.byte(_OPTIONS_TYPE) == kind else None
        if options is not None:
            yield options


def _anchors(subgraph: _Table) -> tuple[tuple[float, float, float, float], ...]:
    """Of the object detector's own metadata: options > ssd_anchors_options > fixed_anchors_schema > anchors."""
    for custom in subgraph.tables(_CUSTOM):
        if custom.text(_CUSTOM_NAME) == ANCHORS:
            options = _Table.root(custom.data(_CUSTOM_DATA), _ANCHOR_IDENTIFIER).table(1)
            schema = options.table(0) if options else None
            if schema is not None:
                return tuple(_anchor(anchor) for anchor in schema.tables(0))
    return ()


def _anchor(table: _Table) -> tuple[float, float, float, float]:
    x, y, width, height = (table.real(field) or 0.0 for field in range(4))
    return x, y, width, height


def _loose_labels(files: dict[str, bytes]) -> tuple[str, ...]:
    """Of the one text file whose name says that it holds labels."""
    named = [data for name, data in files.items() if "label" in name.lower() and name.lower().endswith(".txt")]
    return labels_of(named[0]) if len(named) == 1 else ()


def _associated(model: bytes) -> dict[str, bytes]:
    """The files zipped to the model's end; those that are too large or damaged are left out."""
    stream = io.BytesIO(model)
    if not zipfile.is_zipfile(stream):
        return {}
    files = {}
    try:
        with zipfile.ZipFile(stream) as archive:
            for member in archive.infolist()[:_MOST_ITEMS]:
                if member.file_size <= _LARGEST_FILE_BYTES and not member.is_dir():
                    files[member.filename] = archive.read(member)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError):
        return {}
    return files
