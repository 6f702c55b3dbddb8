"""Runs frames through PyTorch on a CUDA GPU.

Pinned buffers, a stream and a CUDA graph for each frame under way, no wait but the last.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from engines.tickets import Turns

if TYPE_CHECKING:
    from engines.base import Conditions, Frames

# One is uploaded, one computed, one downloaded; where many a second matter more than memory.
SLOTS = 3
# cuDNN chooses its algorithms and the allocator takes its memory before anything is recorded.
_WARM_UP = 3
_POOL = 32  # streams that PyTorch hands out in turn for ever (c10/cuda/CUDAStream.cpp)
# What is warmed up or recorded: one at a time, since a graph is recorded by one thread of a process
# at a time only.
_recording = threading.Lock()
_streams_in_use: set[int] = set()


class CudaFrames:
    """Runs ``graph``, a FrameGraph on ``device``, for one shape (N, H, W).

    Everything is allocated here. Call it from one thread at a time.
    """

    problem: str | None
    """Why it runs without CUDA graphs although they were wanted, None if it does not."""

    def __init__(
        self,
        graph: nn.Module,
        device: str,
        shape: tuple[int, int, int],
        conditions: Conditions,
        records: bool,
        slots: int = SLOTS,
    ) -> None:
        """conditions: as the first frames may have them. slots: how many frames are under way."""
        self.problem = None
        with _recording:
            self._slots = [_Slot(graph, device, shape, conditions) for _ in range(slots)]
            for slot in self._slots if records else ():
                self.problem = self.problem or slot.record()
        self._turns = Turns(self._slots)
        self.start = self._turns.start

    def close(self) -> None:
        """Wait for what is under way, so that no buffer goes while the GPU uses it.

        Its results stay to be had.
        """
        self._turns.finish()
        while self._slots:
            self._slots.pop().give_back()


class _Slot:
    """Buffers and a stream of its own.

    So copies of one frame overlap the computing of another.
    """

    def __init__(
        self,
        graph: nn.Module,
        device: str,
        shape: tuple[int, int, int],
        conditions: Conditions,
    ) -> None:
        self._graph, self._device = graph, torch.device(device)
        self._frame_host = torch.zeros(*shape, 3, dtype=torch.uint8, pin_memory=True)
        self._conditions_host = {
            name: torch.tensor(array).pin_memory() for name, array in conditions.items()
        }
        self._stylized_host = torch.empty(*shape, 3, dtype=torch.uint8, pin_memory=True)
        self._stream = _take_stream(device)
        self._recorded: torch.cuda.CUDAGraph | None = None
        # What is under way and where its result goes, if they are on the GPU.
        self._given: tuple[Tensor, Tensor] | None = None
        self._frame = self._frame_host.to(device)
        self._conditions = {name: host.to(device) for name, host in self._conditions_host.items()}
        self._stream.wait_stream(torch.cuda.current_stream(device))  # the copies went there
        with torch.inference_mode(), torch.cuda.stream(self._stream):
            for _ in range(_WARM_UP):
                self._stylized = self._graph(self._frame, **self._conditions)
        self._stream.synchronize()

    def record(self) -> str | None:
        """Make one CUDA graph of the network. Return why that cannot be, or None."""
        recorded = torch.cuda.CUDAGraph()
        try:
            with torch.inference_mode(), torch.cuda.stream(self._stream):
                # Not torch.cuda.graph: it first waits for all that the process has queued, so a
                # picture that is being painted would stall. thread_local: what the other threads
                # of a live run allocate meanwhile is no concern of the recording.
                recorded.capture_begin(capture_error_mode="thread_local")
                try:
                    self._stylized = self._graph(self._frame, **self._conditions)
                finally:
                    recorded.capture_end()
        except RuntimeError as error:
            return f"no CUDA graph could be recorded ({error})"
        self._recorded = recorded
        return None

    def start(self, frames: Frames, conditions: Conditions) -> None:
        """Queue one inference."""
        for name, array in conditions.items():
            np.copyto(self._conditions_host[name].numpy(), array)
        if isinstance(frames, np.ndarray):
            self._given = None
            np.copyto(self._frame_host.numpy(), frames)
            source, target = self._frame_host, self._stylized_host
        else:
            # Memory of the caller's stream, who reads it there; what was there before may still be
            # read: so wait after.
            source, target = self._given = frames, torch.empty_like(frames)
            self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.inference_mode(), torch.cuda.stream(self._stream):
            self._frame.copy_(source, non_blocking=True)
            for name, host in self._conditions_host.items():
                self._conditions[name].copy_(host, non_blocking=True)
            if self._recorded is not None:
                self._recorded.replay()
            else:
                self._stylized = self._graph(self._frame, **self._conditions)
            target.copy_(self._stylized, non_blocking=True)

    def give_back(self) -> None:
        """Let others have the stream."""
        _streams_in_use.discard(self._stream.cuda_stream)

    def wait(self) -> Frames:
        """Wait for what was started and return its result."""
        self._stream.synchronize()
        given, self._given = self._given, None
        return given[1] if given else self._stylized_host.numpy().copy()


def _take_stream(device: str) -> Any:
    """Return a stream that no other slot has.

    After 32, PyTorch hands out the same ones again: two slots on one would wait for each other, and
    one that is recorded on would end the other's run.
    """
    streams: Any = torch.cuda  # its classes are untyped
    stream = streams.Stream(device)
    for _ in range(_POOL):
        if stream.cuda_stream not in _streams_in_use:
            break
        stream = streams.Stream(device)
    _streams_in_use.add(stream.cuda_stream)
    return stream
