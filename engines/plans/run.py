"""Runs a plan.

Everything is allocated once, and only bytes go over the bus.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from engines.conditions import condition_shapes
from engines.errors import EngineLoadError, EngineRunError
from engines.model_file import ModelFile
from engines.plans.cuda import Cuda
from engines.plans.library import Library
from engines.plans.store import PlanStore
from engines.tickets import Turns

if TYPE_CHECKING:
    from torch import Tensor

    from engines.base import Conditions, Frames, Pending

# While one frame is computed, the next is uploaded and the one before downloaded.
SLOTS = 3


class PlanRun:
    """One plan at one shape (N, H, W).

    Call it from one thread at a time; it makes the GPU's context current by itself.

    slots: how many frames are under way. kernels: where TensorRT for RTX keeps what it has compiled
    for this GPU, so that the next start need not. Raises EngineLoadError if the plan is refused.
    """

    def __init__(
        self,
        cuda: Cuda,
        library: Library,
        plan: bytes,
        shape: tuple[int, int, int],
        model: ModelFile,
        store: PlanStore,
        kernels: Path,
        slots: int = SLOTS,
    ) -> None:
        self._cuda, self._owner = cuda, ExitStack()
        with cuda.current():
            try:
                logger, errors = library.logger()
                runtime = library.start(library.module.Runtime, logger, errors)
                engine = runtime.deserialize_cuda_engine(plan)
                if engine is None:
                    reason = errors[-1] if errors else "no reason given"
                    raise EngineLoadError(
                        f"{library.name} refuses the plan on {cuda.name}: {reason}"
                    )
                settings, compiled = _make_rtx_settings(library, engine, store, kernels)
                # Each must outlive what it has made, and settings the contexts made from them.
                self._kept = [logger, runtime, engine, compiled, settings]
                self._slots = [
                    _Slot(
                        cuda,
                        self._owner,
                        _make_context(engine, settings),
                        shape,
                        model,
                        records=not library.is_rtx,
                    )
                    for _ in range(slots)
                ]
                self._turns = Turns(self._slots)
                if compiled is not None:
                    _keep_kernels(compiled, store, kernels)
            except BaseException:
                self._owner.close()
                raise

    def start(self, frames: Frames, conditions: Conditions) -> Pending:
        """Queue one inference and return what waits for it.

        The result is (N, H, W, 3) uint8, where ``frames`` are, owned by the caller. As many may be
        under way as there are slots. One more waits for the first, whose result is kept for its
        caller.
        """
        with self._cuda.current():
            return self._turns.start(frames, conditions)

    def infer(self, frames: np.ndarray, conditions: Conditions) -> np.ndarray:
        """Run one inference on arrays and wait for it."""
        return np.asarray(self.start(frames, conditions)())

    def close(self) -> None:
        """Free everything on the GPU; results that were not waited for stay to be had.

        Closing twice is harmless.
        """
        if not self._slots:
            return
        with self._cuda.current():
            self._turns.finish()
            self._owner.close()
            self._slots.clear()
            while self._kept:
                self._kept.pop()  # the last made first


class _Slot:
    """Buffers, a stream and an execution context of its own.

    So neighbouring frames overlap without further care.
    """

    def __init__(
        self,
        cuda: Cuda,
        owner: ExitStack,
        context: Any,
        shape: tuple[int, int, int],
        model: ModelFile,
        records: bool,
    ) -> None:
        self._cuda, self._context = cuda, context
        picture = (*shape, 3)
        self._frame = cuda.pinned(picture, np.uint8, owner)
        shapes = condition_shapes(model, shape[1:], shape[0])
        # What is uploaded before each frame, beside it.
        self._conditions = {
            name: cuda.pinned(lengths, np.float32, owner) for name, lengths in shapes.items()
        }
        self._stylized = cuda.pinned(picture, np.uint8, owner)
        self._stream = cuda.stream(owner)
        self._addresses = {
            name: cuda.memory(array.nbytes, owner)
            for name, array in (
                ("frame", self._frame),
                *self._conditions.items(),
                ("stylized", self._stylized),
            )
        }
        shaped = all(
            context.set_input_shape(name, lengths)
            for name, lengths in (("frame", picture), *shapes.items())
        )
        if not shaped or not all(
            context.set_tensor_address(name, address) for name, address in self._addresses.items()
        ):
            raise EngineLoadError(
                f"the TensorRT plan does not take {shape[0]} frames of {shape[2]}x{shape[1]}."
            )
        # What is under way and where its result goes, if they are on the GPU.
        self._given: tuple[Tensor, Tensor] | None = None
        self._warm_up()
        self._recorded = cuda.record(self._stream, self._queue, owner) if records else None

    def start(self, frames: Frames, conditions: Conditions) -> None:
        """Queue one inference."""
        for name, array in conditions.items():
            np.copyto(self._conditions[name], array)
        cuda, stream, addresses = self._cuda, self._stream, self._addresses
        if isinstance(frames, np.ndarray):
            self._given = None
            np.copyto(self._frame, frames)
            cuda.upload(addresses["frame"], self._frame, stream)
            self._launch()
            cuda.download(self._stylized, addresses["stylized"], stream)
        else:
            # Memory of the caller's stream, who reads it there; what was there before may still be
            # read: so follow after.
            result = frames.new_empty(frames.shape)
            self._given = frames, result
            cuda.follow(stream)
            cuda.copy(addresses["frame"], frames.data_ptr(), self._frame.nbytes, stream)
            self._launch()
            cuda.copy(result.data_ptr(), addresses["stylized"], self._stylized.nbytes, stream)

    def wait(self) -> Frames:
        """Wait for what was started and return its result."""
        with self._cuda.current():
            self._cuda.wait(self._stream)
        given, self._given = self._given, None
        return given[1] if given else self._stylized.copy()

    def _warm_up(self) -> None:
        """Run it twice: the first runs compile, choose and allocate, which no later one does."""
        self._frame[:] = 0
        for pinned in self._conditions.values():
            pinned[:] = 0
        self._conditions["style"][:, 0] = 1
        self._cuda.upload(self._addresses["frame"], self._frame, self._stream)
        for _ in range(2):
            self._queue()
        self._cuda.wait(self._stream)

    def _launch(self) -> None:
        (self._recorded or self._queue)()

    def _queue(self) -> None:
        for name, pinned in self._conditions.items():
            self._cuda.upload(self._addresses[name], pinned, self._stream)
        if not self._context.execute_async_v3(self._stream):
            raise EngineRunError("TensorRT could not queue the frame.")


def _make_rtx_settings(
    library: Library, engine: Any, store: PlanStore, kernels: Path
) -> tuple[Any, Any]:
    """Return how TensorRT for RTX shall run an engine, and its cache of compiled kernels.

    The full TensorRT has neither. RTX's own CUDA graphs are used:
    it knows when its kernels for a shape are ready to be recorded.
    """
    if not library.is_rtx:
        return None, None
    trt = library.module
    settings = engine.create_runtime_config()
    compiled = settings.create_runtime_cache()
    if known := store.read(kernels):
        # It checks by itself whether they are for here, and says no if not.
        compiled.deserialize(known)
    settings.set_runtime_cache(compiled)
    settings.dynamic_shapes_kernel_specialization_strategy = (
        trt.DynamicShapesKernelSpecializationStrategy.EAGER
    )
    settings.cuda_graph_strategy = trt.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
    return settings, compiled


def _make_context(engine: Any, settings: Any) -> Any:
    context = (
        engine.create_execution_context()
        if settings is None
        else engine.create_execution_context(settings)
    )
    if context is None:
        raise EngineLoadError(
            "TensorRT could not prepare the engine: most likely the GPU's memory is full. "
            "Use a smaller --size."
        )
    return context


def _keep_kernels(compiled: Any, store: PlanStore, kernels: Path) -> None:
    data = bytes(compiled.serialize())
    if store.read(kernels) != data:
        store.write(kernels, data)
