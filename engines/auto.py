"""``--engine auto``: a good guess at once, a measured choice from the second run on, and a sentence
that says which and why.

On a GPU: TensorRT once its engine is built, PyTorch until then. On a CPU never torch, and int8 only
after a check on this very CPU that its pictures are those of fp32, since 8-bit products saturate on
CPUs without VNNI. What is measured is kept per processor, library versions, threads, model, size
and precision.
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
from dataclasses import replace
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


def open_best(model: ModelFile, options: EngineOptions, size: tuple[int, int]) -> Engine:
    """The engine for ``model`` at ``size`` (height, width) on this machine, with the reason in
    ``note``.

    Raises EngineUnavailable if nothing here can run it.
    """
    problems: list[str] = []
    if options.device != "cpu" and (gpu := _open_gpu(model, options, size, problems)):
        return gpu
    if options.device not in ("auto", "cpu"):
        raise EngineUnavailable(
            f"--device {options.device}: no engine can use it here. {' '.join(problems)} "
            "`--list-engines` tells what is missing; --device cpu works."
        )
    key = _key(model, options, size)
    remembered = _remembered(key)
    choices = _choices(model, options)
    if remembered:
        note = f"fastest here when measured ({remembered['ms']:.0f} ms a frame)"
        choices = itertools.chain([(remembered["engine"], remembered["precision"], note)], choices)
    failures = []
    for name, precision, note in choices:
        try:
            engine = open_named(
                name, model, replace(options, device="cpu", precision=precision), size
            )
        except EngineError as error:
            failures.append(str(error))
            continue
        engine.note = "; ".join([note, *(f"not on the GPU: {problem}" for problem in problems[:1])])
        engine.better = _built_later(model, options)
        if not remembered:
            _measure_in_background(model, options, size)
        return engine
    failures += [
        f"{name}: {reason}" for name in CPU_ENGINES if (reason := engine_class(name).unavailable())
    ]
    raise EngineUnavailable(
        f"no engine can run {model.name} with --precision {options.precision} here. {' '.join(failures)}"
    )


def measure(
    model: ModelFile, options: EngineOptions, size: tuple[int, int]
) -> list[dict[str, object]]:
    """Time every CPU engine and precision that may be chosen, fastest first, and remember the
    result.

    They take turns, and the best of each counts, since this runs beside whatever else the machine
    does.
    """
    frame = np.random.default_rng(0).integers(0, 255, (1, *size, 3), np.uint8)
    style = np.eye(1, len(model.styles), 1, dtype=np.float32)
    with contextlib.ExitStack() as opened:
        engines = []
        for name, precision, _ in _choices(model, options):
            with contextlib.suppress(
                EngineError
            ):  # what cannot run is not a candidate; asked for by name it would say why
                engine = open_named(
                    name, model, replace(options, device="cpu", precision=precision), size
                )
                engines.append(opened.enter_context(engine))
        best_s = [math.inf] * len(engines)
        for _ in range(_ROUNDS):
            for i, engine in enumerate(engines):
                start_s = time.perf_counter()
                engine.infer(frame, style)
                best_s[i] = min(best_s[i], time.perf_counter() - start_s)
        results = [
            {"engine": e.name, "precision": e.precision, "ms": s * 1000}
            for e, s in zip(engines, best_s, strict=True)
        ]
    results.sort(key=lambda r: r["ms"])
    if results:
        write_json(_file(_key(model, options, size)), results[0])
    return results


def int8_agrees(name: str, model: ModelFile, options: EngineOptions) -> bool:
    """Whether int8 gives fp32's pictures on this processor in engine ``name``: every painting,
    remembered.
    """
    file = _file("int8-" + _key(model, replace(options, precision="int8"), _CHECK_SIZE) + name)
    known = read_json(file)
    if not isinstance(known, dict) or "difference" not in known:
        try:
            known = {"difference": _int8_difference(name, model, options)}
        except EngineError:
            return False  # a damaged file, say: fp32 is there
        write_json(file, known)
    return known["difference"] < _INT8_BOUND


def _open_gpu(
    model: ModelFile, options: EngineOptions, size: tuple[int, int], problems: list[str]
) -> Engine | None:
    """TensorRT if its engine is built, else PyTorch on the GPU, else TensorRT built now if the
    caller ``waits``.

    None where there is no GPU, without importing anything for one; or where none of these can use
    it, with ``problems``.
    """
    if not _gpu_may_be_here():
        return None
    if engine := _open_tensorrt(model, options, size, problems, builds=False):
        engine.note = "the fastest on this GPU"
        return engine
    if engine := _open_torch(model, options, size, problems):
        engine.better = _built_later(model, options)
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
    """None if it cannot run here, or would have to be built and ``builds`` is False."""
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


def _built_later(
    model: ModelFile, options: EngineOptions
) -> Callable[[tuple[int, int]], Engine] | None:
    """How a caller that does not wait comes to TensorRT's engine after all; None for one that does,
    or without TensorRT.
    """
    if options.waits or options.device == "cpu" or not _tensorrt_fits(model, options):
        return None
    return lambda wanted: open_named("tensorrt", model, options, wanted)


def _choices(model: ModelFile, options: EngineOptions) -> Iterator[tuple[str, str, str]]:
    """Engine, precision and why, likeliest first: OpenVINO before ONNX Runtime, int8 before fp32
    where it may be used.

    A generator, so that what is not asked for is not checked either.
    """
    wanted = ("int8", "fp32") if options.precision == "auto" else (options.precision,)
    for name in CPU_ENGINES:
        for precision in wanted:
            if engine_class(name).unavailable() or precision not in engine_class(name).precisions(
                model
            ):
                continue
            if (
                precision == "int8"
                and options.precision == "auto"
                and not int8_agrees(name, model, options)
            ):
                continue
            yield (
                name,
                precision,
                "usually the fastest on a CPU; measured in the background for the next run",
            )


def _measure_in_background(model: ModelFile, options: EngineOptions, size: tuple[int, int]) -> None:
    """Measure in a process of low priority, so that neither a slow nor a crashing runtime reaches
    this one.
    """
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
    quiet = {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
    }
    root = str(Path(__file__).resolve().parent.parent)
    subprocess.Popen(command, cwd=root, start_new_session=True, **quiet)


def _int8_difference(name: str, model: ModelFile, options: EngineOptions) -> float:
    """Largest mean |int8 - fp32| of any painting, 0..255."""
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


def _key(model: ModelFile, options: EngineOptions, size: tuple[int, int]) -> str:
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


def _file(key: str) -> Path:
    folder = cache_dir() / "choices"
    folder.mkdir(exist_ok=True, mode=0o700)
    return folder / f"{key}.json"


def _remembered(key: str) -> dict[str, object] | None:
    """The kept choice if it is whole and its engine is still installed."""
    kept = read_json(_file(key))
    if (
        not isinstance(kept, dict)
        or kept.get("engine") not in CPU_ENGINES
        or not isinstance(kept.get("ms"), float)
    ):
        return None
    if kept.get("precision") not in PRECISIONS:
        return None
    return None if engine_class(kept["engine"]).unavailable() else kept


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(15)
    path, height, width, precision, threads = sys.argv[1:]
    measure(
        load_model(Path(path)),
        EngineOptions(precision=precision, threads=int(threads) or None),
        (int(height), int(width)),
    )
