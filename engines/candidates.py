"""Which engines and precisions ``--engine auto`` may take on a CPU, likeliest first.

Never torch, and int8 only after a check on this very CPU that its pictures are those of fp32, since
8-bit products saturate on CPUs without VNNI.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from engines.base import EngineOptions
from engines.cache import read_json, write_json
from engines.errors import EngineError
from engines.measured import CPU_ENGINES, choice_file, make_key
from engines.model_file import ModelFile
from engines.registry import engine_class, open_named

# int8 strays from fp32 by under 2/255 where it works; where products saturate, by tens.
_INT8_BOUND = 6.0
_CHECK_SIZE = (96, 128)


def find_candidates(model: ModelFile, options: EngineOptions) -> Iterator[tuple[str, str]]:
    """Yield the (engine, precision) that may be taken, likeliest first.

    OpenVINO before ONNX Runtime, int8 before fp32 where it may be used. A generator, so that what
    is not asked for is not checked either.
    """
    wanted = ("int8", "fp32") if options.precision == "auto" else (options.precision,)
    for name in CPU_ENGINES:
        engine = engine_class(name)
        if engine.unavailable():
            continue
        for precision in wanted:
            if precision not in engine.precisions(model):
                continue
            is_guess = precision == "int8" and options.precision == "auto"
            if not is_guess or int8_agrees(name, model, options):
                yield name, precision


def int8_agrees(name: str, model: ModelFile, options: EngineOptions) -> bool:
    """Return whether int8 gives fp32's pictures on this processor in engine ``name``.

    Every painting is compared, and the answer remembered.
    """
    file = choice_file(
        "int8-" + make_key(model, replace(options, precision="int8"), _CHECK_SIZE) + name
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
            styles = np.eye(model.own_styles, dtype=np.float32)[1:, None]
            pictures.append(
                np.concatenate([engine.infer(frame, style) for style in styles]).astype(np.int16)
            )
    return float(np.abs(pictures[0] - pictures[1]).mean((1, 2, 3)).max())
