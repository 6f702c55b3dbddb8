"""Which TensorRT is installed.

It is ``tensorrt``, or TensorRT for RTX (``tensorrt_rtx``), which has the same API in a plain wheel.
"""

from __future__ import annotations

import importlib.util
import logging
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from engines.errors import EngineUnavailable
from engines.machine import package_version

INSTALL = "pip install 'livebrush[tensorrt-rtx]'"
_LIBRARIES = ("tensorrt", "tensorrt_rtx")
_PACKAGES = {"tensorrt": "tensorrt", "tensorrt_rtx": "tensorrt-rtx-cu13"}


@dataclass(frozen=True)
class Library:
    """An imported TensorRT."""

    name: str
    """The module's: "tensorrt" or "tensorrt_rtx"."""
    module: ModuleType

    @property
    def version(self) -> str:
        """The library's own version."""
        return str(self.module.__version__)

    @property
    def is_rtx(self) -> bool:
        """Whether it is TensorRT for RTX."""
        return self.name == "tensorrt_rtx"

    @property
    def targets(self) -> list[str]:
        """The GPUs that it can build for without having one: "sm75", "sm89", ...

        The full TensorRT has none.
        """
        capabilities = getattr(self.module, "ComputeCapability", None)
        names = capabilities.__members__ if capabilities and self.is_rtx else {}
        return [name.lower() for name in names if name.startswith("SM")]

    def logger(self) -> tuple[Any, list[str]]:
        """Make a logger for builder, parser and runtime; return it and the errors it has heard."""
        return _make_logger(self.module)


def library_names() -> list[str]:
    """Return the libraries that are installed, the preferred one first; imports none."""
    return [name for name in _LIBRARIES if importlib.util.find_spec(name)]


def library_version(name: str) -> str:
    """Return the version of an installed library without importing it."""
    return package_version(_PACKAGES[name]) or "unknown"


def import_library(target: str = "current") -> Library:
    """Import the library for ``target``.

    For the GPU that is here it is the first that is installed, for others TensorRT for RTX. Raises
    EngineUnavailable with what to install.
    """
    names = library_names()
    if target != "current":
        names = [name for name in names if name == "tensorrt_rtx"]
        if not names:
            raise EngineUnavailable(
                f"--gpu {target}: only TensorRT for RTX builds for a GPU that is not here. "
                f"Type: {INSTALL}"
            )
    if not names:
        raise EngineUnavailable(f"TensorRT is not installed. Type: {INSTALL}")
    try:
        return Library(names[0], importlib.import_module(names[0]))
    except (ImportError, OSError) as error:
        raise EngineUnavailable(
            f"{names[0]} is installed but does not start ({error}). Type: {INSTALL}"
        ) from error


def _make_logger(module: Any) -> tuple[Any, list[str]]:
    errors: list[str] = []
    log = logging.getLogger("livebrush.tensorrt")
    bad = {module.Logger.INTERNAL_ERROR, module.Logger.ERROR}

    base: Any = module.ILogger

    class Log(base):  # type: ignore[misc]  # the library has no types
        def __init__(self) -> None:
            base.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity in bad:
                errors.append(message)
            log.debug("%s", message)

    return Log(), errors
