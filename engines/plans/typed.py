"""Strongly typed networks: the precision is written into the graph for TensorRT.

fp16 is a graph whose convolutions, and what lies between them, are declared half; nothing is left
to a builder's choice:

- 0..255 never is half. Scaling before the first convolution and after the last stays fp32, and a
  network that works on 0..255 inside is scaled to 0..1 by algebra: ``norm(conv(255 x)) =
  norm(conv(x))`` with bias / 255 and epsilon / 255**2, and ``conv(x) / 255`` is a convolution with
  weights / 255.
- Statistics are fp32: instance normalisation, reductions and whatever feeds a reduction.
- The style vector and its rows are fp32 up to the multiply-add.

int8 keeps the QuantizeLinear/DequantizeLinear pairs of the int8 file. TensorRT reads an unsigned
pair as a signed one, with a warning, and everything above 127 levels would be cut off: unsigned
pairs are made signed ones of the same span here.

fp8 is the int8 graph with its pairs in E4M3 (engines/plans/fp8.py).

One more thing in every precision: TensorRT for RTX has no fp32 matrix product on Turing cards, so
the small one of the style with its rows is written as a sum.

The result is ONNX again, so that any runtime can be asked whether its pictures are still those of
the model file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper

from engines.errors import EngineLoadError
from engines.plans.fp8 import to_fp8

# What a half may hold without a thought: beyond this a value counts as a pixel's.
_NARROW = 16.0
# The smallest normal half; a quantisation step below it would lose its digits.
_SMALLEST_SCALE = 2.0**-14
# QuantizeLinear and DequantizeLinear take half scales from here on.
_HALF_SCALES_OPSET = 19

_MOVES = {
    "Pad",
    "Slice",
    "Gather",
    "Transpose",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
    "Flatten",
    "Identity",
    "Expand",
    "Tile",
}
_MOVES |= {
    "DepthToSpace",
    "SpaceToDepth",
    "Split",
    "Concat",
    "Resize",
    "QuantizeLinear",
    "DequantizeLinear",
}
_ARITHMETIC = {
    "Add",
    "Sub",
    "Mul",
    "Relu",
    "LeakyRelu",
    "PRelu",
    "Sigmoid",
    "Tanh",
    "Clip",
    "Neg",
    "Abs",
    "Min",
    "Max",
}
_POOLS = {"MaxPool", "AveragePool"}
_FLOW = _MOVES | _ARITHMETIC | _POOLS
_CONVOLUTIONS = {"Conv", "ConvTranspose"}
_NORMS = {"InstanceNormalization", "LayerNormalization", "GroupNormalization", "BatchNormalization"}
# Inputs that share the type of the picture; every input where nothing is said.
_TYPED_INPUTS = {
    **dict.fromkeys(
        ("Slice", "Gather", "Reshape", "Squeeze", "Unsqueeze", "Expand", "Tile", "Split", "Resize"),
        (0,),
    ),
    "Pad": (0, 2),
    "QuantizeLinear": (0, 1),
    "DequantizeLinear": (1,),
}

Span = tuple[float, float]


def strongly_typed(model: onnx.ModelProto, precision: str) -> onnx.ModelProto:
    """Return ``model`` with the types of ``precision`` written into it.

    model: the model file's graph, or for "int8" and "fp8" that of its int8 sibling. "fp32" stays
    fp32 everywhere, the others have half wherever it is safe. Inputs and outputs stay as they are.
    Raises EngineLoadError for a weight that a half cannot hold, or a graph with branches.
    """
    typed = onnx.ModelProto()
    typed.CopyFrom(model)
    if precision == "fp32":
        graph = _Graph(typed)
        _spread_products(graph)
        return typed
    if any(
        a.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)
        for n in typed.graph.node
        for a in n.attribute
    ):
        raise EngineLoadError(
            "the network has branches or loops, which have no half-precision form here. "
            "Use --precision fp32."
        )
    if precision in ("int8", "fp8") and typed.opset_import[0].version < _HALF_SCALES_OPSET:
        typed = onnx.version_converter.convert_version(typed, _HALF_SCALES_OPSET)
    del typed.graph.value_info[:]  # what an exporter noted of types does not hold any more
    graph = _Graph(typed)
    graph.drop_passages()
    _spread_products(graph)
    _make_signed(graph)
    _scale_to_one(graph)
    _apply_types(graph, _choose_half(graph))
    graph.drop_unused()
    onnx.checker.check_model(typed, full_check=True)
    return to_fp8(typed) if precision == "fp8" else typed


@dataclass
class _Graph:
    """A graph with what is asked of it often."""

    model: onnx.ModelProto
    stored: dict[str, TensorProto] = field(default_factory=dict)
    """The numbers in the file, by name."""

    def __post_init__(self) -> None:
        graph = self.model.graph
        for node in [n for n in graph.node if n.op_type == "Constant"]:
            value = next((a.t for a in node.attribute if a.name == "value"), None)
            if value is not None:
                tensor = graph.initializer.add()
                tensor.CopyFrom(value)
                tensor.name = node.output[0]
                graph.node.remove(node)
        self.stored = {t.name: t for t in graph.initializer}
        for node in [n for n in graph.node if n.op_type == "Cast" and n.input[0] in self.stored]:
            # Numbers that the file keeps smaller than it computes with them.
            if node.attribute[0].i == TensorProto.FLOAT:
                self.store(node.output[0], self.stored_value(node.input[0]).astype(np.float32))
                graph.node.remove(node)

    @property
    def nodes(self) -> list[NodeProto]:
        """The nodes, in a list of its own."""
        return list(self.model.graph.node)

    def makers(self) -> dict[str, NodeProto]:
        """Return the node that makes each tensor."""
        return {name: node for node in self.nodes for name in node.output}

    def readers(self, name: str) -> list[NodeProto]:
        """Return who reads the values of a tensor; its shape may be read by others."""
        return [n for n in self.nodes if n.op_type != "Shape" and name in n.input]

    def value(self, name: str) -> np.ndarray | None:
        """Return the numbers of a tensor, None if they are computed."""
        return numpy_helper.to_array(self.stored[name]) if name in self.stored else None

    def stored_value(self, name: str) -> np.ndarray:
        """Return the numbers of a tensor. Raises EngineLoadError if they are computed."""
        value = self.value(name)
        if value is None:
            raise EngineLoadError(
                f"the number {name} is computed, not stored: "
                "the network has no half-precision form."
            )
        return value

    def store(self, name: str, value: np.ndarray) -> str:
        """Keep numbers under ``name``, if it is not taken, and return it."""
        if name not in self.stored:
            self.model.graph.initializer.append(numpy_helper.from_array(value, name))
            self.stored[name] = self.model.graph.initializer[-1]
        return name

    def replace_nodes(self, nodes: list[NodeProto]) -> None:
        """Put ``nodes`` in place of all that are there."""
        del self.model.graph.node[:]
        self.model.graph.node.extend(nodes)

    def bypass(self, node: NodeProto, source: str) -> None:
        """Take ``node`` out; whoever read its output reads ``source``."""
        for reader in self.nodes:
            for i, name in enumerate(reader.input):
                if name == node.output[0]:
                    reader.input[i] = source
        self.model.graph.node.remove(node)

    def drop_passages(self) -> None:
        """Take out nodes that change nothing: identities, and casts to float of what is float."""
        types = _element_types(self.model)
        kept = {output.name for output in self.model.graph.output}
        for node in self.nodes:
            to_float = (
                node.op_type == "Cast"
                and node.attribute[0].i == types.get(node.input[0]) == TensorProto.FLOAT
            )
            if (node.op_type == "Identity" or to_float) and node.output[0] not in kept:
                self.bypass(node, node.input[0])

    def drop_unused(self) -> None:
        """Take out the numbers that no node reads."""
        used = {name for node in self.nodes for name in node.input}
        kept = [t for t in self.model.graph.initializer if t.name in used]
        del self.model.graph.initializer[:]
        self.model.graph.initializer.extend(kept)
        del self.model.graph.value_info[:]


def _spread_products(graph: _Graph) -> None:
    """Write ``x @ rows`` of a vector per frame as ``(x[:, :, None] * rows).sum(1)``."""
    nodes: list[NodeProto] = []
    for node in graph.nodes:
        rows = graph.value(node.input[1]) if node.op_type == "MatMul" else None
        if rows is None or rows.ndim != 2 or rows.dtype != np.float32:
            nodes.append(node)
            continue
        column, product, name = (
            f"{node.output[0]}_column",
            f"{node.output[0]}_product",
            node.output[0],
        )
        last, second = (
            graph.store(f"{name}_last", np.array([-1])),
            graph.store(f"{name}_second", np.array([1])),
        )
        nodes += [
            helper.make_node("Unsqueeze", [node.input[0], last], [column]),
            helper.make_node("Mul", [column, node.input[1]], [product]),
            helper.make_node("ReduceSum", [product, second], [name], keepdims=0),
        ]
    graph.replace_nodes(nodes)


def _make_signed(graph: _Graph) -> None:
    """Turn unsigned quantisation pairs with zero point 0 into signed ones of the same span."""
    for node in graph.nodes:
        if node.op_type not in ("QuantizeLinear", "DequantizeLinear") or len(node.input) < 3:
            continue
        zero, scale = graph.value(node.input[2]), graph.value(node.input[1])
        if zero is None or zero.dtype != np.uint8:
            continue
        if zero.any() or scale is None or graph.value(node.input[0]) is not None:
            raise EngineLoadError(
                "the int8 file has unsigned weights or a zero point other than 0. "
                "Write it with `export int8`."
            )
        node.input[1] = graph.store(
            f"{node.input[1]}_signed", (scale * (255 / 127)).astype(np.float32)
        )
        node.input[2] = graph.store(f"{node.input[2]}_signed", np.zeros(zero.shape, np.int8))


def _scale_to_one(graph: _Graph) -> None:
    """Bring a network that works on 0..255 inside to 0..1, exactly.

    What lies around its first and last convolution is scaled.
    """
    makers = graph.makers()
    for node in graph.nodes:
        factor = _read_factor(graph, node)
        if factor is None or node.op_type not in ("Mul", "Div"):
            continue
        source = node.input[0] if graph.value(node.input[0]) is None else node.input[1]
        if factor > _NARROW:
            chain, conv = _follow_down(graph, node.output[0])
            if conv is None:
                continue
            norm = graph.readers(conv.output[0])
            if len(norm) == 1 and norm[0].op_type == "InstanceNormalization":
                _scale_pairs(graph, chain, 1 / factor)
                _scale_bias(graph, conv, 1 / factor)
                _scale_epsilon(norm[0], 1 / factor**2)
                graph.bypass(node, source)
        elif factor < 1 / _NARROW:
            conv = _follow_up(graph, makers, source)
            if conv is not None:
                _scale_weight(graph, makers, conv, factor)
                _scale_bias(graph, conv, factor)
                graph.bypass(node, source)


def _read_factor(graph: _Graph, node: NodeProto) -> float | None:
    """Return the positive number that a Mul or Div multiplies with, None for other nodes."""
    if node.op_type not in ("Mul", "Div"):
        return None
    values = [graph.value(name) for name in node.input]
    numbers = [v for v in values if v is not None and v.size == 1 and v.dtype == np.float32]
    if (
        len(numbers) != 1
        or (node.op_type == "Div" and values[1] is None)
        or float(numbers[0].item()) <= 0
    ):
        return None
    number = float(numbers[0].item())
    return number if node.op_type == "Mul" else 1 / number


def _follow_down(graph: _Graph, name: str) -> tuple[list[NodeProto], NodeProto | None]:
    """Return the nodes that only move the values of ``name``, and the convolution at their end."""
    chain: list[NodeProto] = []
    while True:
        readers = graph.readers(name)
        if len(readers) != 1 or readers[0].input[0] != name:
            return chain, None
        reader = readers[0]
        if reader.op_type == "Conv":
            return chain, reader
        if reader.op_type not in _MOVES - {"Concat", "Split"} or _pads_with_a_number(graph, reader):
            return chain, None
        chain.append(reader)
        name = reader.output[0]


def _follow_up(graph: _Graph, makers: dict[str, NodeProto], name: str) -> NodeProto | None:
    """Return the convolution whose values, only moved since and read once, are ``name``."""
    while name in makers and len(graph.readers(name)) == 1:
        node = makers[name]
        if node.op_type == "Conv":
            return node
        if node.op_type not in _MOVES - {"Concat", "Split", "QuantizeLinear", "DequantizeLinear"}:
            return None
        if _pads_with_a_number(graph, node):
            return None
        name = node.input[0]
    return None


def _pads_with_a_number(graph: _Graph, node: NodeProto) -> bool:
    """Return whether it is a Pad that puts in other than zeros or the picture's own values."""
    mode = next((a.s for a in node.attribute if a.name == "mode"), b"constant")
    if node.op_type != "Pad" or mode != b"constant" or len(node.input) < 3 or not node.input[2]:
        return False
    value = graph.value(node.input[2])
    return value is None or bool(np.any(value))


