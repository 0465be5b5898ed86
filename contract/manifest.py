"""What a bundle promises to the device that installs it: `manifest.json`, one frozen struct.

Everything a device must know to run the model is said here, so that nothing is guessed from the graph: how pixels
become the input tensor, what each output means, which labels, how golden frames are judged. The file is written by
`converters/`, read by `edge/` and `fleet/`; its version is `SCHEMA`. Unknown keys are kept out of the decoded
struct and do no harm (a newer minor version may add some); a newer major schema is refused by `contract.codec`.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from contract.codec import from_json, plain
from contract.decoding import (
    LARGEST,
    TASKS,
    Anomaly,
    Classify,
    Decoding,
    DetectAnchors,
    DetectBoxes,
    DetectCorners,
    DetectGrid,
    DetectHeatmap,
    Keypoints,
    Positive,
    Regress,
    Segment,
    Share,
    Task,
    Whole,
    misfits,
    tensors_read,
)
from contract.digest import PATTERN
from contract.errors import BundleError

__all__ = [
    "Anomaly",
    "Classify",
    "Decoding",
    "DetectAnchors",
    "DetectBoxes",
    "DetectCorners",
    "DetectGrid",
    "DetectHeatmap",
    "Keypoints",
    "Manifest",
    "Positive",
    "Regress",
    "Segment",
    "Share",
    "StageEvidence",
    "Task",
    "parse",
    "slug",
]

SCHEMA = 1
NAME = "manifest.json"
LABELS = "labels.txt"
REFERENCE = "reference.json"
GOLDEN = "golden.npz"
CARD = "card.md"
RESERVED = frozenset({NAME, "signature.json", "bundle"})
"""Names no member may have: the bundle's own two, and the file by which a slot says that it is whole."""
MOST_MEMBERS = 64
"""What a reader does for each is bounded by this; bundles have five to ten."""
LONGEST_NAME = 63
MOST_STAGES = 16
"""Of the comparison with the source; a conversion has three to six."""

Format = Literal["tflite", "onnx"]
DType = Literal["uint8", "int8", "int16", "int32", "int64", "float16", "float32"]
# `\Z`, because `$` would let a line feed pass behind the name.
Digest = Annotated[str, Meta(pattern=rf"^{PATTERN.pattern}\Z")]
ModelName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}\Z")]
MemberName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}\Z")]
Words = Annotated[str, Meta(pattern=r"^[^\x00-\x08\x0a-\x1f\x7f-\x9f]*\Z")]
"""What is shown to people: one line, and nothing in it that commands a terminal."""
Count = Annotated[int, Meta(ge=0, le=LARGEST)]
Tolerance = Annotated[float, Meta(ge=0.0)]
Shape = Annotated[tuple[Positive, ...], Meta(max_length=8)]


class Member(Struct, frozen=True, kw_only=True):
    """One file of the bundle."""

    name: MemberName
    sha256: Digest
    size_bytes: Count


class Quantization(Struct, frozen=True, kw_only=True):
    """Per-tensor affine quantisation: real = scale * (stored - zero_point)."""

    scale: Annotated[float, Meta(gt=0.0)]
    zero_point: Whole


class TensorSpec(Struct, frozen=True, kw_only=True):
    """One input or output tensor as the runtime sees it."""

    name: Words
    shape: Shape
    """With the batch, e.g. (1, 96, 96, 3); never dynamic."""
    dtype: DType
    quantization: Quantization | None = None
    """None for floating point."""


class Preprocessing(Struct, frozen=True, kw_only=True):
    """How a picture becomes the input tensor. `edge/preprocess.py` is the only code that carries it out.

    real = (pixel - mean) / std per channel, with pixel 0..255; then stored = round(real / scale) + zero_point
    where the input is quantised. Defaults give real = pixel / 255 in RGB.
    """

    size_wh: tuple[Positive, Positive]
    resize: Literal["stretch", "letterbox", "crop"] = "stretch"
    """stretch ignores the aspect; letterbox pads around the centred picture; crop cuts the centred middle out."""
    interpolation: Literal["linear", "nearest", "antialias"] = "linear"
    """linear halves by neighbour means until under twice the size, then resizes bilinearly. antialias is Pillow's
    BILINEAR to the byte, for models trained or measured with it; it takes ten times as long."""
    pad_value: Annotated[int, Meta(ge=0, le=255)] = 114
    colour: Literal["rgb", "bgr", "grey"] = "rgb"
    layout: Literal["nhwc", "nchw", "nhw", "numbers"] = "nhwc"
    """Of the input tensor; nhw is a grey picture without an axis for channels. numbers: no picture goes in but plain
    numbers, real values in the order of the inputs, each read row by row; everything else here says nothing then, and
    `size_wh` is (1, 1)."""
    mean: tuple[float, ...] = (0.0,)
    """One value for all channels, or one a channel in the order of `colour`."""
    std: tuple[float, ...] = (255.0,)

    @property
    def of_numbers(self) -> bool:
        """Whether it is no picture that goes in."""
        return self.layout == "numbers"


