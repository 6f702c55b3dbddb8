"""From a fp32 model file to its int8 sibling.

QuantizeLinear and DequantizeLinear come around the convolutions' inputs. Symmetric with zero points
0, because that is what every runtime takes; weights per output channel and in 7 bits, because
products of unsigned and signed bytes saturate in 16 bits on CPUs without VNNI. Everything between
the convolutions (style, residual sums, output) stays fp32. The weights of `fast` are trained on
these steps, so they lose nothing here. Source of the scheme: Jacob et al. 2018; clipping by least
squared error.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engines.errors import ExportError
from engines.networks.layers import WEIGHT_LEVELS
from export.fold import drop_unread
from export.halves import restore_halves
from export.to_onnx import describe


def quantise(source: Path, target: Path, inputs: Iterable[dict[str, np.ndarray]]) -> None:
    """Write the int8 sibling of the model file ``source``.

    inputs: to calibrate on, by name, for one frame each.

    Raises ExportError if the network has no convolutions to quantise.
    """
    model = onnx.load(str(source))
    restore_halves(model)
    _inline_identities(model)
    convs = [node for node in model.graph.node if node.op_type == "Conv"]
    if not convs:
        raise ExportError(
            f"{source}: has no convolutions between the first and the last to quantise"
        )
    # In front of the padding: bytes are padded faster than floats, and the rounding fuses with what
    # comes before.
    readers = [_reader(model, node) for node in convs]
    read = list(dict.fromkeys(node.input[0] for node in readers))
    scales = _activation_scales(model, read, inputs)
    metadata = {p.key: p.value for p in model.metadata_props}
    reading, convolving = ({node.name for node in group} for group in (readers, convs))
    nodes: list[onnx.NodeProto] = []
    quantised = {name: _activation_pair(model, name, *scales[name]) for name in read}
    ready: set[str] = set()
    for node in model.graph.node:
        if node.name in reading:
            name = node.input[0]
            if name not in ready:
                nodes += quantised[name]
                ready.add(name)
            node.input[0] = f"{name}_dequantised"
        if node.name in convolving:
            nodes.append(_weight_dequantiser(model, node))
        nodes.append(node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    drop_unread(model)
    onnx.save(model, str(target))
    describe(target, {**metadata, "precision": "int8"})


def _reader(model: onnx.ModelProto, conv: onnx.NodeProto) -> onnx.NodeProto:
    """Return the convolution's padding, which a transposition may part from it.

    If nothing is padded, that is the convolution itself.
    """
    makers = {node.output[0]: node for node in model.graph.node}
    first = conv
    while first.op_type != "Pad":
        maker = makers.get(first.input[0])
        if maker is None or maker.op_type not in ("Transpose", "Pad"):
            return conv
        first = maker
    return first


def _activation_scales(
    model: onnx.ModelProto, names: list[str], inputs: Iterable[dict[str, np.ndarray]]
) -> dict[str, tuple[float, bool]]:
    """Return for each tensor the scale of one level, and whether it is signed.

    The scale has the least squared error over the inputs.
    """
    import onnxruntime

    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    probe.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names
    )
    session = onnxruntime.InferenceSession(
        probe.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    limits = np.zeros(len(names))
    signed = np.zeros(len(names), bool)
    kept: list[list[np.ndarray]] = [[] for _ in names]
    random = np.random.default_rng(0)
    for given in inputs:
        for i, values in enumerate(session.run(names, given)):
            flat = values.ravel()
            signed[i] |= flat.min() < 0
            limits[i] = max(limits[i], np.abs(flat).max())
            kept[i].append(np.abs(flat[random.integers(flat.size, size=min(flat.size, 40_000))]))
    return {
        name: (
            _best_scale(np.concatenate(kept[i]), limits[i], 127 if signed[i] else 255),
            bool(signed[i]),
        )
        for i, name in enumerate(names)
    }


def _best_scale(values: np.ndarray, limit: float, levels: int) -> float:
    """Return the step that loses least.

    Clipping the rare largest values for finer steps pays until it costs more than it gives.
    """
    best = (np.inf, limit / levels)
    for share in np.linspace(0.3, 1.0, 36):
        step = max(limit * share / levels, 1e-12)
        error = np.square(values - np.clip(np.round(values / step), 0, levels) * step).mean()
        best = min(best, (float(error), float(step)))
    return best[1]


def _activation_pair(
    model: onnx.ModelProto, name: str, scale: float, signed: bool
) -> list[onnx.NodeProto]:
    zero = np.array(0, np.int8 if signed else np.uint8)
    _constant(model, f"{name}_scale", np.array(scale, np.float32))
    _constant(model, f"{name}_zero", zero)
    bounds = [f"{name}_scale", f"{name}_zero"]
    return [
        helper.make_node("QuantizeLinear", [name, *bounds], [f"{name}_quantised"]),
        helper.make_node(
            "DequantizeLinear", [f"{name}_quantised", *bounds], [f"{name}_dequantised"]
        ),
    ]


def _weight_dequantiser(model: onnx.ModelProto, conv: onnx.NodeProto) -> onnx.NodeProto:
    """Replace the convolution's fp32 weight by bytes, with a scale for each output channel.

    Returns the node that turns them back into floats.
    """
    stored = next((t for t in model.graph.initializer if t.name == conv.input[1]), None)
    if stored is None:
        raise ExportError(
            f"the weight {conv.input[1]} is computed, not stored: it cannot be quantised"
        )
    weight = numpy_helper.to_array(stored)
    scale = np.maximum(np.abs(weight).max((1, 2, 3)), 1e-12) / WEIGHT_LEVELS
    levels = np.clip(
        np.round(weight / scale[:, None, None, None]), -WEIGHT_LEVELS, WEIGHT_LEVELS
    ).astype(np.int8)
    name = f"{conv.name}_weight"
    _constant(model, f"{name}_quantised", levels)
    _constant(model, f"{name}_scale", scale.astype(np.float32))
    _constant(model, f"{name}_zero", np.zeros(len(scale), np.int8))
    conv.input[1] = f"{name}_dequantised"
    parts = [f"{name}_quantised", f"{name}_scale", f"{name}_zero"]
    return helper.make_node("DequantizeLinear", parts, [f"{name}_dequantised"], axis=0)


def _inline_identities(model: onnx.ModelProto) -> None:
    """Let nodes read initializers directly instead of through an Identity.

    The exporter puts one between where it merges equal initializers.
    """
    stored = {t.name for t in model.graph.initializer}
    merged = {
        n.output[0]: n.input[0]
        for n in model.graph.node
        if n.op_type == "Identity" and n.input[0] in stored
    }
    kept = [
        node
        for node in model.graph.node
        if not (node.op_type == "Identity" and node.output[0] in merged)
    ]
    for node in kept:
        for i, name in enumerate(node.input):
            node.input[i] = merged.get(name, name)
    del model.graph.node[:]
    model.graph.node.extend(kept)


def _constant(model: onnx.ModelProto, name: str, value: np.ndarray) -> None:
    model.graph.initializer.append(numpy_helper.from_array(value, name))
