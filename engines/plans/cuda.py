"""Memory, streams and graphs of one NVIDIA GPU.

Through cuda-python, or through PyCUDA where that alone is installed. Both work in the GPU's primary
context, which PyTorch uses too. Addresses and streams are plain integers, as TensorRT wants them;
what is allocated is freed by the ``ExitStack`` that is handed in.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib.util
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from engines.errors import EngineUnavailable

_NON_BLOCKING = 1  # CU_STREAM_NON_BLOCKING: does not wait for the default stream


class Cuda(ABC):
    """One GPU.

    Everything but its attributes needs ``current()``: a GPU's context belongs to the thread that
    made it current.
    """

    index: int
    """Counts from 0."""
    name: str
    """As the driver calls it."""
    target: str
    """Its compute capability, such as "sm89"."""
    driver: int
    """The major CUDA version of the driver."""

    @abstractmethod
    def current(self) -> contextlib.AbstractContextManager[None]:
        """Make the GPU's context this thread's for a while."""

    @abstractmethod
    def memory(self, size_bytes: int, owner: ExitStack) -> int:
        """Allocate memory on the GPU and return its address."""

    @abstractmethod
    def pinned(self, shape: tuple[int, ...], dtype: Any, owner: ExitStack) -> np.ndarray:
        """Allocate a host array that the GPU reads and writes by itself."""

    @abstractmethod
    def stream(self, owner: ExitStack) -> int:
        """Make a queue of work."""

    @abstractmethod
    def upload(self, address: int, source: np.ndarray, stream: int) -> None:
        """Queue a copy of the pinned ``source`` to the GPU."""

    @abstractmethod
    def download(self, target: np.ndarray, address: int, stream: int) -> None:
        """Queue a copy from the GPU to the pinned ``target``."""

    @abstractmethod
    def copy(self, target: int, source: int, size_bytes: int, stream: int) -> None:
        """Queue a copy from one address on the GPU to another."""

    def follow(self, stream: int) -> None:
        """Let ``stream`` wait for what PyTorch has queued to its current stream so far."""
        import torch

        streams: Any = torch.cuda  # its classes are untyped
        streams.ExternalStream(stream, self.index).wait_stream(streams.current_stream(self.index))

    @abstractmethod
    def wait(self, stream: int) -> None:
        """Return when all work of ``stream`` is done."""

    def record(
        self,
        stream: int,
        work: Callable[[], None],
        owner: ExitStack,
    ) -> Callable[[], None] | None:
        """Record ``work``, which queues to ``stream``, as one CUDA graph.

        Calling the result queues it all at once. None where the library has no graphs, or the
        driver could not record it; ``work`` is as good then, only slower to queue.
        """
        return None

    @abstractmethod
    def close(self) -> None:
        """Give the context back. Closing twice is harmless."""


def cuda_problem() -> str | None:
    """Return why no GPU can be used here, with what to install, or None.

    Imports nothing of NVIDIA's.
    """
    if not (_find("pycuda") or _find("cuda.bindings")):
        return "neither cuda-python nor PyCUDA is installed. Type: pip install cuda-bindings"
    if os.name != "nt" and not Path("/dev/nvidiactl").exists() and not Path("/dev/dxg").exists():
        return (
            "there is no NVIDIA driver here. Use --engine auto, "
            "or install the driver from nvidia.com/drivers"
        )
    return None


@functools.lru_cache
def gpu_target() -> str | None:
    """Return the compute capability of the first GPU, such as "sm89"; None if none starts."""
    try:
        card = open_cuda()
    except EngineUnavailable:
        return None
    card.close()
    return card.target


def open_cuda(device: str = "cuda") -> Cuda:
    """Open the GPU called "cuda" or "cuda:N".

    Raises EngineUnavailable if there is none, or no way to it.
    """
    problem = cuda_problem()
    if problem:
        raise EngineUnavailable(f"--device {device}: {problem}.")
    index = int(device.partition(":")[2] or 0)
    try:
        # PyCUDA has no CUDA graphs.
        return CudaPython(index) if _find("cuda.bindings") else PyCuda(index)
    except EngineUnavailable:
        raise
    except Exception as error:
        raise EngineUnavailable(
            f"--device {device}: the NVIDIA driver does not start ({error}). Use --device cpu."
        ) from error


def _find(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


class CudaPython(Cuda):
    """Through cuda-python's driver bindings, whose calls return their error first."""

    def __init__(self, index: int) -> None:
        from cuda.bindings import driver

        self._driver, self.index = driver, index
        self._context: Any = None
        self._call(driver.cuInit(0))
        count = self._call(driver.cuDeviceGetCount())
        if index >= count:
            raise EngineUnavailable(
                f"--device cuda:{index}: there are {count} NVIDIA GPUs here, counted from 0."
            )
        self._device = self._call(driver.cuDeviceGet(index))
        self.name = (
            self._call(driver.cuDeviceGetName(128, self._device))
            .split(b"\0")[0]
            .decode(errors="replace")
        )
        attributes = driver.CUdevice_attribute
        major = self._read_attribute(attributes.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
        minor = self._read_attribute(attributes.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)
        self.target = f"sm{major}{minor}"
        self.driver = self._call(driver.cuDriverGetVersion()) // 1000
        self._context = self._call(driver.cuDevicePrimaryCtxRetain(self._device))

    def _read_attribute(self, which: Any) -> int:
        return int(self._call(self._driver.cuDeviceGetAttribute(which, self._device)))

    def _call(self, result: tuple[Any, ...]) -> Any:
        error, *values = result
        if error != self._driver.CUresult.CUDA_SUCCESS:
            found, text = self._driver.cuGetErrorString(error)
            known = found == self._driver.CUresult.CUDA_SUCCESS and text
            reason = text.decode() if known else str(error)
            raise RuntimeError(f"CUDA: {reason}")
        return values[0] if values else None

    @contextmanager
    def current(self) -> Iterator[None]:
        """Make the context this thread's for a while."""
        self._call(self._driver.cuCtxPushCurrent(self._context))
        try:
            yield
        finally:
            self._call(self._driver.cuCtxPopCurrent())

    def memory(self, size_bytes: int, owner: ExitStack) -> int:
        """Allocate memory on the GPU and return its address."""
        address = self._call(self._driver.cuMemAlloc(size_bytes))
        owner.callback(self._driver.cuMemFree, address)
        return int(address)

    def pinned(self, shape: tuple[int, ...], dtype: Any, owner: ExitStack) -> np.ndarray:
        """Allocate a host array that the GPU reads and writes by itself."""
        size_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
        address = self._call(self._driver.cuMemHostAlloc(size_bytes, 0))
        owner.callback(self._driver.cuMemFreeHost, address)
        return np.frombuffer(
            (ctypes.c_uint8 * size_bytes).from_address(int(address)), dtype
        ).reshape(shape)

    def stream(self, owner: ExitStack) -> int:
        """Make a queue of work."""
        stream = self._call(self._driver.cuStreamCreate(_NON_BLOCKING))
        owner.callback(self._driver.cuStreamDestroy, stream)
        return int(stream)

    def upload(self, address: int, source: np.ndarray, stream: int) -> None:
        """Queue a copy to the GPU."""
        self._call(
            self._driver.cuMemcpyHtoDAsync(address, source.ctypes.data, source.nbytes, stream)
        )

    def download(self, target: np.ndarray, address: int, stream: int) -> None:
        """Queue a copy from the GPU."""
        self._call(
            self._driver.cuMemcpyDtoHAsync(target.ctypes.data, address, target.nbytes, stream)
        )

    def copy(self, target: int, source: int, size_bytes: int, stream: int) -> None:
        """Queue a copy on the GPU."""
        self._call(self._driver.cuMemcpyDtoDAsync(target, source, size_bytes, stream))

    def wait(self, stream: int) -> None:
        """Return when all work of ``stream`` is done."""
        self._call(self._driver.cuStreamSynchronize(stream))

    def record(
        self, stream: int, work: Callable[[], None], owner: ExitStack
    ) -> Callable[[], None] | None:
        """Record ``work`` as one CUDA graph."""
        driver = self._driver
        # What other threads allocate is no concern.
        mode = driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        self._call(driver.cuStreamBeginCapture(stream, mode))
        try:
            work()
        except Exception:  # noqa: BLE001 (the driver's and the engine's)
            driver.cuStreamEndCapture(stream)  # the graph of a failed capture is void
            return None
        error, graph = driver.cuStreamEndCapture(stream)
        if error != driver.CUresult.CUDA_SUCCESS:
            return None
        owner.callback(driver.cuGraphDestroy, graph)
        error, ready = driver.cuGraphInstantiate(graph, 0)
        if error != driver.CUresult.CUDA_SUCCESS:
            return None
        owner.callback(driver.cuGraphExecDestroy, ready)
        return lambda: self._call(driver.cuGraphLaunch(ready, stream))

    def close(self) -> None:
        """Give the context back."""
        if self._context is not None:
            self._context = None
            self._driver.cuDevicePrimaryCtxRelease(self._device)


class PyCuda(Cuda):
    """Through PyCUDA; it has no CUDA graphs."""

    def __init__(self, index: int) -> None:
        import pycuda.driver as driver

        self._driver, self.index = driver, index
        driver.init()
        if index >= driver.Device.count():
            raise EngineUnavailable(
                f"--device cuda:{index}: there are {driver.Device.count()} NVIDIA GPUs here, "
                "counted from 0."
            )
        device = driver.Device(index)
        self.name = device.name()
        self.target = "sm{}{}".format(*device.compute_capability())
        self.driver = driver.get_driver_version() // 1000
        self._context = device.retain_primary_context()
        self._streams: dict[int, Any] = {}

    @contextmanager
    def current(self) -> Iterator[None]:
        """Make the context this thread's for a while."""
        self._context.push()
        try:
            yield
        finally:
            self._driver.Context.pop()

    def memory(self, size_bytes: int, owner: ExitStack) -> int:
        """Allocate memory on the GPU and return its address."""
        allocation = self._driver.mem_alloc(size_bytes)
        owner.callback(allocation.free)
        return int(allocation)

    def pinned(self, shape: tuple[int, ...], dtype: Any, owner: ExitStack) -> np.ndarray:
        """Allocate a host array that the GPU reads and writes by itself."""
        array: np.ndarray = self._driver.pagelocked_empty(shape, dtype)
        allocation: Any = array.base
        owner.callback(allocation.free)
        return array

    def stream(self, owner: ExitStack) -> int:
        """Make a queue of work."""
        stream = self._driver.Stream(_NON_BLOCKING)
        handle = int(stream.handle)
        self._streams[handle] = stream  # freed with the last reference to it
        owner.callback(self._streams.pop, handle)
        return handle

    def upload(self, address: int, source: np.ndarray, stream: int) -> None:
        """Queue a copy to the GPU."""
        self._driver.memcpy_htod_async(address, source, self._streams[stream])

    def download(self, target: np.ndarray, address: int, stream: int) -> None:
        """Queue a copy from the GPU."""
        self._driver.memcpy_dtoh_async(target, address, self._streams[stream])

    def copy(self, target: int, source: int, size_bytes: int, stream: int) -> None:
        """Queue a copy on the GPU."""
        self._driver.memcpy_dtod_async(target, source, size_bytes, self._streams[stream])

    def wait(self, stream: int) -> None:
        """Return when all work of ``stream`` is done."""
        self._streams[stream].synchronize()

    def close(self) -> None:
        """Give the context back."""
        self._context = None
