"""From a checkpoint to the model file: trace, check, describe."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path

import onnx
import torch

from engines.canvas import canvas_shape
from engines.errors import ExportError
from engines.model_file import FORMAT_VERSION, PICTURE
from engines.networks.frame_graph import FrameGraph
from engines.networks.style_network import StyleNetwork
from engines.networks.weights import network_hash
from export.fold import fold_constants
from export.halves import restore_halves, store_in_halves

# The lowest opset with everything that the graph uses (Pad by a computed amount, Clip by inputs),
# for old parsers' sake.
OPSET = 17
_EXPORTERS = ("/", "onnx::")  # names of constants that it made up; weights have their own


def export_onnx(network: StyleNetwork, metadata: Mapping[str, str], path: Path) -> None:
    """Write ``network`` as a model file with dynamic N, H and W.

    metadata: a weights header (family, styles, training). How far the network sees is added.

    Raises ExportError if the exporter fails or leaves other operators than the standard ones.
    """
    styles = json.loads(metadata["styles"])
    described = {**metadata, **reach_metadata(network), "precision": "fp32"}
    if network.row_length:
        if any(style["name"] == PICTURE for style in styles):
            raise ExportError(f"a style cannot be called {PICTURE}: that is the one from outside")
        styles.append({"name": PICTURE})
        described["row_length"] = str(network.row_length)
        described["network"] = network_hash(network)
    described["styles"] = json.dumps(styles)
    frame = torch.zeros(2, 96, 128, 3, dtype=torch.uint8)
    inputs = {"frame": frame, "style": torch.eye(1, len(styles)).repeat(2, 1)}
    axes = {
        "frame": {0: "N", 1: "H", 2: "W"},
        "style": {0: "N"},
        "stylized": {0: "N", 1: "H", 2: "W"},
    }
    if network.canvas_channels:
        cells = canvas_shape((96, 128), network.cell_px)
        inputs["canvas"] = torch.zeros(2, network.canvas_channels, *cells)
        axes["canvas"] = {0: "N", 2: "canvas_h", 3: "canvas_w"}
    if network.row_length:
        inputs["row"] = torch.zeros(2, network.row_length)
        axes["row"] = {0: "N"}
    with warnings.catch_warnings():
        # It warns of its own age and of sizes read as numbers; those it traces, which the parity
        # gate proves at odd sizes.
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                FrameGraph(network).eval(),
                (frame, inputs["style"], inputs.get("canvas"), inputs.get("row")),
                str(path),
                input_names=list(inputs),
                output_names=["stylized"],
                dynamic_axes=axes,
                opset_version=OPSET,
                dynamo=False,
            )
        except Exception as error:
            raise ExportError(f"torch could not export the network: {error}") from error
    model = onnx.load(str(path))
    fold_constants(model)
    onnx.save(model, str(path))
    if network.canvas_channels:
        described.setdefault("canvas", "{}")  # each style at its full strength
    describe(path, described)


def reach_metadata(network: StyleNetwork) -> dict[str, str]:
    """Return what ``engines.reach`` reads from a model file; nothing where it is not known."""
    if network.reach_px is None:
        return {}
    return {
        "reach_px": str(network.reach_px),
        "cell_px": str(network.cell_px),
        "takes_statistics": "true" if network.takes_statistics else "false",
    }


def describe(path: Path, metadata: Mapping[str, str]) -> None:
    """Set the file's metadata and check it as a whole.

    It must hold standard operators only, and nothing may lie outside the file.
    """
    model = onnx.load(str(path))
    _shorten_names(model)
    restore_halves(model)  # an int8 sibling has the rows of the file that it comes from
    store_in_halves(model)
    foreign = sorted({node.domain for node in model.graph.node} - {"", "ai.onnx"})
    if foreign:
        raise ExportError(
            f"the graph uses operators of {', '.join(foreign)}, which other runtimes do not have"
        )
    # Tracing loses the one length of the output that never changes.
    model.graph.output[0].type.tensor_type.shape.dim[3].dim_value = 3
    model.producer_name, model.producer_version = "livebrush", ""
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {**metadata, "livebrush_format": str(FORMAT_VERSION)})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))


def _shorten_names(model: onnx.ModelProto) -> None:
    """Give nodes and what they compute short names.

    The exporter names them by where they stood in the code; that is as much text as a tenth of the
    int8 weights.
    """
    outside = {
        value.name for value in (*model.graph.input, *model.graph.output, *model.graph.initializer)
    }
    short = {
        name: f"c{i}"
        for i, name in enumerate(t.name for t in model.graph.initializer)
        if name.startswith(_EXPORTERS)
    }
    for i, node in enumerate(model.graph.node):
        node.name = f"{node.op_type}_{i}"
        for k, name in enumerate(node.output):
            if name and name not in outside:
                short[name] = f"t{i}_{k}"
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [short.get(name, name) for name in names]
    for tensor in model.graph.initializer:
        tensor.name = short.get(tensor.name, tensor.name)
    del model.graph.value_info[:]