def _scale_pairs(graph: _Graph, chain: list[NodeProto], factor: float) -> None:
    for node in chain:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            _scale_stored(graph, node, 1, factor)


def _scale_bias(graph: _Graph, conv: NodeProto, factor: float) -> None:
    if len(conv.input) > 2:
        _scale_stored(graph, conv, 2, factor)


def _scale_weight(
    graph: _Graph, makers: dict[str, NodeProto], conv: NodeProto, factor: float
) -> None:
    if conv.input[1] in graph.stored:
        _scale_stored(graph, conv, 1, factor)
    else:  # bytes with a scale
        _scale_stored(graph, makers[conv.input[1]], 1, factor)


def _scale_stored(graph: _Graph, node: NodeProto, index: int, factor: float) -> None:
    value = graph.stored_value(node.input[index])
    node.input[index] = graph.store(
        f"{node.input[index]}_times_{factor:.6g}", (value * factor).astype(value.dtype)
    )


def _scale_epsilon(norm: NodeProto, factor: float) -> None:
    for attribute in norm.attribute:
        if attribute.name == "epsilon":
            attribute.f *= factor
            return
    norm.attribute.append(helper.make_attribute("epsilon", 1e-5 * factor))


def _choose_half(graph: _Graph) -> set[str]:
    """Return the first outputs of the nodes that compute in half."""
    spans = _find_spans(graph)
    makers = graph.makers()
    feeds_reduction = _find_reduced(graph)
    half: set[str] = set()
    safe = {name for name, span in spans.items() if _is_narrow(span)}  # may be cast to half
    for node in graph.nodes:
        inputs = [
            node.input[i] for i in _inputs_of_its_type(node) if node.input[i] not in graph.stored
        ]
        if node.op_type == "DequantizeLinear":
            inputs = [node.input[0]] if node.input[0] in makers else []
        wide = any(
            name in spans and not _is_narrow(spans[name]) for name in (*inputs, *node.output)
        )
        if node.op_type in _CONVOLUTIONS:
            chosen = not wide and (
                makers.get(node.input[0], node).op_type != "DequantizeLinear"
                or node.input[0] in safe
            )
        else:
            chosen = (
                node.op_type in _FLOW
                and not wide
                and any(n in safe for n in inputs)
                and node.output[0] not in feeds_reduction
            )
        if chosen:
            half.add(node.output[0])
        if chosen or (node.op_type in _NORMS and node.input[0] in safe):
            safe.update(node.output)
        weight = makers.get(node.input[1]) if chosen and node.op_type in _CONVOLUTIONS else None
        if weight is not None and weight.op_type == "DequantizeLinear":
            half.add(weight.output[0])
    return half


