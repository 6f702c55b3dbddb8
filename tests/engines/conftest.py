"""A small trained-like network in all its forms, exported once for the engine tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.model_file import ModelFile, load_model


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    """Three styles, a few thousand parameters; fp32, int8 and weights beside each other."""
    pytest.importorskip(
        "torch", reason="the small model is exported by torch: pip install '.[train]'"
    )
    from tests.small_network import write_small_model

    return load_model(write_small_model(tmp_path_factory.mktemp("small") / "small.onnx"))


@pytest.fixture(autouse=True)
def own_cache(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Each test has a cache of its own: what one engine remembers is not another test's.

    But for those on a GPU with TensorRT, which builds for a minute what the cache has.
    """
    on_tensorrt = request.node.get_closest_marker("tensorrt")
    cache = (tmp_path_factory.getbasetemp() / "built" if on_tensorrt else tmp_path) / "cache"
    monkeypatch.setenv("LIVEBRUSH_CACHE", str(cache))
    return cache
