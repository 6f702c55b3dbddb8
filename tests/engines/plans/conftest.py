"""One plan that TensorRT really built, for the tests of what is done with plans."""

from __future__ import annotations

import onnx
import pytest

from engines.model_file import ModelFile


@pytest.fixture(scope="session")
def tiny_plan(tiny_model: ModelFile) -> bytes:
    """A plan of the tiny model for a card that is not here."""
    pytest.importorskip(
        "tensorrt_rtx", reason="TensorRT for RTX is not installed: pip install '.[tensorrt-rtx]'"
    )
    from engines.plans.build import build_plan
    from engines.plans.library import import_library
    from engines.plans.shapes import Shapes
    from engines.plans.typed import strongly_typed

    graph = strongly_typed(onnx.load(str(tiny_model.path)), "fp16")
    return build_plan(graph, Shapes.only((48, 64)), import_library("sm89"), "sm89")[0]