def _find_spans(graph: _Graph) -> dict[str, Span]:
    """Return between which numbers tensors lie, for those that follow from the frame's bytes."""
    spans: dict[str, Span] = {"frame": (0.0, 255.0)}
    for node in graph.nodes:
        span = _find_span(graph, node, spans)
        if span is not None:
            spans.update(dict.fromkeys(node.output, span))
    return spans


def _find_span(graph: _Graph, node: NodeProto, spans: dict[str, Span]) -> Span | None:
    known = [spans.get(name) or _stored_span(graph, name) for name in node.input]
    first = known[0] if known else None
    if node.op_type in ("Clip", "Sigmoid"):
        if node.op_type == "Sigmoid":
            return 0.0, 1.0
        low, high = (*known[1:3], None, None)[:2]
        return (low[0], high[1]) if low and high else None
    if first is None or node.op_type == "Shape":
        return None
    if node.op_type == "Concat":
        parts = [span for span in known if span is not None]
        whole = min(low for low, _ in parts), max(high for _, high in parts)
        return whole if len(parts) == len(known) else None
    if node.op_type == "Pad":
        return min(first[0], 0.0), max(first[1], 0.0)
    if node.op_type in _MOVES | {"Cast", "Round"}:
        return first if node.input[0] in spans else None
    if node.op_type == "Relu":
        return max(first[0], 0.0), max(first[1], 0.0)
    if node.op_type in ("Add", "Sub", "Mul") and any(name in spans for name in node.input):
        second = known[1]
        if second is not None:
            operation = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply}[node.op_type]
            ends = [float(operation(a, b)) for a in first for b in second]
            return min(ends), max(ends)
    factor = _read_factor(graph, node)
    return (
        (first[0] * factor, first[1] * factor)
        if factor is not None and node.input[0] in spans
        else None
    )


