"""Write a layers model of TensorFlow.js as ONNX: model.json and the files of weights beside it.

It is Keras' list of layers with their numbers, so each layer that networks of pictures have is one
entry below; for any other, ExportError names it. Padding `same` is TensorFlow's: as much behind as
before, and what is left over behind.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from engines.errors import ExportError

_OPSET = 17
_ACTIVATIONS = {
    "relu": "Relu",
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
    "elu": "Elu",
    "softplus": "Softplus",
    "hard_sigmoid": "HardSigmoid",
    "selu": "Selu",
}


def read_layers_model(path: Path) -> onnx.ModelProto:
    """Return the network in ``path``, a model.json or its folder. Raises ExportError."""
    file = path / "model.json" if path.is_dir() else path
    try:
        told = json.loads(file.read_bytes())
        topology = told["modelTopology"]
        if "node" in topology:
            raise ExportError(
                f"{path}: is a graph model of TensorFlow.js, not a layers model. Import the "
                "SavedModel or frozen graph that it was made from."
            )
        config = topology.get("model_config", topology)["config"]
        weights = _read_weights(file.parent, told["weightsManifest"])
        return _Writer(config, weights).write()
    except ExportError:
        raise
    except (OSError, KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise ExportError(
            f"{path}: is a damaged layers model of TensorFlow.js, or its files of weights are not "
            f"all beside it ({error!r:.200})."
        ) from error


def _read_weights(folder: Path, manifest: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """Return all weights by their names; those that were packed into fewer bits are unpacked."""
    weights = {}
    for group in manifest:
        data = b"".join((folder / Path(name).name).read_bytes() for name in group["paths"])
        start = 0
        for entry in group["weights"]:
            packed = entry.get("quantization")
            dtype = np.dtype(packed["dtype"] if packed else entry["dtype"]).newbyteorder("<")
            count = int(np.prod(entry["shape"]))
            values = np.frombuffer(data, dtype, count, start).astype(np.float32)
            start += count * dtype.itemsize
            if packed and "scale" in packed:
                values = values * np.float32(packed["scale"]) + np.float32(packed["min"])
            if not np.isfinite(values).all():
                raise ExportError(f"{entry['name']} has values that are not numbers.")
            weights[entry["name"]] = values.reshape(entry["shape"])
    return weights


class _Writer:
    """One model on its way from layers to ONNX, channels first."""

    def __init__(self, config: Any, weights: dict[str, np.ndarray]) -> None:
        self._layers = config if isinstance(config, list) else config["layers"]
        self._outputs = None if isinstance(config, list) else config.get("output_layers")
        self._weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, np.ndarray] = {}
        self._made: dict[str, str] = {}
        self._input: onnx.ValueInfoProto | None = None

    def write(self) -> onnx.ModelProto:
        before = ""
        for layer in self._layers:
            told = layer["config"]
            name = layer.get("name") or told["name"]
            given = [self._made[link[0]] for link in (layer.get("inbound_nodes") or [[]])[0]]
            if not given and before:
                given = [self._made[before]]
            self._made[name] = self._write(layer["class_name"], name, told, given)
            before = name
        last = self._outputs[0][0] if self._outputs else before
        if self._input is None:
            self._take_picture(self._layers[0]["config"]["batch_input_shape"])
        self._nodes.append(helper.make_node("Identity", [self._made[last]], ["painted"]))
        graph = helper.make_graph(
            self._nodes,
            "layers",
            [self._input],
            [helper.make_tensor_value_info("painted", TensorProto.FLOAT, [1, 3, "h", "w"])],
            [numpy_helper.from_array(value, name) for name, value in self._constants.items()],
        )
        return helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=8
        )

    def _take_picture(self, shape: list[int | None]) -> str:
        if len(shape) != 4:
            raise ExportError(f"it takes {shape}, which is no picture.")
        lengths: list[int | str] = [1, shape[3] or 3, shape[1] or "h", shape[2] or "w"]
        self._input = helper.make_tensor_value_info("image", TensorProto.FLOAT, lengths)
        return "image"

    def _write(self, kind: str, name: str, told: dict[str, Any], given: list[str]) -> str:
        if kind == "InputLayer":
            return self._take_picture(told["batch_input_shape"])
        if not given:  # a Sequential model may tell its input in its first layer
            given = [self._take_picture(told["batch_input_shape"])]
        if told.get("data_format") == "channels_first":
            raise ExportError(f"its layer {name} has channels first, which is not known here.")
        if kind in ("Dropout", "SpatialDropout2D", "GaussianNoise"):
            return given[0]
        write = getattr(self, f"_{kind.lower()}", None)
        if write is None:
            raise ExportError(
                f"its layer {name} is a {kind}, which is not among those that networks of pictures "
                "have here. Export it as a SavedModel, and import that."
            )
        made = write(name, told, given)
        activation = told.get("activation", "linear") if kind != "Activation" else "linear"
        return self._activate(activation, made)

    def _node(self, kind: str, given: list[str], **attributes: Any) -> str:
        name = f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, given, [name], **attributes))
        return name

    def _constant(self, value: Any) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants[name] = np.asarray(value, order="C")
        return name

    def _weight(self, layer: str, what: str) -> np.ndarray | None:
        ending = f"{layer}/{what}"
        return next((v for k, v in self._weights.items() if f"/{k}".endswith(f"/{ending}")), None)

    def _activate(self, kind: str, given: str) -> str:
        if kind == "linear":
            return given
        if kind not in _ACTIVATIONS:
            raise ExportError(f"its activation {kind} is not known here.")
        return self._node(_ACTIVATIONS[kind], [given])

    # -- layers, by Keras' names --

    def _activation(self, _name: str, told: dict[str, Any], given: list[str]) -> str:
        return self._activate(told["activation"], given[0])

    def _relu(self, _name: str, told: dict[str, Any], given: list[str]) -> str:
        most = told.get("max_value")
        if most is None:
            return self._node("Relu", given)
        return self._node("Clip", [given[0], *(self._constant(np.float32(n)) for n in (0, most))])

    def _leakyrelu(self, _name: str, told: dict[str, Any], given: list[str]) -> str:
        return self._node("LeakyRelu", given, alpha=float(told.get("alpha", 0.3)))

    def _add(self, _name: str, _told: dict[str, Any], given: list[str]) -> str:
        return self._node("Sum", given)

    def _concatenate(self, _name: str, _told: dict[str, Any], given: list[str]) -> str:
        return self._node("Concat", given, axis=1)

    def _conv2d(self, name: str, told: dict[str, Any], given: list[str]) -> str:
        kernel = self._weight(name, "kernel")
        if kernel is None:
            raise ExportError(f"its layer {name} has no weights in the files beside it.")
        weight = self._constant(kernel.transpose(3, 2, 0, 1))
        return self._node(
            "Conv", [given[0], weight, *self._bias(name)], **_windows(told, kernel.shape[:2])
        )

    def _depthwiseconv2d(self, name: str, told: dict[str, Any], given: list[str]) -> str:
        kernel = self._weight(name, "depthwise_kernel")
        if kernel is None:
            raise ExportError(f"its layer {name} has no weights in the files beside it.")
        groups, times = kernel.shape[2:]
        flat = kernel.transpose(2, 3, 0, 1).reshape(groups * times, 1, *kernel.shape[:2])
        return self._node(
            "Conv",
            [given[0], self._constant(flat), *self._bias(name)],
            group=groups,
            **_windows(told, kernel.shape[:2]),
        )

    def _conv2dtranspose(self, name: str, told: dict[str, Any], given: list[str]) -> str:
        kernel = self._weight(name, "kernel")
        if kernel is None:
            raise ExportError(f"its layer {name} has no weights in the files beside it.")
        strides = [int(n) for n in told["strides"]]
        over = [k - s for k, s in zip(kernel.shape[:2], strides, strict=True)]
        how: dict[str, Any] = {"strides": strides}
        if told["padding"] == "same":
            near = [max(0, n) // 2 for n in over]
            how["pads"] = [*near, *(max(0, n) - b for n, b in zip(over, near, strict=True))]
            how["output_padding"] = [max(0, -n) for n in over]
        # (h, w, out, in), as its gradient has it
        weight = self._constant(kernel.transpose(3, 2, 0, 1))
        return self._node("ConvTranspose", [given[0], weight, *self._bias(name)], **how)

    def _bias(self, name: str) -> list[str]:
        bias = self._weight(name, "bias")
        return [] if bias is None else [self._constant(bias)]

    def _batchnormalization(self, name: str, told: dict[str, Any], given: list[str]) -> str:
        mean, variance = (self._weight(name, n) for n in ("moving_mean", "moving_variance"))
        if mean is None or variance is None:
            raise ExportError(f"its layer {name} has no statistics in the files beside it.")
        scale, shift = (self._weight(name, n) for n in ("gamma", "beta"))
        numbers = (
            np.ones_like(mean) if scale is None else scale,
            np.zeros_like(mean) if shift is None else shift,
            mean,
            variance,
        )
        inputs = [given[0], *(self._constant(value) for value in numbers)]
        return self._node("BatchNormalization", inputs, epsilon=float(told["epsilon"]))

    def _instancenormalization(self, name: str, told: dict[str, Any], given: list[str]) -> str:
        scale, shift = (self._weight(name, n) for n in ("gamma", "beta"))
        if scale is None or shift is None:
            raise ExportError(f"its layer {name} has no scale or shift in the files beside it.")
        inputs = [given[0], self._constant(scale.reshape(-1)), self._constant(shift.reshape(-1))]
        return self._node("InstanceNormalization", inputs, epsilon=float(told["epsilon"]))

    def _zeropadding2d(self, _name: str, told: dict[str, Any], given: list[str]) -> str:
        return self._pad(told["padding"], given[0], "constant")

    def _reflectionpadding2d(self, _name: str, told: dict[str, Any], given: list[str]) -> str:
        return self._pad(told["padding"], given[0], "reflect")

    def _pad(self, amounts: Any, given: str, mode: str) -> str:
        (top, bottom), (left, right) = _sides(amounts)
        pads = self._constant(np.array([0, 0, top, left, 0, 0, bottom, right], np.int64))
        return self._node("Pad", [given, pads], mode=mode)

    def _cropping2d(self, _name: str, told: dict[str, Any], given: list[str]) -> str:
        (top, bottom), (left, right) = _sides(told["cropping"])
        ends = [-n if n else 2**31 - 1 for n in (bottom, right)]
        numbers = ([top, left], ends, [2, 3])
        inputs = [given[0], *(self._constant(np.array(n, np.int64)) for n in numbers)]
        return self._node("Slice", inputs)

    def _upsampling2d(self, _name: str, told: dict[str, Any], given: list[str]) -> str:
        scales = self._constant(np.array([1, 1, *told["size"]], np.float32))
        mode = told.get("interpolation", "nearest")
        how: dict[str, Any] = {"mode": "linear"} if mode == "bilinear" else {"mode": "nearest"}
        if how["mode"] == "nearest":
            how |= {"nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
        return self._node("Resize", [given[0], "", scales], **how)


def _windows(told: dict[str, Any], kernel: tuple[int, ...]) -> dict[str, Any]:
    kept: dict[str, Any] = {
        "kernel_shape": list(kernel),
        "strides": [int(n) for n in told["strides"]],
        "dilations": [int(n) for n in told.get("dilation_rate") or (1, 1)],
    }
    return {**kept, "auto_pad": "SAME_UPPER"} if told["padding"] == "same" else kept


def _sides(amounts: Any) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return ((top, bottom), (left, right)) of what Keras writes in three ways."""
    if isinstance(amounts, int):
        return (amounts, amounts), (amounts, amounts)
    first, second = amounts
    if isinstance(first, int):
        return (first, first), (second, second)
    return (first[0], first[1]), (second[0], second[1])
