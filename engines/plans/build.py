"""Makes a plan of a strongly typed graph: parse, one optimisation profile, build."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import onnx

from engines.base import OnProgress, ignore_progress
from engines.canvas import Canvas
from engines.errors import EngineLoadError, UsageError
from engines.plans.library import Library
from engines.plans.shapes import Shapes

# Part of every plan's key: change it whenever the same model would be built into something else.
BUILDER_FLAGS = "strongly-typed,no-tf32,one-size,1"


def build_plan(
    graph: onnx.ModelProto,
    shapes: Shapes,
    library: Library,
    target: str = "current",
    on_progress: OnProgress = ignore_progress,
    timing_cache: bytes = b"",
    canvas: Canvas | None = None,
) -> tuple[bytes, bytes]:
    """Build ``graph`` for ``target`` ("current", or one of ``library.targets``).

    Returns the plan and the new timing cache. on_progress: told the share that is done, 0..1, and
    the name of the phase; raising KeyboardInterrupt in it stops the build. timing_cache: an earlier
    one; only the full TensorRT has it, TensorRT for RTX measures nothing while it builds. canvas:
    what the graph takes as one, None if it takes none. Raises UsageError for an unknown target,
    EngineUnavailable for a driver that is too old, EngineLoadError with TensorRT's own words if it
    refuses the network.
    """
    trt = library.module
    logger, errors = library.logger()
    builder = library.start(trt.Builder, logger, errors)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    if shapes.fixed:
        graph = with_one_size(graph, shapes, canvas)
    if not parser.parse(graph.SerializeToString()):
        reasons = "; ".join(parser.get_error(i).desc() for i in range(parser.num_errors))
        raise EngineLoadError(
            f"{library.name} cannot read the network: {reasons or _last_of(errors)}"
        )
    config = builder.create_builder_config()
    _set_target(config, library, target)
    config.clear_flag(trt.BuilderFlag.TF32)  # fp32 is asked for to be exact
    config.add_optimization_profile(_make_profile(builder, network, shapes, canvas))
    progress = _make_monitor(trt, on_progress)
    config.progress_monitor = progress
    cache = None if library.is_rtx else _set_timings(config, timing_cache)
    plan = builder.build_serialized_network(network, config)
    if progress.stopped:
        raise progress.stopped
    if plan is None:
        raise EngineLoadError(
            f"{library.name} could not build the network for {shapes}: {_last_of(errors)}"
        )
    return bytes(plan), bytes(cache.serialize()) if cache else b""


def with_one_size(graph: onnx.ModelProto, shapes: Shapes, canvas: Canvas | None) -> onnx.ModelProto:
    """Return a copy of ``graph`` whose inputs have the one size of ``shapes``, folded.

    What depends on sizes alone, nearly half of all nodes, is computed here, by ONNX Runtime:
    TensorRT then has no shapes to find at run time, and fuses what these stood between.
    """
    import onnxruntime

    known = onnx.ModelProto()
    known.CopyFrom(graph)
    lengths = {"frame": (shapes.batch, *shapes.usual, 3)}
    if canvas:
        lengths["canvas"] = (shapes.batch, *canvas.shape(shapes.usual))
    for taken in known.graph.input:
        for axis, length in zip(
            taken.type.tensor_type.shape.dim,
            lengths.get(taken.name, (shapes.batch,)),
            strict=False,
        ):
            axis.dim_value = length
    settings = onnxruntime.SessionOptions()
    # Beyond the basic ones they bring nodes of its own.
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    settings.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        folded = Path(folder) / "folded.onnx"
        settings.optimized_model_filepath = str(folded)
        try:
            onnxruntime.InferenceSession(
                known.SerializeToString(), settings, providers=["CPUExecutionProvider"]
            )
        except Exception:  # noqa: BLE001 (its own kinds; what TensorRT cannot read it says itself)
            return known
        return onnx.load(str(folded))


def _set_target(config: Any, library: Library, target: str) -> None:
    if target == "current":
        return
    if target not in library.targets:
        known = ", ".join(["current", *library.targets])
        raise UsageError(f"--gpu {target}: {library.name} {library.version} builds for {known}.")
    config.num_compute_capabilities = 1
    config.set_compute_capability(library.module.ComputeCapability.__members__[target.upper()], 0)


def _set_timings(config: Any, kept: bytes) -> Any:
    """Set and return the timing cache that the build fills.

    It is the kept one if that is of this GPU and library, else an empty one.
    """
    for content in (kept, b""):
        cache = config.create_timing_cache(content)
        if cache is not None and config.set_timing_cache(cache, ignore_mismatch=False):
            return cache
    return None


def _make_profile(builder: Any, network: Any, shapes: Shapes, canvas: Canvas | None) -> Any:
    profile = builder.create_optimization_profile()
    sizes = (shapes.smallest, shapes.usual, shapes.largest)
    profile.set_shape("frame", *((shapes.batch, *size, 3) for size in sizes))
    if canvas:
        profile.set_shape("canvas", *((shapes.batch, *canvas.shape(size)) for size in sizes))
    for taken in map(network.get_input, range(network.num_inputs)):
        if taken.name not in ("frame", "canvas"):
            profile.set_shape(taken.name, *[(shapes.batch, taken.shape[1])] * 3)
    return profile


def _last_of(errors: list[str]) -> str:
    return errors[-1] if errors else "it gives no reason"


def _make_monitor(trt: Any, on_progress: OnProgress) -> Any:
    base: Any = trt.IProgressMonitor

    class Monitor(base):  # type: ignore[misc]  # the library has no types
        """Told of phases within phases: each step of a phase is a share of its parent's step."""

        def __init__(self) -> None:
            base.__init__(self)
            self.stopped: BaseException | None = None
            self._steps: dict[str, tuple[str | None, int, int]] = {}  # name -> parent, steps, done
            self._share = 0.0

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            """Begin a phase."""
            self._steps[phase_name] = (parent_phase, max(1, num_steps), 0)
            self._tell(phase_name)

        def step_complete(self, phase_name: str, step: int) -> bool:
            """Count a step of a phase; return whether to go on."""
            parent, steps, _ = self._steps.get(phase_name, (None, 1, 0))
            self._steps[phase_name] = (parent, steps, step + 1)
            self._tell(phase_name)
            return self.stopped is None

        def phase_finish(self, phase_name: str) -> None:
            """End a phase."""
            self._steps.pop(phase_name, None)

        def _tell(self, phase: str) -> None:
            share = 0.0
            name: str | None = phase
            while name is not None and name in self._steps:
                parent, steps, done = self._steps[name]
                share = (done + min(share, 1.0)) / steps if done < steps else 1.0
                name = parent
            self._share = max(self._share, min(share, 1.0))
            try:
                on_progress(self._share, phase)
            except BaseException as error:  # noqa: BLE001 (none may pass the library's threads)
                self.stopped = error

    return Monitor()
