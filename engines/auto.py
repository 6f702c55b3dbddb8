"""``--engine auto``: a good guess at once, a measured choice from the second run on.

A sentence says which it is and why. On a GPU: TensorRT once its engine is built, PyTorch until
then. On a CPU never torch, and int8 only after a check on this very CPU that its pictures are those
of fp32, since 8-bit products saturate on CPUs without VNNI. What is measured is kept per processor,
library versions, threads, model, size and precision.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import math
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from engines.base import PRECISIONS, Engine, EngineOptions
from engines.cache import read_json, write_json
from engines.errors import EngineError, EngineUnavailable, LivebrushError
from engines.folders import cache_dir
from engines.machine import cpu_threads, package_version, processor
from engines.model_file import ModelFile, load_model
from engines.registry import engine_class, open_named

CPU_ENGINES = ("openvino", "onnxruntime")
# int8 strays from fp32 by under 2/255 where it works; where products saturate, by tens.
_INT8_BOUND = 6.0
_CHECK_SIZE = (96, 128)
_ROUNDS = 9


@dataclass(frozen=True)
class MeasuredEngine:
    """How fast an engine was on this machine; its fields are those of the kept file."""

    engine: str
    precision: str
    ms: float
    """Of one frame, the best of several."""


@dataclass(frozen=True)
class _Choice:
    """An engine that may be opened, and why."""

    engine: str
    precision: str
    reason: str


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
    remembered = _read_measured(_make_key(model, options, size))
    choices = _find_choices(model, options)
    if remembered:
        reason = f"fastest here when measured ({remembered.ms:.0f} ms a frame)"
        first = _Choice(remembered.engine, remembered.precision, reason)
        choices = itertools.chain([first], choices)
    failures = []
    for choice in choices:
        how = replace(options, device="cpu", precision=choice.precision)
        try:
            engine = open_named(choice.engine, model, how, size)
        except EngineError as error:
            failures.append(str(error))
            continue
        without_gpu = [f"not on the GPU: {problem}" for problem in problems[:1]]
        engine.note = "; ".join([choice.reason, *without_gpu])
        engine.better = _build_later(model, options)
        if not remembered:
            _measure_in_background(model, options, size)
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


def measure(
    model: ModelFile, options: EngineOptions, size: tuple[int, int]
) -> list[MeasuredEngine]:
    """Time every CPU engine and precision that may be chosen, fastest first.

    The result is remembered. They take turns, and the best of each counts, since this runs beside
    whatever else the machine does.
    """
    frame = np.random.default_rng(0).integers(0, 255, (1, *size, 3), np.uint8)
    style = np.eye(1, len(model.styles), 1, dtype=np.float32)
    with contextlib.ExitStack() as opened:
        engines = []
        for choice in _find_choices(model, options):
            how = replace(options, device="cpu", precision=choice.precision)
            # What cannot run is not a candidate; asked for by name it would say why.
            with contextlib.suppress(EngineError):
                engines.append(opened.enter_context(open_named(choice.engine, model, how, size)))
        best_s = [math.inf] * len(engines)
        for _ in range(_ROUNDS):
            for i, engine in enumerate(engines):
                start_s = time.perf_counter()
                engine.infer(frame, style)
                best_s[i] = min(best_s[i], time.perf_counter() - start_s)
        results = [
            MeasuredEngine(engine.name, engine.precision, seconds * 1000)
            for engine, seconds in zip(engines, best_s, strict=True)
        ]
    results.sort(key=lambda result: result.ms)
    if results:
        write_json(_choice_file(_make_key(model, options, size)), asdict(results[0]))
    return results


def int8_agrees(name: str, model: ModelFile, options: EngineOptions) -> bool:
    """Return whether int8 gives fp32's pictures on this processor in engine ``name``.

    Every painting is compared, and the answer remembered.
    """
    file = _choice_file(
        "int8-" + _make_key(model, replace(options, precision="int8"), _CHECK_SIZE) + name
    )
    known = read_json(file)
    if isinstance(known, dict) and "difference" in known:
        return bool(known["difference"] < _INT8_BOUND)
    try:
        difference = _measure_int8(name, model, options)
    except EngineError:
        return False  # a damaged file, say: fp32 is there
    write_json(file, {"difference": difference})
    return difference < _INT8_BOUND


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


def _find_choices(model: ModelFile, options: EngineOptions) -> Iterator[_Choice]:
    """Yield what may be chosen, likeliest first.

    OpenVINO before ONNX Runtime, int8 before fp32 where it may be used. A generator, so that what
    is not asked for is not checked either.
    """
    wanted = ("int8", "fp32") if options.precision == "auto" else (options.precision,)
    reason = "usually the fastest on a CPU; measured in the background for the next run"
    for name in CPU_ENGINES:
        engine = engine_class(name)
        if engine.unavailable():
            continue
        for precision in wanted:
            if precision not in engine.precisions(model):
                continue
            is_guess = precision == "int8" and options.precision == "auto"
            if not is_guess or int8_agrees(name, model, options):
                yield _Choice(name, precision, reason)


def _measure_in_background(model: ModelFile, options: EngineOptions, size: tuple[int, int]) -> None:
    """Measure in a process of low priority: no slow or crashing runtime reaches this one."""
    if os.environ.get("LIVEBRUSH_MEASURE") == "off":
        return
    command = [
        sys.executable,
        "-m",
        "engines.auto",
        str(model.path.resolve()),
        *map(str, size),
        options.precision,
        str(options.threads or 0),
    ]
    subprocess.Popen(
        command,
        cwd=str(Path(__file__).resolve().parent.parent),
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _measure_int8(name: str, model: ModelFile, options: EngineOptions) -> float:
    """Return the largest mean |int8 - fp32| of any painting, 0..255."""
    y, x = np.mgrid[0 : _CHECK_SIZE[0], 0 : _CHECK_SIZE[1]]
    noise = np.random.default_rng(0).normal(0, 8, (*_CHECK_SIZE, 3))
    waves = np.stack([128 + 100 * np.sin(x / 9), 128 + 100 * np.cos(y / 7), (x + y) % 256], -1)
    frame = np.clip(waves + noise, 0, 255).astype(np.uint8)[None]
    pictures = []
    for precision in ("fp32", "int8"):
        with open_named(
            name, model, replace(options, device="cpu", precision=precision), _CHECK_SIZE
        ) as engine:
            styles = np.eye(len(model.styles), dtype=np.float32)[1:, None]
            pictures.append(
                np.concatenate([engine.infer(frame, style) for style in styles]).astype(np.int16)
            )
    return float(np.abs(pictures[0] - pictures[1]).mean((1, 2, 3)).max())


def _make_key(model: ModelFile, options: EngineOptions, size: tuple[int, int]) -> str:
    versions = [f"{name}-{package_version(name) or 'none'}" for name in CPU_ENGINES]
    hashes = [
        hashlib.sha256(p.read_bytes()).hexdigest() for p in (model.path, model.int8_path) if p
    ]
    parts = [
        processor(),
        *versions,
        str(options.threads or cpu_threads()),
        *hashes,
        f"{size[1]}x{size[0]}",
        options.precision,
    ]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:24]


def _choice_file(key: str) -> Path:
    folder = cache_dir() / "choices"
    folder.mkdir(exist_ok=True, mode=0o700)
    return folder / f"{key}.json"


def _read_measured(key: str) -> MeasuredEngine | None:
    """Return the kept choice if it is whole and its engine is still installed."""
    kept = read_json(_choice_file(key))
    if not isinstance(kept, dict):
        return None
    name, precision, ms = (kept.get(field) for field in ("engine", "precision", "ms"))
    if name not in CPU_ENGINES or precision not in PRECISIONS or not isinstance(ms, float):
        return None
    return None if engine_class(name).unavailable() else MeasuredEngine(name, precision, ms)


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(15)
    path, height, width, precision, threads = sys.argv[1:]
    measure(
        load_model(Path(path)),
        EngineOptions(precision=precision, threads=int(threads) or None),
        (int(height), int(width)),
    )
