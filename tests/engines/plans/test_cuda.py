"""What can be known of the way to the card without one: the names and arities of the calls, and the
errors.
"""

from __future__ import annotations

import ast
import re
import threading
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

import engines.plans.cuda
import engines.plans.run
from engines import EngineOptions, ModelFile, open_engine
from engines.errors import EngineError, EngineRunError, EngineUnavailable
from engines.plans import library
from engines.plans.cuda import CudaPython, cuda_problem, open_cuda

no_gpu = pytest.mark.skipif(cuda_problem() is None, reason="there is a GPU here")


def calls(module: object) -> list[tuple[str, int]]:
    """Name and number of arguments of every call of a cuXxx function."""
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    nodes = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    ]
    found = [
        (node.func.attr, len(node.args)) for node in nodes if re.match(r"cu[A-Z]", node.func.attr)
    ]
    # owner.callback(driver.cuMemFree, address): called with what follows
    for node in nodes:
        first = node.args[0] if node.args else None
        if (
            node.func.attr == "callback"
            and isinstance(first, ast.Attribute)
            and re.match(r"cu[A-Z]", first.attr)
        ):
            found.append((first.attr, len(node.args) - 1))
    return found


def test_every_driver_call_exists_and_takes_what_it_is_given():
    driver = pytest.importorskip(
        "cuda.bindings.driver", reason="cuda-python is not installed: pip install cuda-bindings"
    )
    found = calls(engines.plans.cuda)
    assert len(found) > 20
    for name, count in found:
        signature = re.match(r"\w+\((.*?)\)", getattr(driver, name).__doc__.strip())
        expected = len([part for part in signature[1].split(",") if part.strip()])
        assert count == expected, f"{name}{signature[0]} is called with {count} arguments"


def test_every_tensorrt_name_exists():
    trt = pytest.importorskip(
        "tensorrt_rtx", reason="TensorRT for RTX is not installed: pip install '.[tensorrt-rtx]'"
    )
    for owner, names in {
        trt.Runtime: ["deserialize_cuda_engine"],
        trt.ICudaEngine: ["create_runtime_config", "create_execution_context"],
        trt.IRuntimeConfig: [
            "create_runtime_cache",
            "set_runtime_cache",
            "dynamic_shapes_kernel_specialization_strategy",
            "cuda_graph_strategy",
        ],
        trt.IRuntimeCache: ["serialize", "deserialize"],
        trt.IExecutionContext: ["set_input_shape", "set_tensor_address", "execute_async_v3"],
        trt.DynamicShapesKernelSpecializationStrategy: ["EAGER"],
        trt.CudaGraphStrategy: ["WHOLE_GRAPH_CAPTURE"],
    }.items():
        source = Path(engines.plans.run.__file__).read_text(encoding="utf-8")
        for name in names:
            assert hasattr(owner, name) and name in source


def test_a_graph_that_cannot_be_recorded_leaves_the_capture():
    driver = pytest.importorskip(
        "cuda.bindings.driver", reason="cuda-python is not installed: pip install cuda-bindings"
    )
    told: list[str] = []
    fine = driver.CUresult.CUDA_SUCCESS
    stand_in = SimpleNamespace(
        CUresult=driver.CUresult,
        CUstreamCaptureMode=driver.CUstreamCaptureMode,
        cuStreamBeginCapture=lambda stream, mode: told.append("begin") or (fine,),
        cuStreamEndCapture=lambda stream: told.append("end") or (fine, "graph"),
        cuGraphInstantiate=lambda graph, flags: (fine, "ready"),
        cuGraphLaunch=lambda ready, stream: told.append(f"launch {ready} on {stream}") or (fine,),
        cuGraphDestroy=lambda graph: told.append("destroy graph"),
        cuGraphExecDestroy=lambda ready: told.append("destroy ready"),
    )
    card = object.__new__(CudaPython)
    card._driver = stand_in

    def refuse() -> None:
        raise EngineRunError("TensorRT could not queue the frame.")

    with ExitStack() as owner:
        assert card.record(7, refuse, owner) is None
        assert told == ["begin", "end"]
        card.record(7, lambda: told.append("work"), owner)()
    assert told[2:] == [
        "begin",
        "work",
        "end",
        "launch ready on 7",
        "destroy ready",
        "destroy graph",
    ]


