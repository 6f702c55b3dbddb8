"""Makes a plan of a model file: typed, proved, built, proved again, kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from engines.base import OnProgress, ignore_progress
from engines.errors import EngineUnavailable
from engines.model_file import ModelFile
from engines.parity import Difference, Infer
from engines.plans.build import BUILDER_FLAGS, build_plan
from engines.plans.fp8 import LEAST_TARGET
from engines.plans.gate import check_graph, check_plan
from engines.plans.library import Library
from engines.plans.shapes import Shapes
from engines.plans.store import PlanKey, PlanStore
from engines.plans.typed import strongly_typed

PRECISIONS = ("fp32", "fp16", "int8", "fp8")
_PROVED: dict[str, Difference] = {}


@dataclass(frozen=True)
class Gpu:
    """The GPU that a plan is for."""

    target: str
    """Its compute capability, such as "sm89"."""
    name: str = ""
    """As the driver calls it, "" for one that is not here."""
    driver: int = 0
    """The major version of its driver, 0 for one that is not here."""

    @property
    def here(self) -> bool:
        """Whether it is in this machine."""
        return bool(self.name)


@dataclass(frozen=True)
class Recipe:
    """One plan to be: which model, how precise, for which frames and which GPU."""

    model: ModelFile
    precision: str
    shapes: Shapes
    gpu: Gpu
    library: Library

    @property
    def source(self) -> Path:
        """The file that holds the network in this precision.

        The int8 one has the scales of fp8 too. Raises EngineUnavailable if there is none, or the
        GPU has no such numbers.
        """
        if self.precision == "fp8" and int(self.gpu.target.removeprefix("sm")) < LEAST_TARGET:
            raise EngineUnavailable(
                "--precision fp8 needs a GPU of compute capability 8.9 or later (Ada), "
                f"not {self.gpu.target}. Use --precision int8."
            )
        if self.precision not in ("int8", "fp8"):
            return self.model.path
        if self.model.int8_path is None:
            raise EngineUnavailable(
                f"{self.model.name} has no int8 file. "
                f"Write it with `python -m export int8 {self.model.path}`."
            )
        return self.model.int8_path

    @property
    def key(self) -> PlanKey:
        """What the plan is kept under."""
        return PlanKey(
            hashlib.sha256(self.source.read_bytes()).hexdigest(),
            self.library.name,
            self.library.version,
            self.gpu.target,
            self.gpu.name,
            self.gpu.driver,
            self.precision,
            self.shapes,
            BUILDER_FLAGS,
        )


@dataclass(frozen=True)
class Plan:
    """A built plan, and how far it strays from the model file."""

    data: bytes
    graph: Difference
    """How far the strongly typed graph strays."""
    engine: Difference | None
    """How far the engine strays, None where its GPU is not here."""


def make_plan(
    recipe: Recipe,
    store: PlanStore,
    open_run: Callable[[bytes], Infer] | None = None,
    pictures: Sequence[np.ndarray] = (),
    on_progress: OnProgress = ignore_progress,
) -> Plan:
    """Build what ``recipe`` says and prove it.

    open_run: how to run a plan on the GPU that it is for, None if it is not here. Raises
    ParityError if graph or engine stray too far, EngineLoadError if TensorRT refuses.
    """
    typed = strongly_typed(onnx.load(str(recipe.source)), recipe.precision)
    on_progress(0.0, "comparing the typed network with the model")
    graph = _check_once(typed, recipe, pictures)
    kept_timings = store.sibling(f"timings-{recipe.gpu.target}.bin")
    target = "current" if recipe.gpu.here else recipe.gpu.target
    data, new_timings = build_plan(
        typed,
        recipe.shapes,
        recipe.library,
        target,
        on_progress,
        store.read(kept_timings),
        recipe.model.canvas,
    )
    if new_timings:
        store.write(kept_timings, new_timings)
    engine = None
    if open_run is not None:
        on_progress(1.0, "comparing the engine with the model")
        engine = check_plan(open_run(data), recipe.model, recipe.precision, recipe.shapes, pictures)
    return Plan(data, graph, engine)


def _check_once(
    typed: onnx.ModelProto, recipe: Recipe, pictures: Sequence[np.ndarray]
) -> Difference:
    """Do ``check_graph`` once in this process for all the sizes that a graph is built for."""
    shown = [picture.tobytes() for picture in pictures]
    parts = [recipe.model.path.read_bytes(), typed.SerializeToString(deterministic=True), *shown]
    proof = hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()
    if proof not in _PROVED:
        _PROVED[proof] = check_graph(typed, recipe.model, recipe.precision, pictures)
    return _PROVED[proof]


def kept_plan(
    recipe: Recipe,
    store: PlanStore,
    open_run: Callable[[bytes], Infer] | None = None,
    pictures: Sequence[np.ndarray] = (),
    on_progress: OnProgress = ignore_progress,
) -> bytes:
    """Return the plan of the cache, made as ``make_plan`` does if it is not there."""

    def build() -> tuple[bytes, dict[str, object]]:
        plan = make_plan(recipe, store, open_run, pictures, on_progress)
        facts = {
            "model": recipe.model.name,
            "graph_mean": plan.graph.mean,
            "graph_largest": plan.graph.largest,
        }
        if plan.engine:
            facts |= {"engine_mean": plan.engine.mean, "engine_largest": plan.engine.largest}
        return plan.data, facts

    return store.get_or_build(recipe.key, build)
