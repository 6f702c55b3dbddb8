"""``--engine auto``: a good guess at once, a measured choice from the second run on.

A sentence says which it is and why. On a GPU: TensorRT once its engine is built, PyTorch until
then. On a CPU what ``engines.measuring`` found; before that the likeliest of
``engines.candidates``.
"""

from __future__ import annotations

import contextlib
import os
import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from engines.base import Engine, EngineOptions
from engines.candidates import find_candidates
from engines.errors import EngineError, EngineUnavailable, LivebrushError
from engines.measured import CPU_ENGINES, MeasuredEngine, make_key, read_measured
from engines.measuring import measure, measure_at_exit
from engines.model_file import ModelFile
from engines.registry import engine_class, open_named

__all__ = ["CPU_ENGINES", "MeasuredEngine", "measure", "open_best"]

_GUESS = "usually the fastest on a CPU; measured in the background once the machine has room"


def open_best(model: ModelFile, options: EngineOptions, size: tuple[int, int]) -> Engine:
    """Open the engine for ``model`` at ``size`` (height, width) on this machine.

    The reason is in its ``note``. Raises EngineUnavailable if nothing here can run it.
    """
    problems: list[str] = []
    if options.device != "cpu" and (gpu := _open_gpu(model, options, size, problems)):
        return gpu
    if options.device not in ("auto", "cpu"):
        raise EngineUnavailable(
            f"--device {options.device}: no engine can use it here. {' '.join(problems)} "
            "`--list-engines` tells what is missing; --device cpu works."
        )
    kept = read_measured(make_key(model, options, size))
    failures: list[str] = []
    for name, precision, reason in _order(kept, model, options):
        how = replace(options, device="cpu", precision=precision)
        try:
            engine = open_named(name, model, how, size)
        except EngineError as error:
            failures.append(str(error))
            continue
        without_gpu = [f"not on the GPU: {problem}" for problem in problems[:1]]
        engine.note = "; ".join([reason, *without_gpu])
        engine.better = _build_later(model, options)
        # Frames that are under way beside each other take longer than one alone.
        took = () if options.throughput else engine.watch(size)
        measure_at_exit(model, options, size, kept, took)
        return engine
    failures += [
        f"{name}: {problem}"
        for name in CPU_ENGINES
        if (problem := engine_class(name).unavailable())
    ]
    raise EngineUnavailable(
        f"no engine can run {model.name} with --precision {options.precision} here. "
        f"{' '.join(failures)}"
    )


def _order(
    kept: MeasuredEngine | None, model: ModelFile, options: EngineOptions
) -> Iterator[tuple[str, str, str]]:
    """Yield engine, precision and reason, in the order in which they are tried."""
    if kept:
        reason = f"fastest here when measured ({kept.ms:.0f} ms of processor time a frame)"
        yield kept.engine, kept.precision, reason
    for name, precision in find_candidates(model, options):
        yield name, precision, _GUESS


def _open_gpu(
    model: ModelFile, options: EngineOptions, size: tuple[int, int], problems: list[str]
) -> Engine | None:
    """Open TensorRT if its engine is built, else PyTorch, else TensorRT built now.

    The last only if the caller ``waits``. None where there is no GPU, without importing anything
    for one; or where none of these can use it, with ``problems``.
    """
    if not _gpu_may_be_here():
        return None
    if engine := _open_tensorrt(model, options, size, problems, builds=False):
        engine.note = "the fastest on this GPU"
        return engine
    if engine := _open_torch(model, options, size, problems):
        engine.better = _build_later(model, options)
        command = f"python -m export tensorrt {model.name} --size {size[1]}x{size[0]}"
        engine.note = "on the GPU" + (
            f"; for more speed: {command}" if _tensorrt_fits(model, options) else ""
        )
        return engine
    if options.waits and (engine := _open_tensorrt(model, options, size, problems, builds=True)):
        engine.note = "the fastest on this GPU; built for it"
        return engine
    return None


def _gpu_may_be_here() -> bool:
    mps = sys.platform == "darwin" and platform.machine() == "arm64"
    return (
        any(Path(device).exists() for device in ("/dev/nvidiactl", "/dev/dxg"))
        or os.name == "nt"
        or mps
    )


def _tensorrt_fits(model: ModelFile, options: EngineOptions) -> bool:
    cls = engine_class("tensorrt")
    return (
        options.device != "mps"
        and not cls.unavailable()
        and options.precision in ("auto", *cls.precisions(model))
    )


def _open_tensorrt(
    model: ModelFile,
    options: EngineOptions,
    size: tuple[int, int],
    problems: list[str],
    builds: bool,
) -> Engine | None:
    """Open TensorRT; None if it cannot run, or would have to be built without ``builds``."""
    if not _tensorrt_fits(model, options):
        return None
    try:
        with contextlib.ExitStack() as stack:
            engine = stack.enter_context(engine_class("tensorrt")(model, options))
            if not (builds or engine.ready(size)):
                return None
            engine.prepare(size)
            stack.pop_all()
            return engine
    except (LivebrushError, ImportError, OSError, RuntimeError) as error:
        problems.append(str(error))
        return None


def _open_torch(
    model: ModelFile, options: EngineOptions, size: tuple[int, int], problems: list[str]
) -> Engine | None:
    if engine_class("torch").unavailable() or not model.weights_path:
        return None
    try:
        engine = open_named("torch", model, options, size)
    except EngineError as error:
        problems.append(str(error))
        return None
    if engine.device == "cpu":
        engine.close()
        return None
    return engine


def _build_later(
    model: ModelFile, options: EngineOptions
) -> Callable[[tuple[int, int]], Engine] | None:
    """Return how a caller that does not wait comes to TensorRT's engine after all.

    None for one that waits, or without TensorRT.
    """
    if options.waits or options.device == "cpu" or not _tensorrt_fits(model, options):
        return None
    return lambda wanted: open_named("tensorrt", model, options, wanted)
