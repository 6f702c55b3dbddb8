"""Put the model file's contract around a network by somebody else.

Bytes in, bytes out, `original` exact, one column for each style; the network in the middle stays as
it came. What it wants of range, order, layout and size is made of standard operations, so every
engine and every program runs it as any other model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from export.foreign.onnx_file import Port, lengths

_IMAGENET = (np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225]))
SMALLEST_PX = 64  # mirrored padding of deep layers needs room
_PREFIX = "net/"


@dataclass(frozen=True)
class Range:
    """What 0..255 is for a network: ``value * scale + shift``."""

    name: str
    scale: np.ndarray
    """One number, or one for each of R, G and B."""
    shift: np.ndarray

    def encode(self, picture: np.ndarray) -> np.ndarray:
        """Return ``picture``, (..., 3) of 0..255, as the network takes it, float32."""
        encoded: np.ndarray = (picture * self.scale + self.shift).astype(np.float32)
        return encoded

    def decode(self, values: np.ndarray) -> np.ndarray:
        """Return what the network gave, (..., 3), as 0..255; not clamped."""
        decoded: np.ndarray = (values - self.shift) / self.scale
        return decoded


def _range(name: str, scale: Any, shift: Any) -> Range:
    return Range(name, np.asarray(scale, np.float64), np.asarray(shift, np.float64))


RANGES = {
    "0..255": _range("0..255", 1, 0),
    "0..1": _range("0..1", 1 / 255, 0),
    "-1..1": _range("-1..1", 2 / 255, -1),
    "imagenet": _range("imagenet", 1 / 255 / _IMAGENET[1], -_IMAGENET[0] / _IMAGENET[1]),
}


@dataclass(frozen=True)
class Plan:
    """How a network is spoken to."""

    taken: Port
    given: Port
    takes: Range
    gives: Range
    bgr: bool
    size: tuple[int, int] | None
    """(height, width) that every picture is brought to, None where any size will do."""
    cell_px: int
    """The sides of a picture must be multiples of so many pixels, where any size will do."""
    style: onnx.ValueInfoProto | None = None
    """The input that says which style, None for a network of one."""
    rows: np.ndarray | None = None
    """(styles, numbers) that ``style`` is given for each style; None: the weights themselves."""


def wrap(model: onnx.ModelProto, plan: Plan, styles: int) -> onnx.ModelProto:
    """Return the model file's graph around ``model``; ``styles`` counts ``original``."""
    named = onnx.compose.add_prefix(model, _PREFIX)
    around = _Around(plan, styles)
    around.before()
    nodes = [*around.nodes, *named.graph.node]
    around.nodes = []
    around.after()
    graph = helper.make_graph(
        [*nodes, *around.nodes],
        "style",
        [
            helper.make_tensor_value_info("frame", TensorProto.UINT8, ["N", "H", "W", 3]),
            helper.make_tensor_value_info("style", TensorProto.FLOAT, ["N", styles]),
        ],
        [helper.make_tensor_value_info("stylized", TensorProto.UINT8, ["N", "H", "W", 3])],
        [*named.graph.initializer, *around.constants],
    )
    return helper.make_model(
        graph, opset_imports=list(model.opset_import), ir_version=model.ir_version
    )


