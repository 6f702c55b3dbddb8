"""Finds the engines: every file in engines/runtimes is one, under its own name."""

from __future__ import annotations

import functools
import importlib
from pathlib import Path

from engines.base import DEVICES, PRECISIONS, Engine, EngineOptions
from engines.errors import EngineUnavailable, UsageError
from engines.model_file import ModelFile


@functools.cache
def engine_names() -> list[str]:
    """Return the names that ``--engine`` takes beside ``auto``.

    They are read from the folder, so that no runtime has to be there.
    """
    return sorted(
        path.stem
        for path in (Path(__file__).parent / "runtimes").glob("*.py")
        if path.stem != "__init__"
    )


def engine_class(name: str) -> type[Engine]:
    """Return the class behind a name; its module is imported, its runtime is not.

    Raises UsageError for an unknown name.
    """
    if name not in engine_names():
        raise UsageError(
            f"there is no engine {name!r}. There are: auto, {', '.join(engine_names())}."
        )
    module = importlib.import_module(f"engines.runtimes.{name}")
    for value in vars(module).values():
        if (
            isinstance(value, type)
            and issubclass(value, Engine)
            and value.__dict__.get("name") == name
        ):
            return value
    raise TypeError(f"engines/runtimes/{name}.py defines no Engine with name = {name!r}")


def check_options(options: EngineOptions) -> None:
    """Raise UsageError for a device or precision that no engine has."""
    if options.precision not in PRECISIONS:
        raise UsageError(
            f"there is no precision {options.precision!r}. There are: {', '.join(PRECISIONS)}."
        )
    if options.device.split(":")[0] not in (*DEVICES, "mps"):
        raise UsageError(
            f"there is no device {options.device!r}. There are: auto, cpu, cuda, cuda:N, mps."
        )


def open_named(
    name: str, model: ModelFile, options: EngineOptions, size: tuple[int, int]
) -> Engine:
    """Open the engine called ``name``, which is not ``auto``, specialised to ``size``.

    Raises as ``engines.opening.open_engine``.
    """
    check_options(options)
    cls = engine_class(name)
    reason = cls.unavailable()
    if reason:
        raise EngineUnavailable(f"--engine {name}: {reason}")
    if options.precision not in ("auto", *cls.precisions(model)) and name != "passthrough":
        raise EngineUnavailable(
            f"--engine {name} cannot run {model.name} in {options.precision} here; "
            f"it can in {', '.join(cls.precisions(model))}."
        )
    try:
        engine = cls(model, options)
    except (ImportError, OSError, RuntimeError) as error:
        raise EngineUnavailable(
            f"--engine {name}: its runtime is installed but does not start ({error})."
        ) from error
    return prepared(engine, size)


def prepared(engine: Engine, size: tuple[int, int]) -> Engine:
    """Return ``engine`` specialised to frames of ``size``; it is closed if that fails.

    Raises EngineLoadError.
    """
    try:
        engine.prepare(size)
    except BaseException:
        engine.close()
        raise
    return engine
