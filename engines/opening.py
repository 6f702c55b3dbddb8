"""Opens engines: by name, the best one, or another like one that is open."""

from __future__ import annotations

from dataclasses import replace

from engines.base import PRECISIONS, Engine, EngineOptions
from engines.model_file import ModelFile
from engines.registry import check_options, open_named


def open_engine(
    name: str,
    model: ModelFile,
    options: EngineOptions | None = None,
    size: tuple[int, int] = (480, 640),
) -> Engine:
    """Open ``model`` in the engine called ``name``, ready for frames of ``size`` (height, width).

    ``auto`` chooses (engines/auto.py) and says why in ``Engine.note``; any other name is taken at
    its word and never replaced. Raises UsageError for an unknown name, device or precision,
    EngineUnavailable with what to install, EngineLoadError if the runtime refuses the model.
    """
    options = options or EngineOptions()
    if name != "auto":
        return open_named(name, model, options, size)
    check_options(options)
    from engines.auto import open_best  # the others do without what it brings

    return open_best(model, options, size)


def open_alike(engine: Engine, size: tuple[int, int], model: ModelFile | None = None) -> Engine:
    """Open a second engine of the same kind, device and precision.

    It is ready for frames of (height, width), and for another ``model`` if one is given. Raises
    EngineError.
    """
    precision = engine.precision if engine.precision in PRECISIONS else "auto"
    return open_engine(
        engine.name,
        model or engine.model,
        replace(engine.options, device=engine.device, precision=precision),
        size,
    )
