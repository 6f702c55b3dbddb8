"""What an engine is: something that runs a model file on arrays.

It knows nothing of frames, time or threads.

To add a runtime, write one file ``engines/runtimes/NAME.py`` with a subclass of ``Engine``; the
registry and the contract suite (tests/engines/test_contract.py) find it because it is there.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias, overload

import numpy as np

from engines.conditions import conditions_of
from engines.errors import EngineError, EngineLoadError, EngineRunError, LivebrushError
from engines.model_file import ModelFile

if TYPE_CHECKING:
    from torch import Tensor

# (N, H, W, 3) uint8 RGB, in host memory or on a GPU.
Frames: TypeAlias = "np.ndarray | Tensor"
# What a network is given beside the frames, by the names of its inputs, each C-contiguous.
Conditions: TypeAlias = "dict[str, np.ndarray]"
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
_KEPT_TIMES = 100


def ignore_progress(share: float, phase: str) -> None:
    """Do nothing: the ``OnProgress`` of who asks for none."""


@contextmanager
def build_silently(_what: str, _expected_s: float | None) -> Iterator[OnProgress]:
    """Show nothing of a build: the ``ShowBuild`` of who asks for none."""
    yield ignore_progress


class Cancel:
    """Asks builds that are under way to stop, from any thread."""

    def __init__(self) -> None:
        self.is_asked = False

    def ask(self) -> None:
        """Stop what is built now and later."""
        self.is_asked = True


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
    cancel: Cancel = field(default_factory=Cancel, compare=False)
    """What stops such a build; engines like this one share it."""


class Engine(ABC):
    """Runs one model.

    Call every method from one thread at a time; ``prepare`` may run beside ``infer`` of another
    engine.
    """

    name: ClassVar[str]
    """As ``--engine`` takes it, and as the file is called."""
    summary: ClassVar[str]
    """What it is, in a few words for ``--list-engines``."""
    device: str = "cpu"
    """Such as "cpu" or "cuda:0": resolved, never "auto"."""
    precision: str = "fp32"
    """Such as "fp32", or "uint8" where nothing is computed: resolved, never "auto"."""
    note: str = ""
    """Why this engine was taken."""
    better: Callable[[tuple[int, int]], Engine] | None = None
    """Opens a faster engine for a (height, width), which takes a while; None: there is none."""
    in_flight: int = 1
    """How many inferences may be under way: more than one where copies and computing overlap."""
    takes_tensors: bool = False
    """Whether frames may be a PyTorch tensor on ``device``; the result then is one too."""

    def __init__(self, model: ModelFile, options: EngineOptions) -> None:
        self.model = model
        self.options = options
        self._made: dict[tuple[int, int, int], Any] = {}
        self._watched: tuple[int, int] | None = None
        self._took_ms: deque[float] = deque(maxlen=_KEPT_TIMES)

    @classmethod
    @abstractmethod
    def unavailable(cls) -> str | None:
        """Return why this engine cannot run here, with what to install; None if it can.

        Imports nothing heavy.
        """

    @classmethod
    def precisions(cls, model: ModelFile) -> tuple[str, ...]:
        """Return the precisions in which this engine can run ``model``, best quality first."""
        return ("fp32", "int8") if model.int8_path else ("fp32",)

    def ready(self, size: tuple[int, int]) -> bool:
        """Return whether ``prepare`` for (height, width) is a matter of moments.

        An engine that is built first may say no.
        """
        return True

    def prepare(self, size: tuple[int, int], batch: int = 1) -> None:
        """Specialise to (height, width) and ``batch`` frames.

        Then the first ``infer`` of that size is as fast as the rest. The last ``KEPT_SIZES``
        specialisations stay. Raises EngineLoadError if the model cannot be brought to that size, or
        the runtime fails at its first work.
        """
        try:
            self._get_specialised((batch, *size))
        except (LivebrushError, MemoryError):
            raise
        except Exception as error:
            raise EngineLoadError(
                f"{self.name} cannot be made ready for frames of {size[1]}x{size[0]} on "
                f"{self.device}: {error}. Try another engine, for example --engine onnxruntime."
            ) from error

    @overload
    def infer(
        self, frames: np.ndarray, style: np.ndarray, canvas: np.ndarray | None = None
    ) -> np.ndarray: ...

    @overload
    def infer(
        self, frames: Tensor, style: np.ndarray, canvas: np.ndarray | None = None
    ) -> Tensor: ...

    @overload
    def infer(
        self, frames: Frames, style: np.ndarray, canvas: np.ndarray | None = None
    ) -> Frames: ...

    def infer(self, frames: Frames, style: np.ndarray, canvas: np.ndarray | None = None) -> Frames:
        """Stylise a batch.

        frames: (N, H, W, 3) uint8, RGB, full-range sRGB. style: (N, S) float32, non-negative, each
        row summing to 1; column 0 is the untouched original. For models that take rows
        (``ModelFile.row_length``) it may be (N, S + 1 + R): then comes the weight of styles that
        the model does not hold, and the sum of their rows, each times its weight. canvas:
        (N, C, h, w) float32 noise for models that take one (``ModelFile.canvas``), times its
        strength; absent: the noise of seed 1 that does not move, as strong as each style is meant
        to have it. Returns (N, H, W, 3) uint8 RGB, owned by the caller. Where ``takes_tensors``,
        ``frames`` may be a CUDA tensor, made on the stream that is current; then the result is one,
        whole when this returns. Raises ValueError for other shapes or types, EngineRunError if the
        runtime fails.
        """
        return self.start(frames, style, canvas)()

    def start(self, frames: Frames, style: np.ndarray, canvas: np.ndarray | None = None) -> Pending:
        """Begin ``infer`` and return what waits for its result.

        Up to ``in_flight`` may be begun before the first is waited for. The arrays may be changed
        as soon as this returns. Raises as ``infer``, here or when waiting.
        """
        self._check(frames, style)
        began_s = time.perf_counter()
        size = (frames.shape[1], frames.shape[2])
        conditions = conditions_of(self.model, style, size, canvas)
        with self._translate_errors(size):
            if isinstance(frames, np.ndarray):
                finish = self._start(np.ascontiguousarray(frames), conditions)
            else:
                finish = self._start_tensor(frames.contiguous(), conditions)

        def result() -> Frames:
            with self._translate_errors(size):
                painted = finish()
            if size == self._watched and len(frames) == 1:
                self._took_ms.append((time.perf_counter() - began_s) * 1000)
            return painted

        return result

    def watch(self, size: tuple[int, int]) -> Collection[float]:
        """Return how many milliseconds frames of (height, width) took, the newest of them.

        It is filled from now on, by ``infer`` of one frame at a time.
        """
        self._watched = size
        return self._took_ms

    def close(self) -> None:
        """Free what the runtime holds.

        A closed engine is not used again; closing twice is harmless.
        """
        while self._made:
            self._drop(self._made.popitem()[1])

    def _specialise(self, key: tuple[int, int, int]) -> Any:
        """Make whatever ``_infer`` needs to run (batch, height, width).

        Engines that take any size have nothing to do.
        """

    def _get_specialised(self, key: tuple[int, int, int]) -> Any:
        """Return what ``_specialise`` made for ``key``, made now if it is not there (any more)."""
        made = self._made.pop(key) if key in self._made else self._specialise(key)
        self._made[key] = made
        if len(self._made) > KEPT_SIZES:
            self._drop(self._made.pop(next(iter(self._made))))
        return made

    def _drop(self, made: Any) -> None:
        """Free what ``_specialise`` made, where that does not go with the last reference to it."""

    def _start(self, frames: np.ndarray, conditions: Conditions) -> Pending:
        """Do as ``start`` after the checks; what has nothing to overlap computes at once."""
        result = self._infer(frames, conditions)
        return lambda: result

    def _start_tensor(self, frames: Tensor, conditions: Conditions) -> Pending:
        """Do as ``start`` for frames on the GPU; for engines that take them."""
        raise NotImplementedError

    @contextmanager
    def _translate_errors(self, size: tuple[int, int]) -> Iterator[None]:
        """Raise what a runtime raises as an EngineRunError that says where."""
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
    def _infer(self, frames: np.ndarray, conditions: Conditions) -> np.ndarray:
        """Do as ``infer`` after the checks; the arrays are C-contiguous."""

    def _check(self, frames: Frames, style: np.ndarray) -> None:
        """Raise ValueError for what ``start`` does not take."""
        if not (isinstance(frames, np.ndarray) or self.takes_tensors):
            raise ValueError(
                f"{self.name} on {self.device} takes arrays in host memory, "
                f"not {type(frames).__name__}"
            )
        is_bytes = str(frames.dtype) in ("uint8", "torch.uint8")
        if frames.ndim != 4 or frames.shape[3] != 3 or not is_bytes or 0 in frames.shape:
            raise ValueError(
                "frames must be (N, H, W, 3) uint8 with no empty side, "
                f"got {tuple(frames.shape)} {frames.dtype}"
            )
        if len(style) != len(frames):
            raise ValueError(f"style must be of {len(frames)} frames, got {style.shape}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{self.name} {self.precision} on {self.device}: {self.model.name}>"
