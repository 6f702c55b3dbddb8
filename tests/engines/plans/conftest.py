"""The classic network as a model file, and one plan that TensorRT really built, for the tests of what is done with plans."""

from __future__ import annotations

import json

import onnx
import pytest

from engines.model_file import ModelFile, load_model


@pytest.fixture(scope="session")
def classic_model(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    """A `transformer_net` that works on 0..255 and whose first convolution, in half precision, would overflow on it."""
    torch = pytest.importorskip("torch", reason="the classic network is exported by torch: pip install '.[train]'")
    from engines.networks import build_network
    from export.to_onnx import export_onnx

    torch.manual_seed(1)
    network = build_network("transformer_net", 1).eval()
    with torch.no_grad():
        network.conv1.conv2d.weight.mul_(1000)
        network.deconv3.conv2d.weight.mul_(400)
        network.deconv3.conv2d.bias.fill_(120)
    path = tmp_path_factory.mktemp("classic") / "classic.onnx"
    styles = json.dumps([{"name": "original"}, {"name": "random"}])
    export_onnx(network, {"family": "transformer_net", "config": "{}", "styles": styles, "training": "{}"}, path)
    return load_model(path)


@pytest.fixture(scope="session")
def tiny_plan(tiny_model: ModelFile) -> bytes:
    """A plan of the tiny model for a card that is not here."""
    pytest.importorskip("tensorrt_rtx", reason="TensorRT for RTX is not installed: pip install '.[tensorrt-rtx]'")
    from engines.plans.build import build_plan
    from engines.plans.library import import_library
    from engines.plans.shapes import Shapes
    from engines.plans.typed import strongly_typed

    graph = strongly_typed(onnx.load(str(tiny_model.path)), "fp16")
    return build_plan(graph, Shapes.only((48, 64)), import_library("sm89"), "sm89")[0]
