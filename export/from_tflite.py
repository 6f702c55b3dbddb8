"""Turn the small networks of MediaPipe into ONNX: what finds people and faces in a picture.

Only the operations that those have are known; for any other, ExportError names it. TFLite's layout
of pictures, (N, H, W, C), becomes ONNX's inside; inputs and outputs keep theirs.

Numbers of fields and operations: TensorFlow Lite's schema, version 3.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engines.errors import ExportError
from export.beside import beside

_OPSET = 17
# What reading a buffer of anything else may end in.
_BROKEN = (ValueError, TypeError, IndexError, KeyError, AttributeError, struct.error)
_TYPES = {0: np.float32, 1: np.float16, 2: np.int32, 9: np.int8, 3: np.uint8}
_BUILTINS = dict(
    (
        *((0, "add"), (1, "average_pool"), (2, "concat"), (3, "conv"), (4, "depthwise")),
        *((6, "dequantize"), (14, "logistic"), (17, "max_pool"), (18, "mul"), (19, "relu")),
        *((21, "relu6"), (22, "reshape"), (23, "resize"), (34, "pad"), (40, "mean")),
        (117, "hard_swish"),
    )
)
_TRANSPOSED = "Convolution2DTransposeBias"  # MediaPipe's own
_ACTIVATIONS = {0: None, 1: "relu", 3: "relu6"}
_TO_CHANNELS_FIRST, _TO_CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)


def convert_tflite(source: Path, target: Path) -> None:
    """Write ``target`` (.onnx) with the same inputs and outputs as ``source`` (.tflite).

    Where it comes from is kept in its metadata. Raises ExportError for a file that is no TFLite
    model, and for an operation that is not known.
    """
    try:
        graph = _Graph(source.read_bytes())
        graph.convert()
    except (OSError, *_BROKEN) as error:
        raise ExportError(
            f"{source}: is not a TFLite model that can be converted ({error!r}). Convertible are "
            "selfie_segmentation.tflite and face_detection_short_range.tflite of MediaPipe."
        ) from error
    model = graph.as_model()
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    helper.set_model_props(model, {"source": source.name, "source_sha256": digest})
    onnx.checker.check_model(model, full_check=True)
    with beside(target) as folder:
        onnx.save(model, folder / target.name)
        (folder / target.name).replace(target)


class Table:
    """A table of a flat buffer, whose fields are read by their number."""

    def __init__(self, data: bytes, position: int | None = None) -> None:
        from flatbuffers import Table as Fields
        from flatbuffers.encode import Get
        from flatbuffers.number_types import UOffsetTFlags

        start = Get(UOffsetTFlags.packer_type, data, 0) if position is None else position
        self._data, self._table = data, Fields(data, start)

    def number(self, field: int, kind: str, default: int = 0) -> int:
        """Return a number; ``kind``: as flatbuffers names it, such as "Int32"."""
        from flatbuffers import number_types

        flags = getattr(number_types, f"{kind}Flags")
        return self._table.GetSlot(4 + 2 * field, default, flags)

    def text(self, field: int) -> str:
        """Return a text, "" where there is none."""
        offset = self._table.Offset(4 + 2 * field)
        return self._table.String(offset + self._table.Pos).decode() if offset else ""

    def table(self, field: int) -> Table:
        """Return a table within this one. Raises ValueError where there is none."""
        offset = self._table.Offset(4 + 2 * field)
        if not offset:
            raise ValueError(f"there is no field {field}")
        return Table(self._data, self._table.Indirect(offset + self._table.Pos))

    def tables(self, field: int) -> list[Table]:
        """Return a row of tables."""
        offset = self._table.Offset(4 + 2 * field)
        if not offset:
            return []
        start, count = self._table.Vector(offset), self._table.VectorLen(offset)
        return [Table(self._data, self._table.Indirect(start + 4 * n)) for n in range(count)]

    def array(self, field: int, dtype: Any) -> np.ndarray:
        """Return a row of numbers, (n,) of ``dtype``."""
        offset = self._table.Offset(4 + 2 * field)
        if not offset:
            return np.zeros(0, dtype)
        start, count = self._table.Vector(offset), self._table.VectorLen(offset)
        return np.frombuffer(self._data, dtype, count, start)


@dataclass(frozen=True)
class _Operation:
    kind: str
    inputs: list[int]
    outputs: list[int]
    options: Table | None
    custom: np.ndarray


class _Graph:
    """One network on its way from TFLite to ONNX."""

    def __init__(self, data: bytes) -> None:
        if data[4:8] != b"TFL3":
            raise ValueError("it does not begin like one")
        model = Table(data)
        self._codes = model.tables(1)
        (graph,) = model.tables(2)
        self._buffers = model.tables(4)
        self._tensors = graph.tables(0)
        self._inputs, self._outputs = graph.array(1, np.int32), graph.array(2, np.int32)
        self._operations = [self._read(operation) for operation in graph.tables(3)]
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}
        self._known: dict[int, np.ndarray] = {}

    def _read(self, operation: Table) -> _Operation:
        code = self._codes[operation.number(0, "Uint32")]
        builtin = max(code.number(0, "Int8"), code.number(3, "Int32"))
        kind = code.text(1) if builtin == 32 else _BUILTINS.get(builtin)
        if kind is None or (builtin == 32 and kind != _TRANSPOSED):
            raise ValueError(f"operation {kind or builtin} is not known")
        return _Operation(
            kind,
            operation.array(1, np.int32).tolist(),
            operation.array(2, np.int32).tolist(),
            operation.table(4) if operation.number(3, "Uint8") else None,
            operation.array(5, np.uint8),
        )

    def convert(self) -> None:
        """Make the nodes of all operations."""
        for number in self._inputs:
            self._node("Transpose", [f"in{number}"], f"t{number}", perm=_TO_CHANNELS_FIRST)
        for operation in self._operations:
            getattr(self, f"_{operation.kind}".replace(_TRANSPOSED, "transposed"))(operation)
        for number in self._outputs:
            if len(self._shape(number)) == 4:
                self._node("Transpose", [f"t{number}"], f"out{number}", perm=_TO_CHANNELS_LAST)
            else:
                self._node("Identity", [f"t{number}"], f"out{number}")

    def as_model(self) -> onnx.ModelProto:
        """Return what was converted."""

        def value(prefix: str, number: int) -> onnx.ValueInfoProto:
            return helper.make_tensor_value_info(
                f"{prefix}{number}", TensorProto.FLOAT, self._shape(number)
            )

        graph = helper.make_graph(
            self._nodes,
            "from_tflite",
            [value("in", number) for number in self._inputs],
            [value("out", number) for number in self._outputs],
            list(self._constants.values()),
        )
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=9
        )

    def _shape(self, number: int) -> list[int]:
        return self._tensors[number].array(0, np.int32).tolist()

    def _value(self, number: int) -> np.ndarray | None:
        """Return the value of a constant; None for what is computed."""
        if number in self._known:
            return self._known[number]
        tensor = self._tensors[number]
        content = self._buffers[tensor.number(2, "Uint32")].array(0, np.uint8)
        if not content.size:
            return None
        return content.view(_TYPES[tensor.number(1, "Int8")]).reshape(self._shape(number))

    def _name(self, number: int) -> str:
        """Return the name of what is computed, or of a constant, which is put into the graph."""
        value = self._value(number)
        if value is None:
            return f"t{number}"
        value = value.astype(np.float32)
        if value.ndim == 4:
            value = value.transpose(_TO_CHANNELS_FIRST)
        elif value.ndim == 1 and value.size > 1:
            value = value.reshape(1, -1, 1, 1)
        return self._constant(f"c{number}", value)

    def _constant(self, name: str, value: np.ndarray) -> str:
        self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def _node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> None:
        self._nodes.append(helper.make_node(kind, inputs, [output], output, **attributes))

    def _emit(
        self, operation: _Operation, kind: str, inputs: list[str], act: int = 0, **attributes: Any
    ) -> None:
        """Make the node of ``operation``, and behind it what activates it. act: TFLite's number."""
        target, activation = f"t{operation.outputs[0]}", _ACTIVATIONS[act]
        self._node(kind, inputs, f"{target}_before" if activation else target, **attributes)
        if activation:
            self._activate(activation, f"{target}_before", target)

    def _activate(self, kind: str, source: str, target: str) -> None:
        if kind == "relu6":
            low, high = (self._constant(f"limit{n}", np.array(n, np.float32)) for n in (0, 6))
            self._node("Clip", [source, low, high], target)
        else:
            self._node("Relu", [source], target)

    def _pads(
        self, operation: _Operation, kernel: tuple[int, ...], strides: list[int]
    ) -> list[int]:
        """Return ONNX's pads of TFLite's SAME; none of its VALID."""
        if _options(operation).number(0, "Int8") == 1:
            return [0, 0, 0, 0]
        lengths = self._shape(operation.inputs[0])[1:3]
        missing = [
            max((-(-length // stride) - 1) * stride + side - length, 0)
            for length, side, stride in zip(lengths, kernel, strides, strict=True)
        ]
        return [*(n // 2 for n in missing), *(n - n // 2 for n in missing)]

    def _convolve(self, operation: _Operation, weights: np.ndarray, group: int, act: int) -> None:
        options, output = _options(operation), operation.outputs[0]
        strides = [options.number(2, "Int32"), options.number(1, "Int32")]
        bias = np.asarray(self._value(operation.inputs[2]), np.float32)
        names = [
            self._name(operation.inputs[0]),
            self._constant(f"w{output}", weights),
            self._constant(f"b{output}", bias),
        ]
        pads = self._pads(operation, weights.shape[2:], strides)
        act = options.number(act, "Int8")
        self._emit(operation, "Conv", names, act, strides=strides, pads=pads, group=group)

    def _weights(self, operation: _Operation) -> np.ndarray:
        return np.asarray(self._value(operation.inputs[1]), np.float32)

    def _conv(self, operation: _Operation) -> None:
        self._convolve(operation, self._weights(operation).transpose(0, 3, 1, 2), 1, 3)

    def _depthwise(self, operation: _Operation) -> None:
        weights = self._weights(operation).transpose(3, 0, 1, 2)
        self._convolve(operation, weights, len(weights), 4)

    def _transposed(self, operation: _Operation) -> None:
        """MediaPipe's transposed convolution: its options are padding, then the two strides."""
        padding, *strides = operation.custom.view(np.int32)[:3].tolist()
        weights = self._weights(operation).transpose(
            3, 0, 1, 2
        )  # (out, h, w, in) -> (in, out, ...)
        if padding != 1 or list(weights.shape[2:]) != strides:
            raise ValueError(f"{_TRANSPOSED} with overlap is not known")
        output = operation.outputs[0]
        names = [
            self._name(operation.inputs[0]),
            self._constant(f"w{output}", weights),
            self._constant(f"b{output}", np.asarray(self._value(operation.inputs[2]), np.float32)),
        ]
        self._emit(operation, "ConvTranspose", names, strides=strides)

    def _dequantize(self, operation: _Operation) -> None:
        """Weights in half precision are constants in single precision from here on."""
        value = np.asarray(self._value(operation.inputs[0]), np.float32)
        self._known[operation.outputs[0]] = value

    def _binary(self, operation: _Operation, kind: str) -> None:
        names = [self._name(number) for number in operation.inputs]
        self._emit(operation, kind, names, _options(operation).number(0, "Int8"))

    def _add(self, operation: _Operation) -> None:
        self._binary(operation, "Add")

    def _mul(self, operation: _Operation) -> None:
        self._binary(operation, "Mul")

    def _unary(self, operation: _Operation, kind: str, **attributes: Any) -> None:
        self._emit(operation, kind, [self._name(operation.inputs[0])], **attributes)

    def _relu(self, operation: _Operation) -> None:
        self._unary(operation, "Relu")

    def _relu6(self, operation: _Operation) -> None:
        self._activate("relu6", self._name(operation.inputs[0]), f"t{operation.outputs[0]}")

    def _logistic(self, operation: _Operation) -> None:
        self._unary(operation, "Sigmoid")

    def _hard_swish(self, operation: _Operation) -> None:
        self._unary(operation, "HardSwish")

    def _pool(self, operation: _Operation, kind: str) -> None:
        options = _options(operation)
        strides = [options.number(2, "Int32"), options.number(1, "Int32")]
        kernel = (options.number(4, "Int32"), options.number(3, "Int32"))
        pads = self._pads(operation, kernel, strides)
        self._unary(operation, kind, kernel_shape=kernel, strides=strides, pads=pads)

    def _average_pool(self, operation: _Operation) -> None:
        self._pool(operation, "AveragePool")

    def _max_pool(self, operation: _Operation) -> None:
        self._pool(operation, "MaxPool")

    def _mean(self, operation: _Operation) -> None:
        """Over all pixels, which stay one pixel."""
        if sorted(np.asarray(self._value(operation.inputs[1])).ravel().tolist()) != [1, 2]:
            raise ValueError("a mean over anything but pixels is not known")
        self._unary(operation, "GlobalAveragePool")

    def _resize(self, operation: _Operation) -> None:
        """Bilinear, to a size that is a constant."""
        size = np.asarray(self._value(operation.inputs[1]), np.int64)
        shape = [1, self._shape(operation.inputs[0])[3], *size.tolist()]
        halves = _options(operation).number(3, "Bool")
        name = self._constant(f"s{operation.outputs[0]}", np.array(shape, np.int64))
        self._emit(
            operation,
            "Resize",
            [self._name(operation.inputs[0]), "", "", name],
            mode="linear",
            coordinate_transformation_mode="half_pixel" if halves else "asymmetric",
        )

    def _pad(self, operation: _Operation) -> None:
        """By zeros, at both ends of each axis."""
        pads = np.asarray(self._value(operation.inputs[1]), np.int64)
        pads = pads[list(_TO_CHANNELS_FIRST)]
        name = self._constant(f"p{operation.outputs[0]}", np.concatenate([pads[:, 0], pads[:, 1]]))
        self._emit(operation, "Pad", [self._name(operation.inputs[0]), name])

    def _reshape(self, operation: _Operation) -> None:
        """In TFLite's order of channels, which comes last."""
        source, target = operation.inputs[0], operation.outputs[0]
        shape = np.array(self._shape(target), np.int64)
        self._node("Transpose", [f"t{source}"], f"t{target}_last", perm=_TO_CHANNELS_LAST)
        names = [f"t{target}_last", self._constant(f"s{target}", shape)]
        if len(shape) == 4:
            raise ValueError("a reshape to a picture is not known")
        self._emit(operation, "Reshape", names)

    def _concat(self, operation: _Operation) -> None:
        names = [f"t{number}" for number in operation.inputs]
        axis, rank = _options(operation).number(0, "Int32"), len(self._shape(operation.outputs[0]))
        axis = _TO_CHANNELS_FIRST.index(axis % 4) if rank == 4 else axis
        self._emit(operation, "Concat", names, axis=axis)


def _options(operation: _Operation) -> Table:
    if operation.options is None:
        raise ValueError(f"{operation.kind} has no options")
    return operation.options
