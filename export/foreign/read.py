"""Read a graph by somebody else, whatever its format, as ONNX."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from engines.errors import ExportError, printable
from export.foreign.from_openvino import to_onnx
from export.foreign.from_tfjs import read_layers_model
from export.foreign.lift import lift_from_bytes
from export.from_tflite import Table

_LICENCE_KEYS = ("license", "licence", "licenses", "copyright")
# Runs the file itself, not what we made of it; its inputs are told by their shapes.
Plain = Callable[[list[np.ndarray]], np.ndarray]


@dataclass(frozen=True)
class Graph:
    """What a file holds."""

    model: onnx.ModelProto
    what: str
    """The format, in words."""
    licence: str
    """What the file says of its licence, "" for nothing."""
    in_bytes: bool
    """Whether it computes in 8 bits; that is not imitated."""


def read_graph(path: Path, kind: str) -> Graph:
    """Read ``path``, of a ``kind`` that ``kinds.kind_of`` has told. Raises ExportError."""
    if kind == "onnx":
        return _read_onnx(path)
    if kind == "tfjs":
        return Graph(read_layers_model(path), "a layers model of TensorFlow.js", "", False)
    network = _read_openvino(path)
    try:
        model = to_onnx(network)
    except ExportError as error:
        raise ExportError(f"{path}: {error}") from error
    in_bytes = any(op.get_type_name() == "FakeQuantize" for op in network.get_ops())
    if kind == "tflite":
        return Graph(model, "a TFLite network", _licence_of_tflite(path), in_bytes)
    maker = {"openvino": "OpenVINO"}.get(kind, "TensorFlow")
    return Graph(model, f"a graph of {maker}", "", in_bytes)


def _read_onnx(path: Path) -> Graph:
    try:
        model = onnx.load(str(path), load_external_data=False)
    except Exception as error:
        raise ExportError(
            f"{path}: is a damaged ONNX file, or none ({type(error).__name__}). Download it again."
        ) from error
    _load_beside(path, model)
    if not model.graph.node:
        raise ExportError(
            f"{path}: holds no network: it is a damaged ONNX file, or something else."
        )
    told = {p.key.lower(): p.value for p in model.metadata_props}
    licence = next((told[key] for key in _LICENCE_KEYS if told.get(key)), "")
    maker = f", written by {model.producer_name}" if model.producer_name else ""
    return Graph(model, f"an ONNX network{maker}", licence, lift_from_bytes(model))


def _load_beside(path: Path, model: onnx.ModelProto) -> None:
    """Load weights that lie in another file of the same folder, as exporters put large ones.

    Raises ExportError for a name that leads elsewhere.
    """
    outside = [t for t in model.graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL]
    for tensor in outside:
        told = {entry.key: entry.value for entry in tensor.external_data}
        name = told.get("location", "")
        file = path.parent / name
        if not name or Path(name).name != name or file.is_symlink():
            raise ExportError(
                f"{path}: keeps its weights in another file that is not beside it "
                f"({printable(name)}), and such paths are not followed."
            )
        if not file.is_file():
            raise ExportError(f"{path}: its weights are in {printable(name)}, which is not there.")
    try:
        onnx.load_external_data_for_model(model, str(path.parent))
    except Exception as error:
        raise ExportError(f"{path}: its weights cannot be read ({str(error)[:200]}).") from error


def _read_openvino(path: Path) -> Any:
    modules: dict[str, Any] = sys.modules
    modules.setdefault("openvino_telemetry", None)  # see engines/runtimes/openvino.py
    import openvino

    try:
        return openvino.Core().read_model(path)
    except Exception as error:
        reason = str(error).strip().splitlines()
        raise ExportError(
            f"{path}: is damaged, or uses what OpenVINO cannot read "
            f"({' '.join(reason[-3:])[:300]}). Export it to ONNX where it was made."
        ) from error


def open_plain(path: Path) -> Plain | None:
    """Return what runs the file by OpenVINO as it is; None where that cannot read it."""
    try:
        network = _read_openvino(path)
    except ExportError:
        return None
    import openvino

    # 8 bits are not imitated, so they are left out here, too.
    how: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32", "LP_TRANSFORMS_MODE": "OFF"}
    try:
        compiled = openvino.Core().compile_model(network, "CPU", how)
    except RuntimeError:
        return None
    results = list(compiled.outputs)

    def _shape(array: np.ndarray) -> Any:
        return openvino.PartialShape(list(array.shape))

    def run(given: list[np.ndarray]) -> np.ndarray:
        made = compiled(
            [
                next(a for a in given if port.partial_shape.compatible(_shape(a)))
                for port in compiled.inputs
            ]
        )
        pictures = [made[result] for result in results if made[result].ndim == 4]
        first: np.ndarray = pictures[0]
        return first

    return run


def _licence_of_tflite(path: Path) -> str:
    """Return the licence in a TFLite file's metadata (its schema: metadata_schema.fbs), or ""."""
    try:
        data = path.read_bytes()
        model = Table(data)
        buffers = model.tables(4)
        for entry in model.tables(6):
            if entry.text(0) == "TFLITE_METADATA":
                held = buffers[entry.number(1, "Uint32")].array(0, np.uint8).tobytes()
                return Table(held).text(5)
    except Exception:  # noqa: BLE001 (a buffer of somebody else may end in anything)
        return ""
    return ""
