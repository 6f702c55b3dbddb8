"""From a model file to a TensorRT engine, ahead of time: for the GPU that is here or another."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np

from engines.atomic_write import atomic_write
from engines.conditions import conditions_of
from engines.errors import EngineUnavailable, UsageError
from engines.model_file import ModelFile
from engines.parity import Infer
from engines.plans.cuda import Cuda, cuda_problem, open_cuda
from engines.plans.library import import_library
from engines.plans.make import PRECISIONS, Gpu, Recipe, kept_plan
from engines.plans.run import PlanRun
from engines.plans.shapes import Shapes
from engines.plans.store import PlanStore
from realtime.build_progress import show_build

Say = Callable[[str], None]


def build_engine(
    model: ModelFile,
    precision: str,
    shapes: Shapes,
    gpu: str,
    output: Path | None,
    pictures: Sequence[np.ndarray],
    say: Say,
) -> None:
    """Build an engine into the user's cache, and copy its plan to ``output`` if that is given.

    gpu: "current", or a target such as "sm89", which needs no GPU. Raises UsageError for an
    unknown precision or target, EngineUnavailable with what is missing, ParityError if graph or
    engine stray from the model file.
    """
    if precision not in PRECISIONS:
        raise UsageError(
            f"there is no precision {precision!r}. There are: {', '.join(PRECISIONS)}."
        )
    library = import_library(gpu)
    if gpu != "current" and gpu not in library.targets:
        raise UsageError(
            f"--gpu {gpu}: {library.name} {library.version} builds for "
            f"{', '.join(['current', *library.targets])}."
        )
    cuda = _gpu_here(gpu)
    built_for = Gpu(cuda.target, cuda.name, cuda.driver) if cuda else Gpu(gpu)
    recipe, store = Recipe(model, precision, shapes, built_for, library), PlanStore()
    title = (
        f"{model.name}, {precision}, {shapes}, "
        f"for {built_for.name or built_for.target} with {library.name} {library.version}"
    )
    started_s = time.monotonic()
    try:
        with (
            show_build(title, store.expected_s(recipe.key)) as on_progress,
            ExitStack() as runs,
        ):
            prove = _prover(cuda, recipe, store, runs) if cuda else None
            plan = kept_plan(recipe, store, prove, pictures=pictures, on_progress=on_progress)
    finally:
        if cuda:
            cuda.close()
    say(f"{title}: {len(plan) / 2**20:.1f} MiB in {time.monotonic() - started_s:.1f} s")
    say(_describe_proof(store, recipe))
    if output:
        output.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(output) as written:
            written.write_bytes(plan)
        say(f"wrote {output}")


def list_engines(say: Say) -> None:
    """Print what the cache holds, the last used first."""
    entries = PlanStore().entries()
    for entry in entries:
        key, used = entry.key, time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used_s))
        where = f"{key.card or 'any'} ({key.target}), {key.library} {key.library_version}"
        name = entry.facts.get("model", "?")
        say(
            f"{name:14} {key.precision} {key.shapes!s:12} {where}: "
            f"{entry.size_bytes / 2**20:.1f} MiB, last used {used}"
        )
    if not entries:
        say(f"no engine is built yet. {PlanStore().folder} is empty")


def clear_engines(say: Say) -> None:
    """Remove everything that TensorRT keeps; it is built again when it is needed."""
    count, size_bytes = PlanStore().clear()
    say(f"removed {count} files, {size_bytes / 2**20:.1f} MiB")


def _gpu_here(gpu: str) -> Cuda | None:
    if gpu != "current":
        return None
    problem = cuda_problem()
    if problem:
        raise EngineUnavailable(
            f"--gpu current: {problem}. For a GPU elsewhere, name it: "
            "--gpu sm75, sm80, sm86, sm89 or sm120."
        )
    return open_cuda()


def _prover(
    cuda: Cuda, recipe: Recipe, store: PlanStore, runs: ExitStack
) -> Callable[[bytes], Infer]:
    """Return how the gate runs a plan: at each size it asks for, with buffers of that size.

    The buffers stay until ``runs`` is closed.
    """
    model, kernels = recipe.model, store.sibling(f"{recipe.key.digest}.kernels")

    def open_run(plan: bytes) -> Infer:
        now: dict[tuple[int, int, int], PlanRun] = {}

        def infer(frames: np.ndarray, style: np.ndarray) -> np.ndarray:
            shape = frames.shape[:3]
            if shape not in now:
                runs.close()  # that of the size before
                now.clear()
                now[shape] = runs.enter_context(
                    closing(PlanRun(cuda, recipe.library, plan, shape, model, store, kernels))
                )
            return now[shape].start(frames, conditions_of(model, style, shape[1:]))()

        return infer

    return open_run


def _describe_proof(store: PlanStore, recipe: Recipe) -> str:
    facts = next((entry.facts for entry in store.entries() if entry.key == recipe.key), {})
    if not facts:
        return "the cache cannot be written, so it will be built again"
    graph = (
        f"the graph is {facts['graph_mean']:.3f}/255 on average from onnxruntime fp32, "
        f"{facts['graph_largest']:.0f}/255 at most"
    )
    if "engine_mean" in facts:
        return (
            f"{graph}; the engine {facts['engine_mean']:.3f}/255 "
            f"and {facts['engine_largest']:.0f}/255"
        )
    return f"{graph}; the engine itself can only be compared on its GPU, which is not here"
