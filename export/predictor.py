"""The predictor as a model file: any picture in, a row of the bundled network out."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors import SafetensorError, safe_open

from engines.atomic_write import atomic_write
from engines.errors import ExportError, ModelError
from engines.networks.predictor import (
    CodeToRow,
    PictureToRow,
    PictureToStatistics,
    StatisticsToCode,
)
from export.halves import store_in_halves

_OPSET = 17
_LARGE = 256  # values; smaller tensors stay fp32
_MOST_DIFFERENCE = 0.05  # of the rows' spread: what bytes may change
_SIZES = ((208, 208), (320, 448), (64, 128))


def read_predictor(path: Path) -> tuple[PictureToRow, dict[str, str]]:
    """Return the network of a predictor.safetensors in evaluation mode, and its header.

    Raises ModelError for a file that is not one.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            header = dict(file.metadata() or {})
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        kept = int(header["kept"])
        rows = torch.zeros(int(header["paintings"]), int(header["values"]))
        row = CodeToRow(rows, int(header["tint_at"]))
        network = PictureToRow(PictureToStatistics(kept), StatisticsToCode(kept), row)
        network.load_state_dict(state)
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise ModelError(
            f"{path}: not what `python -m training predictor` writes ({error})."
        ) from error
    return network.eval(), header


def export_predictor(weights: Path, output: Path) -> None:
    """Write ``output``, with weights in bytes.

    Raises ExportError if ONNX Runtime says other rows for it than torch.
    """
    network, header = read_predictor(weights)
    example = torch.zeros(1, *_SIZES[0], 3, dtype=torch.uint8)
    with atomic_write(output) as written, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of its own age
        torch.onnx.export(
            network,
            (example,),
            str(written),
            input_names=["picture"],
            output_names=["row"],
            dynamic_axes={"picture": {1: "height", 2: "width"}},
            opset_version=_OPSET,
            dynamo=False,
        )
        model = onnx.load(str(written))
        _store_in_bytes(model)
        _round_to_halves(model)
        onnx.helper.set_model_props(model, {"name": "predictor", "network": header["network"]})
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, str(written))
        _check(network, written)


def _store_in_bytes(model: onnx.ModelProto) -> None:
    """Store the weights of convolutions and layers in bytes, a step for each of their outputs.

    Runtimes compute in floats all the same: the file is what is to be small, not the time.
    """
    graph = model.graph
    weights = {node.input[1] for node in graph.node if node.op_type in ("Conv", "Gemm")}
    nodes = []
    for tensor in list(graph.initializer):
        values = numpy_helper.to_array(tensor)
        if tensor.name not in weights or values.size < _LARGE:
            continue
        name, flat = tensor.name, np.abs(values.reshape(len(values), -1))
        steps = np.maximum(flat.max(1), 1e-12).astype(np.float32) / 127
        whole = np.round(values / steps.reshape(-1, *[1] * (values.ndim - 1))).astype(np.int8)
        graph.initializer.remove(tensor)
        parts = {"bytes": whole, "steps": steps, "0": np.zeros_like(steps, np.int8)}
        for what, part in parts.items():
            graph.initializer.append(numpy_helper.from_array(part, f"{name}_{what}"))
        inputs = [f"{name}_{what}" for what in parts]
        nodes.append(helper.make_node("DequantizeLinear", inputs, [name], axis=0))
    for node in reversed(nodes):
        graph.node.insert(0, node)


def _round_to_halves(model: onnx.ModelProto) -> None:
    """Give what is left values that float16 holds: half the file, and a row is as good."""
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type == TensorProto.FLOAT and values.size >= _LARGE:
            rounded = values.astype(np.float16).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(rounded, tensor.name))
    store_in_halves(model)


def _check(network: PictureToRow, path: Path) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    spread = network.row.spread + 1e-3
    random = np.random.default_rng(0)
    for size in _SIZES:
        coarse = random.integers(0, 256, (1, size[0] // 16, size[1] // 16, 3), np.uint8)
        picture = coarse.repeat(16, 1).repeat(16, 2)
        (row,) = session.run(None, {"picture": picture})
        with torch.no_grad():
            wanted = network(torch.from_numpy(picture))
        difference = float((((torch.from_numpy(row) - wanted) / spread).square().mean()).sqrt())
        if not difference <= _MOST_DIFFERENCE:
            raise ExportError(
                f"{path.name}: its rows are {difference:.3f} deviations from PyTorch's at "
                f"{size[1]}x{size[0]}, more than {_MOST_DIFFERENCE}. Nothing was written."
            )
