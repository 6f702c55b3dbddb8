"""TensorRT on an NVIDIA GPU.

Engines are built on this machine at first use, proved, and kept in the user's cache.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from engines.base import Conditions, Engine, EngineOptions, Frames, OnProgress, Pending
from engines.conditions import conditions_of
from engines.errors import EngineLoadError, EngineUnavailable
from engines.model_file import ModelFile
from engines.parity import Infer
from engines.plans.cuda import cuda_problem, open_cuda
from engines.plans.library import INSTALL, import_library, library_names, rtx_problem
from engines.plans.make import Gpu, Recipe, kept_plan
from engines.plans.run import SLOTS, PlanRun
from engines.plans.shapes import Shapes
from engines.plans.store import PlanStore

if TYPE_CHECKING:
    from torch import Tensor


class TensorRt(Engine):
    """TensorRT: from host memory or on the GPU, three frames under way where many are wanted."""

    name = "tensorrt"
    summary = "TensorRT on an NVIDIA GPU, fp16, fp32, int8 and fp8; built for the GPU at first use"
    takes_tensors = True

    def __init__(self, model: ModelFile, options: EngineOptions) -> None:
        super().__init__(model, options)
        if not (options.device == "auto" or options.device.startswith("cuda")):
            raise EngineUnavailable(
                f"--engine tensorrt runs on NVIDIA GPUs, not on {options.device!r}. "
                "Use --device cuda, or --engine openvino."
            )
        # Live there is one frame at a time, and each size that is kept open has its own memory.
        self.in_flight = SLOTS if options.throughput else 1
        self._library = import_library()
        self._cuda = open_cuda("cuda" if options.device == "auto" else options.device)
        self.device = options.device if ":" in options.device else "cuda:0"
        self.precision = "fp16" if options.precision == "auto" else options.precision
        self._gpu = Gpu(self._cuda.target, self._cuda.name, self._cuda.driver)
        self._store = PlanStore()

    @classmethod
    def unavailable(cls) -> str | None:
        """Return why TensorRT cannot run here."""
        names = library_names()
        if not names:
            return f"TensorRT is not installed. Type: {INSTALL}"
        return cuda_problem() or rtx_problem(names)

    @classmethod
    def precisions(cls, model: ModelFile) -> tuple[str, ...]:
        """Return the 16 and 32 bit ones, and those of 8 bits where there is an int8 file."""
        return ("fp32", "fp16", "int8", "fp8") if model.int8_path else ("fp32", "fp16")

    def ready(self, size: tuple[int, int]) -> bool:
        """Return whether the engine for (height, width) is built."""
        return self._store.get(self._make_recipe((1, *size)).key) is not None

    def close(self) -> None:
        """Free everything on the GPU."""
        super().close()
        self._cuda.close()

    def _make_recipe(self, key: tuple[int, int, int]) -> Recipe:
        return Recipe(
            self.model, self.precision, Shapes.only(key[1:], key[0]), self._gpu, self._library
        )

    def _specialise(self, key: tuple[int, int, int]) -> PlanRun:
        """Return a run of the plan for that shape; the plan is built first if it is not there."""
        recipe = self._make_recipe(key)
        proving: list[PlanRun] = []

        def open_to_prove(plan: bytes) -> Infer:
            run = self._open_run(plan, recipe)
            proving.append(run)
            return lambda frames, style: run.infer(
                frames, conditions_of(self.model, style, frames.shape[1:3])
            )

        what = (
            f"the TensorRT engine of {self.model.name}, {self.precision}, {recipe.shapes} "
            f"on {self._gpu.name}"
        )
        expected_s = self._store.expected_s(recipe.key)
        try:
            with (
                self.options.show_build(what, expected_s) as on_progress,
                self._cuda.current(),
            ):
                return self._open_kept(recipe, proving, open_to_prove, self._stoppable(on_progress))
        except BaseException:
            for run in proving:
                run.close()
            raise

    def _stoppable(self, on_progress: OnProgress) -> OnProgress:
        def tell(share: float, phase: str) -> None:
            if self.options.cancel.is_asked:
                raise EngineUnavailable("tensorrt: the build was stopped.")
            on_progress(share, phase)

        return tell

    def _open_kept(
        self,
        recipe: Recipe,
        proving: list[PlanRun],
        open_to_prove: Callable[[bytes], Infer],
        on_progress: OnProgress,
    ) -> PlanRun:
        """Return the run that a new plan was proved with, or one of the plan in the cache.

        A kept plan that is refused is built again: something changed that the key does not tell.
        """

        def keep() -> bytes:
            return kept_plan(recipe, self._store, open_to_prove, on_progress=on_progress)

        plan = keep()
        if proving:
            return proving[0]
        try:
            return self._open_run(plan, recipe)
        except EngineLoadError:
            self._store.discard(recipe.key)
        plan = keep()
        return proving[0] if proving else self._open_run(plan, recipe)

    def _open_run(self, plan: bytes, recipe: Recipe) -> PlanRun:
        key, shapes = recipe.key, recipe.shapes
        kernels = self._store.sibling(f"{key.digest}.kernels")
        shape = (shapes.batch, *shapes.usual)
        return PlanRun(
            self._cuda,
            self._library,
            plan,
            shape,
            self.model,
            self._store,
            kernels,
            self.in_flight,
        )

    def _get_run(self, frames: Frames) -> PlanRun:
        run: PlanRun = self._get_specialised((frames.shape[0], frames.shape[1], frames.shape[2]))
        return run

    def _start(self, frames: np.ndarray, conditions: Conditions) -> Pending:
        return self._get_run(frames).start(frames, conditions)

    def _start_tensor(self, frames: Tensor, conditions: Conditions) -> Pending:
        return self._get_run(frames).start(frames, conditions)

    def _infer(self, frames: np.ndarray, conditions: Conditions) -> np.ndarray:
        return self._get_run(frames).infer(frames, conditions)

    def _drop(self, made: PlanRun) -> None:
        made.close()
