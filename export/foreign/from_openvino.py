"""Write as ONNX what OpenVINO has read: TFLite, frozen graphs and SavedModels of TensorFlow.

OpenVINO's readers need none of those libraries, and bring all of them to one set of some seventy
operations. Each that a network of pictures has is one entry below; for any other, ExportError names
it. Shapes that depend on the picture stay computed in the graph, so a network that takes any size
still does. Meaning of the operations: OpenVINO's operation sets 1 to 16.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engines.errors import ExportError
from export.fold import drop_unread, evaluate

OPSET = 17
_STEPS_OF_BYTES = 254
_MOST = 2**26  # elements that are computed here rather than in every frame
_SAME = {
    **{name: name for name in ("Add", "Relu", "Sigmoid", "Tanh", "Exp", "Log", "Sqrt", "Abs")},
    **{name: name for name in ("Elu", "Floor", "Sin", "Cos", "Erf", "Mod", "Equal", "Less")},
    **{name: name for name in ("Greater", "PRelu", "Sign", "Mish", "Range", "MatMul")},
    "Subtract": "Sub",
    "Multiply": "Mul",
    "Divide": "Div",
    "Power": "Pow",
    "Negative": "Neg",
    "Maximum": "Max",
    "Minimum": "Min",
    "Ceiling": "Ceil",
    "Select": "Where",
    "SoftPlus": "Softplus",
    "LogicalNot": "Not",
    "LogicalAnd": "And",
    "LessEqual": "LessOrEqual",
    "GreaterEqual": "GreaterOrEqual",
    "HSwish": "HardSwish",
}
_REDUCED = {f"Reduce{name}": f"Reduce{name}" for name in ("Mean", "Max", "Min", "Sum", "Prod")}
_TYPES = {
    "f32": np.float32,
    "f16": np.float16,
    "f64": np.float64,
    "u8": np.uint8,
    "i8": np.int8,
    "i32": np.int32,
    "i64": np.int64,
    "boolean": np.bool_,
}
# Types of elements by the names that OpenVINO's operations give them.
_NAMED = {"float": np.float32, "half": np.float16, "double": np.float64}


def to_onnx(model: Any) -> onnx.ModelProto:
    """Return ``model``, an openvino.Model, as ONNX with the same inputs and outputs.

    Raises ExportError for an operation that is not known here.
    """
    return _Writer(model).write()


class _Writer:
    """One network on its way from OpenVINO to ONNX."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, np.ndarray] = {}
        self._names: dict[tuple[str, int], str] = {}
        self._opsets = [helper.make_opsetid("", OPSET)]
        self._count = 0

    def write(self) -> onnx.ModelProto:
        outputs = []
        for node in self._model.get_ordered_ops():
            kind = node.get_type_name()
            if kind == "Parameter":
                self._names[node.get_name(), 0] = node.get_friendly_name()
            elif kind == "Constant":
                self._names[node.get_name(), 0] = self._constant(_as_known(node.data))
            elif kind == "Result":
                outputs.append((node, self._input(node, 0)))
            else:
                self._write(node, kind)
        return self._as_model(outputs)

    def _as_model(self, outputs: list[tuple[Any, str]]) -> onnx.ModelProto:
        inputs = [
            helper.make_tensor_value_info(
                node.get_friendly_name(),
                _element(node.get_element_type()),
                _lengths(node.output(0)),
            )
            for node in self._model.get_parameters()
        ]
        results = []
        for index, (node, name) in enumerate(outputs):
            self._nodes.append(helper.make_node("Identity", [name], [f"result_{index}"]))
            kind = _element(node.get_element_type())
            results.append(
                helper.make_tensor_value_info(f"result_{index}", kind, _lengths(node.input(0)))
            )
        graph = helper.make_graph(
            self._nodes,
            "network",
            inputs,
            results,
            [numpy_helper.from_array(value, name) for name, value in self._constants.items()],
        )
        model = helper.make_model(graph, opset_imports=self._opsets)
        drop_unread(model)
        return model

    # -- pieces of a graph --

    def _constant(self, value: Any) -> str:
        self._count += 1
        name = f"constant_{self._count}_"
        self._constants[name] = np.asarray(value, order="C")
        return name

    def _node(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        """Add an operation and return its output; what is known is computed at once."""
        self._count += 1
        name = f"{kind}_{self._count}_"
        node = helper.make_node(kind, inputs, [name], **attributes)
        known = evaluate(node, self._constants, self._opsets, _MOST)
        if known is None:
            self._nodes.append(node)
        else:
            self._constants |= known
        return name

    def _input(self, node: Any, index: int) -> str:
        source = node.input_value(index)
        return self._names[source.get_node().get_name(), source.get_index()]

    def _known(self, node: Any, index: int) -> np.ndarray:
        """Return an input that must not depend on the picture."""
        name = self._input(node, index)
        if name not in self._constants:
            raise ExportError(
                f"its operation {node.get_type_name()} is told something by the picture that only "
                "fixed numbers can tell here. Export it to ONNX where it was made."
            )
        return self._constants[name]

    def _write(self, node: Any, kind: str) -> None:
        given = [self._input(node, i) for i in range(node.get_input_size())]
        told = node.get_attributes()
        write: Callable[..., Any] | None = getattr(self, f"_{kind.lower()}", None)
        if kind in _SAME:
            made = self._node(_SAME[kind], given, **_kept(kind, told))
        elif kind in _REDUCED:
            made = self._reduce(kind, given, self._known(node, 1), told)
        elif write:
            made = write(node, given, told)
        else:
            raise ExportError(
                f"it uses the operation {kind}, which is not among those that networks of pictures "
                "have here. Export it to ONNX where it was made."
            )
        for index, name in enumerate(made if isinstance(made, list) else [made]):
            self._names[node.get_name(), index] = name

    # -- arithmetic --

    def _squareddifference(self, _node: Any, given: list[str], _told: dict[str, Any]) -> str:
        difference = self._node("Sub", given)
        return self._node("Mul", [difference, difference])

    def _swish(self, _node: Any, given: list[str], _told: dict[str, Any]) -> str:
        return self._node("Mul", [given[0], self._node("Sigmoid", given[:1])])

    def _clamp(self, node: Any, given: list[str], told: dict[str, Any]) -> str:
        kind = _dtype(node.get_element_type())
        ends = [self._constant(np.array(told[end], kind)) for end in ("min", "max")]
        return self._node("Clip", [given[0], *ends])

    def _convert(self, node: Any, given: list[str], _told: dict[str, Any]) -> str:
        return self._node("Cast", given, to=_element(node.get_element_type()))

    _convertlike = _convert

    def _softmax(self, _node: Any, given: list[str], told: dict[str, Any]) -> str:
        return self._node("Softmax", given, axis=int(told["axis"]))

    def _fakequantize(self, node: Any, given: list[str], told: dict[str, Any]) -> str:
        """Hold a value to its ends and round it to steps.

        The steps of bytes are left out where they are numbers of the picture: they make no two
        runtimes agree (ours by 5/255 on average on Magenta's), and without them the network is what
        it was before it was made smaller.
        """
        low, high, out_low, out_high = (
            self._known(node, i).astype(np.float32) for i in range(1, 5)
        )
        steps = int(told["levels"]) - 1
        if given[0] in self._constants:
            return self._constant(
                _round_to_steps(self._constants[given[0]], low, high, out_low, out_high, steps)
            )
        if low.size == 1 and low == out_low and high == out_high and steps >= _STEPS_OF_BYTES:
            ends = [self._constant(end.reshape(())) for end in (low, high)]
            return self._node("Clip", [given[0], *ends])
        step = (high - low) / steps
        held = self._node("Max", [given[0], self._constant(low)])
        held = self._node("Min", [held, self._constant(high)])
        from_low = self._node("Sub", [held, self._constant(low)])
        rounded = self._node("Round", [self._node("Div", [from_low, self._constant(step)])])
        back = self._node("Mul", [rounded, self._constant((out_high - out_low) / steps)])
        return self._node("Add", [back, self._constant(out_low)])

    # -- convolutions and what takes means --

    def _convolution(self, node: Any, given: list[str], told: dict[str, Any]) -> str:
        return self._node("Conv", given, **_windows(told))

    def _groupconvolution(self, node: Any, given: list[str], told: dict[str, Any]) -> str:
        weight = self._known(node, 1)
        groups, outputs = weight.shape[:2]
        flat = self._constant(weight.reshape(groups * outputs, *weight.shape[2:]))
        return self._node("Conv", [given[0], flat], group=groups, **_windows(told))

    def _convolutionbackpropdata(self, node: Any, given: list[str], told: dict[str, Any]) -> str:
        return self._transposed(node, given, given[1], 1, told)

    def _groupconvolutionbackpropdata(
        self, node: Any, given: list[str], told: dict[str, Any]
    ) -> str:
        weight = self._known(node, 1)
        groups, inputs = weight.shape[:2]
        flat = self._constant(weight.reshape(groups * inputs, *weight.shape[2:]))
        return self._transposed(node, given, flat, groups, told)

    def _transposed(
        self, node: Any, given: list[str], weight: str, groups: int, told: dict[str, Any]
    ) -> str:
        windows = _windows(told)
        kernel = self._constants[weight].shape[2:]
        strides = list(told["strides"])
        if windows.get("auto_pad", "NOTSET").startswith("SAME"):
            # The result is the input times the stride, whatever the size: what TensorFlow means.
            del windows["auto_pad"]
            over = [max(0, k - s) for k, s in zip(kernel, strides, strict=True)]
            less = [max(0, s - k) for k, s in zip(kernel, strides, strict=True)]
            begin = [n // 2 for n in over]
            windows["pads"] = [*begin, *(n - b for n, b in zip(over, begin, strict=True))]
            windows["output_padding"] = less
        elif any(told.get("output_padding", ())):
            windows["output_padding"] = list(told["output_padding"])
        return self._node("ConvTranspose", [given[0], weight], group=groups, **windows)

    def _maxpool(self, _node: Any, given: list[str], told: dict[str, Any]) -> list[str]:
        return [self._node("MaxPool", given, kernel_shape=list(told["kernel"]), **_windows(told))]

    def _avgpool(self, _node: Any, given: list[str], told: dict[str, Any]) -> str:
        return self._node(
            "AveragePool",
            given,
            kernel_shape=list(told["kernel"]),
            count_include_pad=int(not told["exclude-pad"]),
            **_windows(told),
        )

    def _reduce(self, kind: str, given: list[str], axes: np.ndarray, told: dict[str, Any]) -> str:
        keep = int(bool(told["keep_dims"]))
        places = [int(axis) for axis in axes.reshape(-1)]
        if kind == "ReduceSum":
            along = self._constant(np.array(places, np.int64))
            return self._node(kind, [given[0], along], keepdims=keep)
        return self._node(kind, given[:1], axes=places, keepdims=keep)

    def _mvn(self, node: Any, given: list[str], told: dict[str, Any]) -> str:
        axes = [int(axis) for axis in self._known(node, 1).reshape(-1)]
        mean = self._node("ReduceMean", given[:1], axes=axes, keepdims=1)
        centred = self._node("Sub", [given[0], mean])
        if not told["normalize_variance"]:
            return centred
        squares = self._node("Mul", [centred, centred])
        variance = self._node("ReduceMean", [squares], axes=axes, keepdims=1)
        floor = self._constant(np.float32(told["eps"]))
        if str(told["eps_mode"]).lower().endswith("inside_sqrt"):
            deviation = self._node("Sqrt", [self._node("Add", [variance, floor])])
        else:
            deviation = self._node("Add", [self._node("Sqrt", [variance]), floor])
        return self._node("Div", [centred, deviation])

    def _batchnorminference(self, _node: Any, given: list[str], told: dict[str, Any]) -> str:
        picture, scale, shift, mean, variance = given
        return self._node(
            "BatchNormalization",
            [picture, scale, shift, mean, variance],
            epsilon=float(told["epsilon"]),
        )

    # -- shapes --

    def _reshape(self, node: Any, given: list[str], told: dict[str, Any]) -> str:
        allow = int(not told["special_zero"])
        return self._node("Reshape", [given[0], self._whole(given[1])], allowzero=allow)

    def _whole(self, name: str) -> str:
        """Return ``name`` as 64-bit whole numbers, as ONNX wants its shapes and axes."""
        if name in self._constants:
            name = self._constant(self._constants[name].reshape(-1))
        return self._node("Cast", [name], to=TensorProto.INT64)

    def _transpose(self, node: Any, given: list[str], _told: dict[str, Any]) -> str:
        order = [int(axis) for axis in self._known(node, 1).reshape(-1)]
        return self._node("Transpose", given[:1], **({"perm": order} if order else {}))

    def _unsqueeze(self, node: Any, given: list[str], _told: dict[str, Any]) -> str:
        axes = self._known(node, 1).astype(np.int64).reshape(-1)
        return self._node("Unsqueeze", [given[0], self._constant(axes)])

    def _squeeze(self, _node: Any, given: list[str], _told: dict[str, Any]) -> str:
        return self._node("Squeeze", [given[0], *(self._whole(name) for name in given[1:])])

    def _concat(self, _node: Any, given: list[str], told: dict[str, Any]) -> str:
        return self._node("Concat", given, axis=int(told["axis"]))

    def _split(self, node: Any, given: list[str], told: dict[str, Any]) -> list[str]:
        return self._parts(node, given[:1], int(told["num_splits"]))

    def _variadicsplit(self, node: Any, given: list[str], _told: dict[str, Any]) -> list[str]:
        return self._parts(node, [given[0], self._whole(given[2])], node.get_output_size())

    def _parts(self, node: Any, given: list[str], count: int) -> list[str]:
        self._count += 1
        names = [f"Split_{self._count}_{i}" for i in range(count)]
        axis = int(self._known(node, 1).reshape(-1)[0])
        self._nodes.append(helper.make_node("Split", given, names, axis=axis))
        return names

    def _shapeof(self, node: Any, given: list[str], _told: dict[str, Any]) -> str:
        shape = self._node("Shape", given)
        return self._node("Cast", [shape], to=_element(node.get_element_type()))

    def _gather(self, node: Any, given: list[str], told: dict[str, Any]) -> str:
        if int(told.get("batch_dims", 0)):
            raise ExportError("it gathers within batches, which is not known here.")
        return self._node("Gather", given[:2], axis=int(self._known(node, 2).reshape(-1)[0]))

    def _broadcast(self, _node: Any, given: list[str], _told: dict[str, Any]) -> str:
        return self._node("Expand", [given[0], self._whole(given[1])])

    def _tile(self, _node: Any, given: list[str], _told: dict[str, Any]) -> str:
        return self._node("Tile", [given[0], self._whole(given[1])])

    def _pad(self, node: Any, given: list[str], told: dict[str, Any]) -> str:
        mode = {"symmetric": ""}.get(told["pad_mode"], told["pad_mode"])
        if not mode:
            raise ExportError("it pads with a mirror that repeats the border, unknown to ONNX.")
        amounts = self._node("Concat", [self._whole(name) for name in given[1:3]], axis=0)
        return self._node("Pad", [given[0], amounts, *given[3:4]], mode=mode)

    def _stridedslice(self, node: Any, given: list[str], told: dict[str, Any]) -> str:
        """Slice as NumPy does with begin and end masks; axes that are squeezed are."""
        rank = node.input(0).get_partial_shape().rank.get_length()
        count = len(self._known(node, 3)) if len(given) > 3 else len(told["begin_mask"])
        masks = {
            name: [*map(int, told[f"{name}_mask"]), *[0] * (rank + count)]
            for name in ("begin", "end", "shrink_axis", "new_axis", "ellipsis")
        }
        if any(masks["new_axis"]) or any(masks["ellipsis"]):
            raise ExportError("it slices with new axes, which is not known here.")
        strides = self._known(node, 3) if len(given) > 3 else np.ones(count, np.int64)
        begin = self._masked(given[1], masks["begin"][:count], np.where(strides < 0, 2**31 - 1, 0))
        last = np.where(strides < 0, -(2**31), 2**31 - 1)
        end = self._masked(given[2], masks["end"][:count], last)
        axes, steps = np.arange(count), strides.astype(np.int64)
        squeezed = [axis for axis in range(count) if masks["shrink_axis"][axis]]
        if squeezed and given[1] in self._constants:
            # x[-1] ends behind the last, not at 0.
            first = self._constants[given[1]].astype(np.int64)
            stop = self._constants[end].copy() if end in self._constants else None
            if stop is not None:
                for axis in squeezed:
                    stop[axis] = first[axis] + 1 if first[axis] != -1 else 2**31 - 1
                end = self._constant(stop)
        cut = [given[0], begin, end, self._constant(axes), self._constant(steps)]
        made = self._node("Slice", cut)
        if not squeezed:
            return made
        return self._node("Squeeze", [made, self._constant(np.array(squeezed, np.int64))])

    def _masked(self, name: str, mask: list[int], instead: np.ndarray) -> str:
        """Return the numbers of ``name``, and ``instead`` where ``mask`` is set."""
        whole = self._whole(name)
        if whole in self._constants:
            return self._constant(np.where(mask, instead, self._constants[whole]).astype(np.int64))
        if not any(mask):
            return whole
        given = [self._constant(np.array(mask, bool)), self._constant(instead.astype(np.int64))]
        return self._node("Where", [*given, whole])

    def _slice(self, node: Any, given: list[str], _told: dict[str, Any]) -> str:
        begin, end, step = (self._whole(name) for name in given[1:4])
        axes = [self._whole(name) for name in given[4:5]] or [
            self._constant(np.arange(len(self._known(node, 3))))
        ]
        return self._node("Slice", [given[0], begin, end, *axes, step])

    def _interpolate(self, node: Any, given: list[str], told: dict[str, Any]) -> str:
        """Resize: to sizes or by scales, along the axes that the operation names."""
        mode = {"nearest": "nearest", "cubic": "cubic"}.get(told["mode"], "linear")
        corners = told["coordinate_transformation_mode"]
        how = {
            "mode": mode,
            "coordinate_transformation_mode": corners,
            "nearest_mode": {"simple": "floor"}.get(told["nearest_mode"], told["nearest_mode"]),
            **({"cubic_coeff_a": float(told["cube_coeff"])} if mode == "cubic" else {}),
        }
        if corners == "tf_half_pixel_for_nn":
            how |= {"coordinate_transformation_mode": "half_pixel", "nearest_mode": "floor"}
        rank = node.input(0).get_partial_shape().rank.get_length()
        # Version 4 has sizes, scales and axes; version 11 one of sizes and scales, and axes.
        newer = node.get_type_info().version_id == "opset11"
        by_sizes = told["shape_calculation_mode"] == "sizes"
        numbers = given[1] if newer or by_sizes else given[2]
        place = 2 if newer else 3
        axes = (
            [int(axis) % rank for axis in self._known(node, place).reshape(-1)]
            if len(given) > place
            else list(range(rank))
        )
        if by_sizes:
            shape = self._node("Shape", given[:1])
            parts = [
                self._pick(self._whole(numbers), axes.index(axis))
                if axis in axes
                else self._pick(shape, axis)
                for axis in range(rank)
            ]
            sizes = self._node("Concat", parts, axis=0)
            return self._node("Resize", [given[0], "", "", sizes], **how)
        scales = np.ones(rank, np.float32)
        scales[axes] = self._constants[numbers].reshape(-1)
        return self._node("Resize", [given[0], "", self._constant(scales)], **how)

    def _pick(self, name: str, index: int) -> str:
        """Return one number of a row, as a row."""
        return self._node("Gather", [name, self._constant(np.array([index], np.int64))], axis=0)

    def _depthtospace(self, _node: Any, given: list[str], told: dict[str, Any]) -> str:
        mode = "DCR" if told["mode"] == "blocks_first" else "CRD"
        return self._node("DepthToSpace", given, blocksize=int(told["block_size"]), mode=mode)


def _as_known(value: np.ndarray) -> np.ndarray:
    """Return a constant in a type that ONNX has."""
    return value if value.dtype in _TYPES.values() else value.astype(np.float32)


def _dtype(kind: Any) -> Any:
    return kind.to_dtype().type


def _element(kind: Any) -> int:
    return helper.np_dtype_to_tensor_dtype(np.dtype(_dtype(kind)))


def _lengths(port: Any) -> list[int | str]:
    """Return a shape, with a letter of its own for every length that may change."""
    return [
        length.get_length() if length.is_static else f"length_{axis}"
        for axis, length in enumerate(port.get_partial_shape())
    ]


def _kept(kind: str, told: dict[str, Any]) -> dict[str, Any]:
    if kind == "MatMul" and (told["transpose_a"] or told["transpose_b"]):
        raise ExportError("it multiplies transposed matrices, which is not known here.")
    return {"alpha": float(told["alpha"])} if kind == "Elu" else {}


def _windows(told: dict[str, Any]) -> dict[str, Any]:
    """Return strides, dilations and padding of a convolution or a pool."""
    kept: dict[str, Any] = {"strides": list(told["strides"])}
    if "dilations" in told:
        kept["dilations"] = list(told["dilations"])
    automatic = str(told.get("auto_pad", "explicit")).lower()
    if automatic == "same_upper":
        return {**kept, "auto_pad": "SAME_UPPER"}
    if automatic == "same_lower":
        return {**kept, "auto_pad": "SAME_LOWER"}
    if automatic == "valid":
        return kept
    return {**kept, "pads": [*told["pads_begin"], *told["pads_end"]]}


def _round_to_steps(
    value: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    out_low: np.ndarray,
    out_high: np.ndarray,
    steps: int,
) -> np.ndarray:
    held = np.clip(value.astype(np.float32), low, high)
    rounded = np.round((held - low) / (high - low) * steps) / steps
    stepped: np.ndarray = (rounded * (out_high - out_low) + out_low).astype(np.float32)
    return stepped