def _stored_span(graph: _Graph, name: str) -> Span | None:
    value = graph.value(name)
    if value is None or value.dtype != np.float32 or not value.size:
        return None
    return float(value.min()), float(value.max())


def _is_narrow(span: Span) -> bool:
    return max(abs(span[0]), abs(span[1])) <= _NARROW


def _find_reduced(graph: _Graph) -> set[str]:
    """Return the tensors that reach a sum or a mean by arithmetic alone, as in a normalisation."""
    feeding: set[str] = set()
    for node in reversed(graph.nodes):
        reduces = node.op_type.startswith(("Reduce", "Global"))
        if reduces or (
            node.op_type in _FLOW | {"Pow", "Sqrt", "Div"} and feeding & set(node.output)
        ):
            feeding.update(node.input)
    return feeding


def _inputs_of_its_type(node: NodeProto) -> list[int]:
    """Return which inputs must have the type that the node computes in."""
    count = len(node.input)
    return [i for i in _TYPED_INPUTS.get(node.op_type, range(count)) if i < count]


def _apply_types(graph: _Graph, half: set[str]) -> None:
    """Declare the types: half numbers for half nodes, a Cast on every edge between the two."""
    types = _element_types(graph.model)
    now = dict(types)
    made: dict[tuple[str, int], str] = {}
    nodes: list[NodeProto] = []
    for node in graph.nodes:
        wanted = TensorProto.FLOAT16 if node.output[0] in half else TensorProto.FLOAT
        if wanted == TensorProto.FLOAT16:
            _halve_stored_inputs(graph, node)
        for i in _inputs_of_its_type(node):
            name = node.input[i]
            is_float = types.get(name, now.get(name)) == TensorProto.FLOAT
            if name in graph.stored or not is_float or now[name] == wanted:
                continue
            if (name, wanted) not in made:
                ending = "half" if wanted == TensorProto.FLOAT16 else "float"
                made[name, wanted] = f"{name}_as_{ending}"
                nodes.append(helper.make_node("Cast", [name], [made[name, wanted]], to=wanted))
            node.input[i] = made[name, wanted]
        for name in node.output:
            if types.get(name) == TensorProto.FLOAT:
                now[name] = wanted
        nodes.append(node)
    graph.replace_nodes(nodes)