def test_cuda_python_is_taken_before_pycuda(monkeypatch: pytest.MonkeyPatch):
    """PyCUDA has no CUDA graphs."""
    monkeypatch.setattr(engines.plans.cuda, "cuda_problem", lambda: None)
    monkeypatch.setattr(engines.plans.cuda, "CudaPython", lambda index: "cuda-python")
    monkeypatch.setattr(engines.plans.cuda, "PyCuda", lambda index: "pycuda")
    for installed, expected in (
        ({"cuda.bindings", "pycuda"}, "cuda-python"),
        ({"pycuda"}, "pycuda"),
    ):
        monkeypatch.setattr(engines.plans.cuda, "_find", installed.__contains__)
        assert open_cuda() == expected


def test_a_card_that_rtx_does_not_know_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(library, "gpu_target", lambda: "sm90")
    assert "sm90" in library.rtx_problem(["tensorrt_rtx"])
    assert "livebrush[tensorrt]" in library.rtx_problem(["tensorrt_rtx"])
    assert library.rtx_problem(["tensorrt", "tensorrt_rtx"]) is None
    for target in ("sm89", None):
        monkeypatch.setattr(library, "gpu_target", lambda target=target: target)
        assert library.rtx_problem(["tensorrt_rtx"]) is None


def test_the_cards_that_rtx_knows_are_those_of_the_library():
    pytest.importorskip(
        "tensorrt_rtx", reason="TensorRT for RTX is not installed: pip install '.[tensorrt-rtx]'"
    )
    assert set(library.import_library("sm89").targets) == set(library.RTX_TARGETS)


def stand_in_module(logger: type, base: type) -> ModuleType:
    module = ModuleType("trt")
    module.Logger, module.ILogger, module.__version__ = logger, base, "11.4"
    return module


def library_of(module: ModuleType) -> library.Library:
    return library.Library("tensorrt", module)


def test_a_driver_that_is_too_old_is_said():
    """The binding then raises TypeError; why, it tells the logger alone."""

    class Logger:
        INTERNAL_ERROR, ERROR, WARNING = range(3)

    class Base:
        pass

    trt = stand_in_module(Logger, Base)
    logger, errors = library_of(trt).logger()

    def refuse(told: object) -> None:
        told.log(Logger.ERROR, "CUDA initialization failure with error: 35")
        raise TypeError("pybind11::init(): factory function returned nullptr")

    with pytest.raises(EngineUnavailable, match=r"failure with error: 35.*driver is too old"):
        library_of(trt).start(refuse, logger, errors)
    with pytest.raises(EngineUnavailable, match="does not start"):
        library_of(trt).start(lambda told: None, logger, [])
    assert library_of(trt).start(lambda told: "made", logger, errors) == "made"


def test_there_is_one_logger_and_a_list_of_errors_for_each_thread():
    """TensorRT keeps the first logger that it is given for ever."""

    class Logger:
        INTERNAL_ERROR, ERROR = range(2)

    class Base:
        pass

    trt = stand_in_module(Logger, Base)
    first, errors = library_of(trt).logger()
    heard: list[list[str]] = []

    def elsewhere() -> None:
        logger, others = library_of(trt).logger()
        logger.log(Logger.ERROR, "theirs")
        heard.append(others)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    first.log(Logger.ERROR, "ours")
    assert (errors, heard) == (["ours"], [["theirs"]])
    assert library_of(trt).logger()[0] is first


@no_gpu
def test_without_a_card_the_error_says_what_to_do():
    with pytest.raises(EngineUnavailable, match=r"(driver|pip install)"):
        open_cuda()


@no_gpu
def test_the_engine_without_a_card(small_model: ModelFile, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("engines.runtimes.tensorrt.library_names", list)
    with pytest.raises(
        EngineUnavailable, match=r"--engine tensorrt: .*pip install 'livebrush\[tensorrt-rtx\]'"
    ):
        open_engine("tensorrt", small_model)
    monkeypatch.setattr("engines.runtimes.tensorrt.library_names", lambda: ["tensorrt_rtx"])
    with pytest.raises(
        EngineUnavailable,
        match=r"no NVIDIA driver here\. Use --engine auto|pip install cuda-bindings",
    ):
        open_engine("tensorrt", small_model)
    with pytest.raises(EngineError, match="--engine"):
        open_engine("tensorrt", small_model, EngineOptions(device="cpu"))


@no_gpu
def test_a_plan_built_ahead_cannot_be_loaded_without_a_card(tiny_plan: bytes):
    rtx = library.import_library("sm89")
    logger, errors = rtx.logger()
    assert rtx.module.Runtime(logger).deserialize_cuda_engine(tiny_plan) is None
    assert any("driver" in error for error in errors)
