"""A foreign `.onnx` file as ours are: one fixed size with batch 1, an opset its readers know, outputs as the source's.

Runs inside `converters.worker` only. PyTorch exports leave the batch open, old files list weights among their inputs,
and few say the size of what they answer. Operators are changed only where the opset must be.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from contract.errors import ModelError
from converters.feeds import picture_name
from converters.onnx_audit import audit
from converters.onnx_canonical import canonical
from converters.onnx_constants import unshare
from converters.onnx_form import OLDEST_OPSET, OnnxForm
from converters.onnx_refusals import REFUSALS

_FIX = "Export the model with fixed sizes and a plain opset, such as 17."
_NUMPY = {"tensor(float)": np.float32, "tensor(uint8)": np.uint8, "tensor(int8)": np.int8}


def still(
    path: Path, picture: Sequence[int], outputs: Sequence[str], states: Sequence[Any], form: OnnxForm, *, where: str
) -> bytes:
    """The model in `path` with every size fixed: float32 or QDQ int8, as it is, in canonical form.

    `picture` is the shape without batch of what it will be fed; `outputs` are its output names in the order wanted.
    Raises ModelError for a file onnx or onnxruntime cannot use, for weights that lie in another file, for other
    outputs, and for a size that stays open.
    """
    try:
        model = onnx.load(str(path))
        _drop_weights_from_inputs(model.graph)
        given = picture_name([value.name for value in model.graph.input], states)
        _fix_sizes(model.graph, given, picture, where)
        model = _folded(model)
        _drop_identities(model.graph)
        model = _within(model, form, where)
        _order_outputs(model.graph, outputs, where)
        _say_answers(model)
    except (*REFUSALS, OSError, RuntimeError, ValueError) as problem:
        sentence = " ".join(str(problem).split())[:300]
        raise ModelError(f"onnx cannot use it: {sentence}", where=where, fix=_FIX) from problem
    names = [value.name for value in model.graph.input]
    quantised = any(node.op_type == "DequantizeLinear" for node in model.graph.node)
    if quantised:
        unshare(model.graph)
    made = canonical(model, inputs=names, outputs=outputs, where=where)
    # Which operators a foreign int8 file quantises is its own affair; that it is static and standard is ours.
    everything = [node.name for node in made.graph.node]
    audit(made, "onnx-int8" if quantised else "onnx-float32", where=where, kept_float=everything if quantised else ())
    return bytes(made.SerializeToString(deterministic=True))


def _drop_weights_from_inputs(graph: Any) -> None:
    """IR 3 and older list every weight as an input with a default."""
    weights = {tensor.name for tensor in graph.initializer}
    kept = [value for value in graph.input if value.name not in weights]
    del graph.input[:]
    graph.input.extend(kept)


def _fix_sizes(graph: Any, given: str, picture: Sequence[int], where: str) -> None:
    """Batch 1, and the picture's own sizes where the file leaves them open; what it says of others is forgotten."""
    for value in graph.input:
        dimensions = value.type.tensor_type.shape.dim
        known = (1, *picture) if value.name == given else (1,)
        if value.name == given and len(dimensions) != len(known):
            raise ModelError(
                f"its input {given!r} has {len(dimensions)} axes, pictures {len(known)}", where=where, fix=_FIX
            )
        for place, dimension in enumerate(dimensions):
            if dimension.dim_value < 1 and place >= len(known):
                raise ModelError(f"input {value.name!r} has no fixed size", where=where, fix=_FIX)
            if dimension.dim_value < 1:
                dimension.dim_value = known[place]
        if dimensions[0].dim_value != 1:
            raise ModelError(
                f"input {value.name!r} takes {dimensions[0].dim_value} pictures at a time", where=where, fix=_FIX
            )
    del graph.value_info[:]
    for value in graph.output:
        value.type.tensor_type.ClearField("shape")