def _halve_stored_inputs(graph: _Graph, node: NodeProto) -> None:
    """Give a half node its stored numbers as halves."""
    if node.op_type == "DequantizeLinear" and node.input[0] in graph.stored:
        _keep_scales_normal(graph, node)
    for i in _inputs_of_its_type(node):
        name = node.input[i]
        if name in graph.stored and graph.stored[name].data_type == TensorProto.FLOAT:
            node.input[i] = _store_half(graph, name, scale=node.op_type.endswith("Linear"))


def _store_half(graph: _Graph, name: str, scale: bool) -> str:
    value = graph.stored_value(name)
    largest = float(np.abs(value).max()) if value.size else 0.0
    if not largest <= float(np.finfo(np.float16).max):
        raise EngineLoadError(
            f"the weight {name} goes to {largest:.3g}, more than half precision holds. "
            "Use --precision fp32."
        )
    floor = np.maximum(value, _SMALLEST_SCALE) if scale else value
    return graph.store(f"{name}_as_half", floor.astype(np.float16))


def _keep_scales_normal(graph: _Graph, node: NodeProto) -> None:
    """Give weights with a step too small for half fewer levels of a larger step."""
    levels, scale = graph.stored_value(node.input[0]), graph.stored_value(node.input[1])
    if scale.min() >= _SMALLEST_SCALE:
        return
    axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
    ratio = scale / np.maximum(scale, _SMALLEST_SCALE)
    if ratio.ndim:
        shape = [1] * levels.ndim
        shape[axis] = -1
        ratio = ratio.reshape(shape)
    node.input[0] = graph.store(
        f"{node.input[0]}_coarser", np.round(levels * ratio).astype(levels.dtype)
    )


def _element_types(model: onnx.ModelProto) -> dict[str, int]:
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True).graph
    return {v.name: v.type.tensor_type.elem_type for v in _all_values(inferred)}


def _all_values(graph: onnx.GraphProto) -> Iterator[onnx.ValueInfoProto]:
    yield from graph.input
    yield from graph.value_info
    yield from graph.output