NUMBER_TASKS: frozenset[Task] = frozenset({"classify", "regress", "anomaly"})
"""Whose answers speak of no place, so that they need no picture."""
NO_PICTURE = Preprocessing(size_wh=(1, 1), layout="numbers")
"""Of a model that is fed plain numbers. Readers that do not know the word refuse the manifest."""


class State(Struct, frozen=True, kw_only=True):
    """What a recurrent model remembers: an input that is fed the output of the frame before.

    It starts as real zeros, with each source anew. Both tensors have the same shape, type and quantisation.
    """

    input: str
    output: str


class GoldenDecoded(Struct, frozen=True, kw_only=True):
    """How near two decoded answers must be, for outputs that are rows in the order of close scores or class numbers.

    One quantisation step may change such an output everywhere, and the same things are still found in the same places.
    """

    score: Tolerance
    """Largest difference of a detection's score, or of the share of the picture that a class covers."""
    min_iou: Share = 0.7
    """Of a found box with the known one."""


class Golden(Struct, frozen=True, kw_only=True):
    """Frames with known answers that must come out right on the very device, before the model may serve.

    The member `golden.npz` holds `frames` (N, H, W, 3) uint8 RGB in the model's input size and one array an output,
    named `output:` and the tensor's name, in the model's own dtype. Frames of a model that is fed numbers are (N, K)
    float64: the real values of all its inputs, one after another.
    """

    frames: Positive
    tolerance: Tolerance
    """Largest allowed difference of a real (dequantised) output value: kernels differ by a few quantisation steps."""
    top1: bool = True
    """Whether the first class of every frame must be the expected one."""
    tolerances: dict[str, Tolerance] | UnsetType = UNSET
    """By output, where its numbers are of another kind than the rest: pixels beside scores."""
    decoded: GoldenDecoded | UnsetType = UNSET
    """Where it stands, what outputs decode to is compared, and not their numbers."""


class StageEvidence(Struct, frozen=True, kw_only=True):
    """One stage of the comparison with the source: what it cost to get this far."""

    stage: Words
    """`float`, `emulated`, `kernels` …: in the order in which a model walks through them."""
    ran_on: Words = ""
    """The library and its version, e.g. `ai-edge-litert 2.1.0, XNNPACK`: another one may round otherwise."""
    sqnr_db: float | None = None
    """Signal to quantisation noise over all outputs; None where every number is the source's."""
    correlation: float | None = None
    """Of the outputs, each less its mean: 1 for the same answers. None where it was not measured."""
    agreement: float | None = None
    metric: float | None = None
    """What `Evidence.metric` names, at this stage."""
    low: float | None = None
    high: float | None = None
    """The metric's 95 % interval."""


class Evidence(Struct, frozen=True, kw_only=True):
    """What was measured before the bundle was written, on `pictures` pictures held back from training.

    Fields that came after the first release are left out where nothing is said, so an old manifest is written today as
    it was then.
    """

    pictures: Count = 0
    metric: Words = "accuracy"
    source: float | None = None
    """The metric of the floating-point model this one was made from."""
    artifact: float | None = None
    """The metric of this very file, run by this very code."""
    agreement: float | None = None
    """Share of pictures on which both give the same first answer."""
    low: float | UnsetType = UNSET
    high: float | UnsetType = UNSET
    """The 95 % interval of `artifact`."""
    stages: Annotated[tuple[StageEvidence, ...], Meta(max_length=MOST_STAGES)] | UnsetType = UNSET
    """How the artifact came from the source's answers to its own."""


