"""Which TensorRT is installed.

It is ``tensorrt``, or TensorRT for RTX (``tensorrt_rtx``), which has the same API in a plain wheel.
"""

from __future__ import annotations

import functools
import importlib.util
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from engines.errors import EngineUnavailable
from engines.install import install_line
from engines.machine import package_version
from engines.plans.cuda import gpu_target

INSTALL = install_line("tensorrt-rtx")
# Compute capabilities that TensorRT for RTX builds for; its own list is known once it is imported.
RTX_TARGETS = ("sm75", "sm80", "sm86", "sm89", "sm120", "sm121")
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
        """Return the logger of builders, parsers and runtimes, and the errors that it hears.

        They are those of this thread, from now on. There is one logger for the whole process, since
        TensorRT keeps the first that it is given for ever.
        """
        logger = _make_logger(self.module)
        logger.heard.errors = logger.latest = []
        return logger, logger.latest

    def start(self, make: Callable[[Any], Any], logger: Any, errors: list[str]) -> Any:
        """Return what ``make``, a builder or a runtime, gives for ``logger``.

        Raises EngineUnavailable where there is no GPU for it or the driver is too old: the binding
        then raises TypeError, and says why to the logger alone.
        """
        try:
            made = make(logger)
        except TypeError as error:
            reason = errors[-1] if errors else str(error)
            raise EngineUnavailable(
                f"{self.name} {self.version} does not start: {reason}. Most likely the NVIDIA "
                "driver is too old for it: update that, or use --engine torch or --device cpu."
            ) from error
        if made is None:
            raise EngineUnavailable(
                f"{self.name} {self.version} does not start: "
                f"{errors[-1] if errors else 'it gives no reason'}."
            )
        return made


def library_names() -> list[str]:
    """Return the libraries that are installed, the preferred one first; imports none."""
    return [name for name in _LIBRARIES if importlib.util.find_spec(name)]


def rtx_problem(names: Sequence[str]) -> str | None:
    """Return why none of the libraries in ``names`` can serve the GPU that is here, or None.

    TensorRT for RTX knows the cards of desktops and laptops, not those of data centres. Imports no
    TensorRT.
    """
    if list(names) != ["tensorrt_rtx"]:
        return None
    target = gpu_target()
    if target is None or target in RTX_TARGETS:
        return None
    return (
        f"TensorRT for RTX does not know this GPU ({target}). The full one does: "
        "pip install 'livebrush[tensorrt]'"
    )


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


@functools.lru_cache
def _make_logger(module: Any) -> Any:
    log = logging.getLogger("livebrush.tensorrt")
    bad = {module.Logger.INTERNAL_ERROR, module.Logger.ERROR}

    base: Any = module.ILogger

    class Log(base):  # type: ignore[misc]  # the library has no types
        def __init__(self) -> None:
            base.__init__(self)
            self.heard, self.latest = threading.local(), list[str]()

        def log(self, severity: Any, message: str) -> None:
            if severity in bad:
                # A thread of TensorRT's own most likely works for the latest to ask.
                getattr(self.heard, "errors", self.latest).append(message)
            log.debug("%s", message)

    return Log()
