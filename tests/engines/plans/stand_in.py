"""A stand-in for a card and for TensorRT's runtime, on the host: what surrounds them can be tested
where there is no card.

It proves nothing about CUDA or TensorRT. Memory is the host's, a stream is a list of calls that run
when it is waited for, as late as a card may run them; a "plan" is the strongly typed graph, run by
ONNX Runtime.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime

from engines.plans.cuda import Cuda


class HostCard(Cuda):
    """``held``: what is allocated and not freed. ``depth``: how often the context is current."""

    index, name, target, driver = 0, "Stand-in", "sm89", 13

    def __init__(self) -> None:
        self.held: dict[int, Any] = {}
        self.queues: dict[int, list[Callable[[], None]]] = {}
        self.depth = 0

    @contextlib.contextmanager
    def current(self) -> Iterator[None]:
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1

    def memory(self, size_bytes: int, owner: ExitStack) -> int:
        assert self.depth, "no context is current"
        block = np.full(size_bytes, 77, np.uint8)
        self.held[block.ctypes.data] = block
        owner.callback(self.held.pop, block.ctypes.data)
        return block.ctypes.data

    def pinned(self, shape: tuple[int, ...], dtype: Any, owner: ExitStack) -> np.ndarray:
        block = self.held[self.memory(int(np.prod(shape)) * np.dtype(dtype).itemsize, owner)]
        return block.view(dtype).reshape(shape)

    def stream(self, owner: ExitStack) -> int:
        number = len(self.queues) + 1
        self.queues[number] = []
        return number

    def upload(self, address: int, source: np.ndarray, stream: int) -> None:
        self.queues[stream].append(
            lambda: ctypes.memmove(address, source.ctypes.data, source.nbytes)
        )

    def download(self, target: np.ndarray, address: int, stream: int) -> None:
        self.queues[stream].append(
            lambda: ctypes.memmove(target.ctypes.data, address, target.nbytes)
        )

    def copy(self, target: int, source: int, size_bytes: int, stream: int) -> None:
        self.queues[stream].append(lambda: ctypes.memmove(target, source, size_bytes))

    def follow(self, stream: int) -> None:
        """PyTorch on the CPU has done all that it was asked for."""

    def wait(self, stream: int) -> None:
        assert self.depth, "no context is current"
        queue, self.queues[stream] = self.queues[stream], []
        for call in queue:
            call()

    def close(self) -> None:
        pass


class Context:
    """An execution context: shapes, addresses, and a run that is queued."""

    def __init__(self, card: HostCard, session: onnxruntime.InferenceSession) -> None:
        self._card, self._session = card, session
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._addresses: dict[str, int] = {}

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        self._shapes[name] = tuple(shape)
        return True

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._addresses[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        self._card.queues[stream].append(self._run)
        return True

    def _run(self) -> None:
        given = {
            name: self._array(name, np.uint8 if name == "frame" else np.float32)
            for name in self._addresses
            if name != "stylized"
        }
        (out,) = self._session.run(["stylized"], given)
        self._array("stylized", np.uint8)[:] = out

    def _array(self, name: str, dtype: type) -> np.ndarray:
        shape = self._shapes.get(name, self._shapes["frame"])
        size_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
        return np.frombuffer(
            (ctypes.c_uint8 * size_bytes).from_address(self._addresses[name]), dtype
        ).reshape(shape)


def stand_in_library(card: HostCard, refused: set[bytes]) -> SimpleNamespace:
    """What ``import_library`` gives: the full TensorRT's way of starting, which is without a
    runtime configuration.
    """

    class Runtime:
        def __init__(self, logger: object) -> None:
            pass

        def deserialize_cuda_engine(self, plan: bytes) -> SimpleNamespace | None:
            if plan in refused:
                return None
            session = onnxruntime.InferenceSession(plan, providers=["CPUExecutionProvider"])
            return SimpleNamespace(create_execution_context=lambda: Context(card, session))

    return SimpleNamespace(
        name="tensorrt",
        version="0",
        is_rtx=False,
        targets=[],
        module=SimpleNamespace(Runtime=Runtime),
        logger=lambda: (object(), ["built for another driver"]),
        start=lambda make, logger, errors: make(logger),
    )