def _within(model: Any, form: OnnxForm, where: str) -> Any:
    """With an opset between the oldest we write and the newest its readers know."""
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    wanted = min(max(opset, OLDEST_OPSET), form.opset)
    if wanted == opset:
        return model
    model.ir_version = max(model.ir_version, 4)  # the checker of older ones wants weights among the inputs
    try:
        return onnx.version_converter.convert_version(model, wanted)
    except (RuntimeError, *REFUSALS) as problem:
        if wanted < opset and _means_the_same(model, wanted):
            return _declared(model, wanted)
        what = f"opset {opset} cannot become {wanted}, which its readers know: {' '.join(str(problem).split())[:200]}"
        raise ModelError(what, where=where, fix=f"Export the model with opset {wanted}.") from problem


def _declared(model: Any, opset: int) -> Any:
    """A copy that says it keeps to `opset`."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.opset_import[:]
    copy.opset_import.append(onnx.helper.make_opsetid("", opset))
    return copy


def _means_the_same(model: Any, opset: int) -> bool:
    """Whether `opset` reads these very nodes alike: most newer versions of an operator only take more types.

    onnx's converter has no way down for many of them (ReLU among them). The older standard must know every attribute
    and type, and the answers to noise must be equal to the bit.
    """
    older = _declared(model, opset)
    try:
        _say_answers(older)
        onnx.checker.check_model(older, full_check=True)
        pairs = zip(_answers(model, seed=1), _answers(older, seed=1), strict=True)
        return all(np.array_equal(new, old, equal_nan=True) for new, old in pairs)
    except REFUSALS:
        return False


def _folded(model: Any) -> Any:
    """With what is constant once sizes are fixed computed beforehand, where the graph asks for sizes at all."""
    if not any(node.op_type in ("Shape", "Size", "ConstantOfShape") for node in model.graph.node):
        return model
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as scratch:
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = str(Path(scratch, "folded.onnx"))
        options.log_severity_level = 3
        # Its own fusions beyond folding would bring operators of its own.
        off = ["ConstantSharing"]
        onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"], disabled_optimizers=off
        )
        return onnx.load(options.optimized_model_filepath)


def _drop_identities(graph: Any) -> None:
    """Second names of one tensor, which PyTorch writes by the hundred, but for those of outputs."""
    ends = {value.name for value in graph.output}
    instead: dict[str, str] = {}
    kept = []
    for node in graph.node:
        node.input[:] = [instead.get(name, name) for name in node.input]
        if node.op_type == "Identity" and node.output[0] not in ends:
            instead[node.output[0]] = node.input[0]
        else:
            kept.append(node)
    del graph.node[:]
    graph.node.extend(kept)


def _order_outputs(graph: Any, outputs: Sequence[str], where: str) -> None:
    there = {value.name: value for value in graph.output}
    if unknown := [name for name in outputs if name not in there]:
        raise ModelError(f"it has no output {unknown[0]!r}", where=where, fix=f"Its outputs are: {', '.join(there)}")
    del graph.output[:]
    graph.output.extend(there[name] for name in outputs)


def _say_answers(model: Any) -> None:
    """Types and sizes of the outputs, from one run on zeros: inference of shapes gives up at the first surprise."""
    for value, answer in zip(model.graph.output, _answers(model), strict=True):
        kind = onnx.helper.np_dtype_to_tensor_dtype(answer.dtype)
        value.CopyFrom(onnx.helper.make_tensor_value_info(value.name, kind, answer.shape))


def _answers(model: Any, *, seed: int | None = None) -> list[NDArray[Any]]:
    """To zeros, or to noise."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    draw = np.random.default_rng(seed)
    feed = {}
    for value in session.get_inputs():
        numbers = np.zeros(value.shape) if seed is None else draw.random(value.shape)
        feed[value.name] = numbers.astype(_NUMPY.get(value.type, np.float32))
    return list(session.run(None, feed))