class Manifest(Struct, frozen=True, kw_only=True):
    """The whole promise. `members` lists every other file except the signature."""

    schema: int = SCHEMA
    name: ModelName
    version: Positive
    """Grows by one a release and is never reused."""
    task: Task
    profile: Words
    format: Format
    model: MemberName
    recipe: Words | UnsetType = UNSET
    """How the file stores its numbers, e.g. `tflite-int8`; a name the converters know, and nothing a device acts on."""
    accelerator: Literal["none", "edgetpu", "cuda"] = "none"
    """What the model file needs; an uncompiled Coral twin needs `none`."""
    security_level: Count = 0
    """Raised by a publisher when earlier bundles turn out to be dangerous. It is no version: an old model that is safe
    keeps its number and its place."""
    security_floor: Count = 0
    """Once this bundle is committed, its device refuses bundles of a lower level, for good."""
    note: Words = ""
    """A plain word for the person who installs it, e.g. that a Coral model still has to be compiled."""
    inputs: tuple[TensorSpec, ...]
    preprocessing: Preprocessing
    outputs: tuple[TensorSpec, ...]
    decoding: Decoding
    states: tuple[State, ...] = ()
    """Inputs that are no picture."""
    labels: tuple[Words, ...] = ()
    """Index is the class number."""
    golden: Golden | None = None
    evidence: Evidence = Evidence()
    lineage: dict[str, str] = {}
    """Digests of what it was made from: `weights`, `dataset`, `calibration`, where known."""
    members: Annotated[tuple[Member, ...], Meta(max_length=MOST_MEMBERS)] = ()

    @property
    def release(self) -> str:
        """`NAME@VERSION`, as results and pages show it."""
        return f"{self.name}@{self.version}"

    @property
    def picture_input(self) -> TensorSpec:
        """The one input that is no state."""
        return self.fed_inputs[0]

    @property
    def fed_inputs(self) -> tuple[TensorSpec, ...]:
        """The inputs that are no state: one, or several where a frame is plain numbers."""
        states = {state.input for state in self.states}
        return tuple(spec for spec in self.inputs if spec.name not in states)

    @property
    def file_name(self) -> str:
        """What the bundle's file is called."""
        return f"{self.name}-{self.version}-{self.profile}.bundle"


def parse(data: bytes, *, where: str) -> Manifest:
    """The manifest in `data`, checked for what single fields cannot say."""
    manifest = from_json(data, Manifest, where=where, error=BundleError, newest_schema=SCHEMA)
    for problem in _contradictions(manifest):
        what = f"the manifest contradicts itself: {plain(problem)}"
        raise BundleError(what, where=where, fix="Convert the model again.")
    return manifest


def _contradictions(manifest: Manifest) -> list[str]:
    names = [member.name for member in manifest.members]
    found = [f"{name!r} is listed twice" for name in {n for n in names if names.count(n) > 1}]
    found += [f"{name!r} is a name of the bundle's own" for name in names if name in RESERVED]
    if manifest.model not in names:
        found.append(f"the model file {manifest.model!r} is not listed")
    if manifest.golden and GOLDEN not in names:
        found.append(f"golden frames are announced and {GOLDEN!r} is not listed")
    if manifest.security_floor > manifest.security_level:
        found.append(f"it asks for security level {manifest.security_floor} and has {manifest.security_level}")
    found += _state_problems(manifest)
    task = TASKS[type(manifest.decoding)]
    if task != manifest.task:
        found.append(f"its task is {manifest.task!r}, and its decoding answers {task!r}")
    shapes = {output.name: output.shape for output in manifest.outputs}
    missing = [name for name in tensors_read(manifest.decoding) if name not in shapes]
    found += [f"decoding reads {name!r}, which is no output" for name in missing]
    return found if missing else found + list(misfits(manifest.decoding, shapes))


def _state_problems(manifest: Manifest) -> list[str]:
    inputs = {spec.name: spec for spec in manifest.inputs}
    outputs = {spec.name: spec for spec in manifest.outputs}
    found = []
    fed = set(inputs) - {state.input for state in manifest.states}
    most = len(inputs) if manifest.preprocessing.of_numbers else 1
    if not 1 <= len(fed) <= most or len(inputs) != len(manifest.inputs):
        states = f", {len(manifest.states)} of them states" if manifest.states else ""
        feed = "numbers" if manifest.preprocessing.of_numbers else "one picture"
        found.append(f"{len(manifest.inputs)} inputs{states}, and {feed} to feed them")
    if manifest.preprocessing.of_numbers and manifest.task not in NUMBER_TASKS:
        found.append(f"it is fed numbers, and its task {manifest.task!r} speaks of places in a picture")
    for state in manifest.states:
        held, source = inputs.get(state.input), outputs.get(state.output)
        if held is None or source is None:
            found.append(f"state {state.input!r} from {state.output!r} names a tensor that is not there")
        elif (held.shape, held.dtype, held.quantization) != (source.shape, source.dtype, source.quantization):
            found.append(f"state {state.input!r} and {state.output!r} differ in shape, type or quantisation")
    return found


def slug(text: str) -> str:
    """`text` as a model name: lower case, everything else turned into single hyphens."""
    return re.sub(r"[^a-z0-9._]+", "-", text.lower()).strip("-._")[:63] or "model"
