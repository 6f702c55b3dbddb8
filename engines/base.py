"""What an engine is: something that runs a model file on arrays.

It knows nothing of frames, time or threads.

To add a runtime, write one file ``engines/runtimes/NAME.py`` with a subclass of ``Engine``; the
registry and the contract suite (tests/engines/test_contract.py) find it because it is there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np

from engines.errors import EngineError, EngineRunError
from engines.model_file import ModelFile

if TYPE_CHECKING:
    from torch import Tensor

# (N, H, W, 3) uint8 RGB, in host memory or on a GPU.
Frames: TypeAlias = "np.ndarray | Tensor"
# Waits for a result that is under way and returns it.
Pending: TypeAlias = Callable[[], "Frames"]
# Told the share that is done, 0..1, and the name of the phase.
OnProgress = Callable[[float, str], None]
# Told what is built and how many seconds the last such build took, None if that is not known. What
# it gives is entered before the build, which tells its progress, and left after it.
ShowBuild = Callable[[str, float | None], AbstractContextManager[OnProgress]]

DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "fp32", "fp16", "int8", "fp8")
# Each holds buffers of its own; a folder of differently cropped photos must not fill the memory.
KEPT_SIZES = 4


@contextmanager
def build_silently(what: str, expected_s: float | None) -> Iterator[OnProgress]:
    """Show nothing of a build: the ``ShowBuild`` of who asks for none."""
    yield lambda share, phase: None


@dataclass(frozen=True)
class EngineOptions:
    """How an engine shall run."""

    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    """CPU threads for inference, None for all that this process may use."""
    waits: bool = True
    """Whether ``auto`` may wait for an engine that has to be built first.

    If not, it starts on another one and offers the built one as ``Engine.better``.
    """
    throughput: bool = False
    """Whether many frames a second matter more than how soon each is there.

    An engine may then have several frames under way, each on fewer cores.
    """
    show_build: ShowBuild = build_silently
    """What shows the progress of an engine that is built first."""


class Engine(ABC):
    """Runs one model.

    Call every method from one thread at a time; ``prepare`` may run beside ``infer`` of another
    engine.

    Attributes set by the constructor: ``device`` ("cpu", "cuda:0", ...) and ``precision`` ("fp32",
    "fp16", "int8", or "uint8" for an engine that computes nothing), both resolved, never "auto";
    ``note``: why this engine was taken; ``better``: opens a faster engine for a (height, width),
    which takes a while, or None if there is none.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    device: str = "cpu"
    precision: str = "fp32"
    note: str = ""
    better: Callable[[tuple[int, int]], Engine] | None = None
    # How many inferences may be under way at a time: more than one where copies and computing
    # overlap.
    in_flight: int = 1
    # Whether ``frames`` may be a PyTorch tensor on ``device`` instead of an array; the result then
    # is one too.
    takes_tensors: bool = False

    def __init__(self, model: ModelFile, options: EngineOptions) -> None:
        self.model = model
        self.options = options
        self._made: dict[tuple[int, int, int], Any] = {}

    @classmethod
    @abstractmethod
    def unavailable(cls) -> str | None:
        """Why this engine cannot run here, with what to install, or None if it can.

        Imports nothing heavy.
        """

    @classmethod
    def precisions(cls, model: ModelFile) -> tuple[str, ...]:
        """The precisions in which this engine can run ``model``, best quality first."""
        return ("fp32", "int8") if model.int8_path else ("fp32",)

    def ready(self, size: tuple[int, int]) -> bool:
        """Whether ``prepare`` for (height, width) is a matter of moments; an engine that is built
        first may say no.
        """
        return True

    def prepare(self, size: tuple[int, int], batch: int = 1) -> None:
        """Specialise to (height, width) and ``batch`` frames, so that the first ``infer`` of that
        size is as fast as the rest.

        The last ``KEPT_SIZES`` specialisations stay. Raises EngineLoadError if the model cannot be
        brought to that size.
        """
        self._specialised((batch, *size))

    def infer(self, frames: Frames, style: np.ndarray) -> Frames:
        """Stylise a batch.

        frames: (N, H, W, 3) uint8, RGB, full-range sRGB. style: (N, S) float32, non-negative, each
        row summing to 1; column 0 is the untouched original. Returns (N, H, W, 3) uint8 RGB, owned
        by the caller. Where ``takes_tensors``, ``frames`` may be a CUDA tensor, made on the stream
        that is current; then the result is one, whole when this returns. Raises ValueError for
        other shapes or types, EngineRunError if the runtime fails.
        """
        return self.start(frames, style)()

    def start(self, frames: Frames, style: np.ndarray) -> Pending:
        """Begin ``infer`` and return what waits for its result; up to ``in_flight`` may be begun
        before the first is waited for.

        Both arrays may be changed as soon as this returns. Raises as ``infer``, here or when
        waiting.
        """
        self._check(frames, style)
        size = tuple(frames.shape[1:3])
        with self._told(size):
            on_host = isinstance(frames, np.ndarray)
            frames = np.ascontiguousarray(frames) if on_host else frames.contiguous()
            finish = self._start(frames, np.ascontiguousarray(style))

        def result() -> Frames:
            with self._told(size):
                return finish()

        return result

    def close(self) -> None:
        """Free what the runtime holds.

        A closed engine is not used again; closing twice is harmless.
        """
        while self._made:
            self._drop(self._made.popitem()[1])

    def _specialise(self, key: tuple[int, int, int]) -> Any:
        """Whatever ``_infer`` needs to run (batch, height, width); engines that take any size have
        nothing to do.
        """

    def _specialised(self, key: tuple[int, int, int]) -> Any:
        """What ``_specialise`` made for ``key``, made now if it was not or had to go for newer
        ones.
        """
        made = self._made.pop(key) if key in self._made else self._specialise(key)
        self._made[key] = made
        if len(self._made) > KEPT_SIZES:
            self._drop(self._made.pop(next(iter(self._made))))
        return made

    def _drop(self, made: Any) -> None:
        """Free what ``_specialise`` made, where that does not go with the last reference to it."""

    def _start(self, frames: Frames, style: np.ndarray) -> Pending:
        """``start`` after the checks; engines that have nothing to overlap compute at once."""
        result = self._infer(frames, style)
        return lambda: result

    @contextmanager
    def _told(self, size: tuple[int, int]) -> Iterator[None]:
        """What a runtime raises as an EngineRunError that says where."""
        try:
            yield
        except (EngineError, MemoryError):
            raise
        except Exception as error:
            raise EngineRunError(
                f"{self.name} failed on a {size[1]}x{size[0]} frame: {error}. "
                "Try another engine, for example --engine onnxruntime."
            ) from error

    @abstractmethod
    def _infer(self, frames: np.ndarray, style: np.ndarray) -> np.ndarray:
        """``infer`` after the checks; both arrays are C-contiguous."""

    def _check(self, frames: Frames, style: np.ndarray) -> None:
        if not (isinstance(frames, np.ndarray) or self.takes_tensors):
            raise ValueError(
                f"{self.name} on {self.device} takes arrays in host memory, not {type(frames).__name__}"
            )
        is_bytes = str(frames.dtype) in ("uint8", "torch.uint8")
        if frames.ndim != 4 or frames.shape[3] != 3 or not is_bytes or 0 in frames.shape:
            raise ValueError(
                f"frames must be (N, H, W, 3) uint8 with no empty side, got {tuple(frames.shape)} {frames.dtype}"
            )
        expected = (frames.shape[0], len(self.model.styles))
        if style.shape != expected or style.dtype != np.float32:
            raise ValueError(f"style must be {expected} float32, got {style.shape} {style.dtype}")

    def __enter__(self) -> Engine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{self.name} {self.precision} on {self.device}: {self.model.name}>"