class _Around:
    """The operations before and after the network."""

    def __init__(self, plan: Plan, styles: int) -> None:
        self._plan, self._styles = plan, styles
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def _constant(self, value: Any, dtype: Any = np.float32) -> str:
        name = f"around_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def _node(self, kind: str, inputs: list[str], output: str = "", **attributes: Any) -> str:
        name = output or f"{kind}_around_{len(self.nodes)}_{len(self.constants)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def before(self) -> None:
        """Bring the frame and the style to the network's inputs."""
        plan = self._plan
        self._node("Cast", ["frame"], "pixels", to=TensorProto.FLOAT)  # (N, H, W, 3)
        shape = self._node("Shape", ["frame"], "frame_shape")
        self._sides = [
            self._node("Gather", [shape, self._constant([axis], np.int64)], axis=0)
            for axis in (1, 2)
        ]
        x = self._node("Transpose", ["pixels"], "planes", perm=[0, 3, 1, 2])
        x = self._resize(x, plan.size) if plan.size else self._grow(x)
        if plan.takes.name != "0..255":
            x = self._node("Mul", [x, self._planes(plan.takes.scale)])
            x = self._node("Add", [x, self._planes(plan.takes.shift)])
        x = self._swap(x)
        if plan.taken.channels_last:
            x = self._node("Transpose", [x], perm=[0, 2, 3, 1])
        if plan.taken.element == TensorProto.UINT8:
            x = self._node(
                "Clip", [self._node("Round", [x]), self._constant(0), self._constant(255)]
            )
        self._node("Cast", [x], _PREFIX + plan.taken.name, to=plan.taken.element)
        if plan.style is not None:
            self._tell_style(plan.style)

    def _tell_style(self, wanted: onnx.ValueInfoProto) -> None:
        """Give the network the weights of the styles without ``original``, summing to 1."""
        others = self._weights()
        if self._plan.rows is not None:
            others = self._node("MatMul", [others, self._constant(self._plan.rows)])
        shape = [max(length, 1) for length in lengths(wanted)]
        shape[-1] = -1 if len(shape) > 1 else self._styles - 1
        if len(shape) == 1:  # one mix for all frames of a batch
            first = [self._constant(n, np.int64) for n in ([0], [1], [0])]
            others = self._node("Slice", [others, *first])
        told = self._node("Reshape", [others, self._constant(shape, np.int64)])
        self._node("Cast", [told], _PREFIX + wanted.name, to=wanted.type.tensor_type.elem_type)

    def _weights(self) -> str:
        ends = [self._constant(n, np.int64) for n in ([1], [self._styles], [1])]
        others = self._node("Slice", ["style", *ends])
        total = self._node("ReduceSum", [others, self._constant([1], np.int64)], keepdims=1)
        return self._node("Div", [others, self._node("Max", [total, self._constant(1e-6)])])

    def _grow(self, x: str) -> str:
        """Repeat the last row and column up to what the network can take."""
        cell = self._plan.cell_px
        for axis, side in zip((2, 3), self._sides, strict=True):
            over = self._node("Add", [side, self._constant([cell - 1], np.int64)])
            cells = self._node("Div", [over, self._constant([cell], np.int64)])
            whole = self._node("Mul", [cells, self._constant([cell], np.int64)])
            # The room that is needed, in cells rounded up.
            room = self._constant([-(-SMALLEST_PX // cell) * cell], np.int64)
            wanted = self._node("Squeeze", [self._node("Max", [whole, room])])
            zero, one = (self._constant(n, np.int64) for n in (0, 1))
            places = self._node("Range", [zero, wanted, one])
            last = self._node("Sub", [side, self._constant([1], np.int64)])
            x = self._node("Gather", [x, self._node("Min", [places, last])], axis=axis)
        return x

    def _resize(self, x: str, size: tuple[int, int]) -> str:
        count = self._node("Gather", ["frame_shape", self._constant([0], np.int64)], axis=0)
        wanted = [count, self._constant([3], np.int64), self._constant(size, np.int64)]
        sizes = self._node("Concat", wanted, axis=0)
        return self._node("Resize", [x, "", "", sizes], mode="linear")

    def after(self) -> None:
        """Turn what the network gives into a frame, and mix it with the one that came."""
        plan = self._plan
        y = self._node("Cast", [_PREFIX + plan.given.name], to=TensorProto.FLOAT)
        if plan.given.channels_last:
            y = self._node("Transpose", [y], perm=[0, 3, 1, 2])
        y = self._swap(y)
        if plan.gives.name != "0..255":
            y = self._node("Sub", [y, self._planes(plan.gives.shift)])
            y = self._node("Div", [y, self._planes(plan.gives.scale)])
        if plan.size:
            count = self._node("Gather", ["frame_shape", self._constant([0], np.int64)], axis=0)
            wanted = [count, self._constant([3], np.int64), *self._sides]
            sizes = self._node("Concat", wanted, axis=0)
            y = self._node("Resize", [y, "", "", sizes], mode="linear")
        else:
            start, axes = self._constant([0, 0], np.int64), self._constant([2, 3], np.int64)
            end = self._node("Concat", self._sides, axis=0)
            y = self._node("Slice", [y, start, end, axes])
        ends = [self._constant(0), self._constant(255)]
        painted = self._node("Clip", [y, *ends])
        ones = [self._constant(n, np.int64) for n in ([0], [1], [1])]
        share = self._node("Slice", ["style", *ones])  # (N, 1): that of the original
        share = self._node("Unsqueeze", [share, self._constant([2, 3], np.int64)])
        rest = self._node("Sub", [self._constant(1), share])
        kept = self._node("Mul", ["planes", share])
        mixed = self._node("Add", [kept, self._node("Mul", [painted, rest])])
        rounded = self._node("Round", [self._node("Clip", [mixed, *ends])])
        rows = self._node("Transpose", [rounded], perm=[0, 2, 3, 1])
        self._node("Cast", [rows], "stylized", to=TensorProto.UINT8)

    def _planes(self, value: np.ndarray) -> str:
        return self._constant(value.reshape(1, -1, 1, 1))

    def _swap(self, x: str) -> str:
        if not self._plan.bgr:
            return x
        return self._node("Gather", [x, self._constant([2, 1, 0], np.int64)], axis=1)
