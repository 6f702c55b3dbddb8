"""Frames through PyTorch on a CUDA card: pinned buffers, two frames under way, one CUDA graph each,
no wait but the last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from engines.tickets import Turns

if TYPE_CHECKING:
    from engines.base import Frames

SLOTS = 2
_WARM_UP = (
    3  # cuDNN chooses its algorithms and the allocator takes its memory before anything is recorded
)


class CudaFrames:
    """``graph`` (a FrameGraph on ``device``) for one shape (N, H, W); everything is allocated here.

    One thread at a time.

    ``problem``: why it runs without CUDA graphs although they were wanted, None if it does not.
    """

    def __init__(
        self, graph: nn.Module, device: str, shape: tuple[int, int, int], styles: int, records: bool
    ) -> None:
        self.problem: str | None = None
        slots = [_Slot(graph, device, shape, styles) for _ in range(SLOTS)]
        for slot in slots if records else ():
            self.problem = self.problem or slot.record()
        self._turns = Turns(slots)
        self.start = self._turns.start

    def close(self) -> None:
        """Wait for what is under way: its results stay to be had, and no buffer goes while the card
        uses it.
        """
        self._turns.finish()


class _Slot:
    """Buffers and a stream of its own, so that copies of one frame overlap the computing of
    another.
    """

    def __init__(
        self, graph: nn.Module, device: str, shape: tuple[int, int, int], styles: int
    ) -> None:
        self._graph, self._device = graph, torch.device(device)
        self._frame_host = torch.zeros(*shape, 3, dtype=torch.uint8, pin_memory=True)
        self._style_host = torch.eye(1, styles).repeat(shape[0], 1).pin_memory()
        self._stylized_host = torch.empty(*shape, 3, dtype=torch.uint8, pin_memory=True)
        self._stream = torch.cuda.Stream(device)
        self._recorded: torch.cuda.CUDAGraph | None = None
        self._given: Tensor | None = (
            None  # what is under way, if it is on the card, and where its result goes
        )
        self._result: Tensor | None = None
        self._frame = self._frame_host.to(device)
        self._style = self._style_host.to(device)
        self._stream.wait_stream(torch.cuda.current_stream(device))  # the two copies went there
        with torch.inference_mode(), torch.cuda.stream(self._stream):
            for _ in range(_WARM_UP):
                self._stylized = self._graph(self._frame, self._style)
        self._stream.synchronize()

    def record(self) -> str | None:
        """Make one CUDA graph of the network. Returns why that cannot be, or None."""
        recorded = torch.cuda.CUDAGraph()
        try:
            # thread_local: what the other threads of a live run allocate meanwhile is no concern of
            # the recording.
            with (
                torch.inference_mode(),
                torch.cuda.graph(recorded, stream=self._stream, capture_error_mode="thread_local"),
            ):
                self._stylized = self._graph(self._frame, self._style)
        except RuntimeError as error:
            return f"no CUDA graph could be recorded ({error})"
        self._recorded = recorded
        return None

    def start(self, frames: Frames, style: np.ndarray) -> None:
        np.copyto(self._style_host.numpy(), style)
        given = self._given = None if isinstance(frames, np.ndarray) else frames
        if given is None:
            np.copyto(self._frame_host.numpy(), frames)
        else:
            # Memory of the caller's stream, who reads it there; what was there before may still be
            # read: so wait after.
            self._result = torch.empty_like(given)
            self._stream.wait_stream(torch.cuda.current_stream(self._device))
        with torch.inference_mode(), torch.cuda.stream(self._stream):
            self._frame.copy_(self._frame_host if given is None else given, non_blocking=True)
            self._style.copy_(self._style_host, non_blocking=True)
            if self._recorded is not None:
                self._recorded.replay()
            else:
                self._stylized = self._graph(self._frame, self._style)
            (self._stylized_host if given is None else self._result).copy_(
                self._stylized, non_blocking=True
            )

    def wait(self) -> Frames:
        self._stream.synchronize()
        if self._given is None:
            return self._stylized_host.numpy().copy()
        result, self._given, self._result = self._result, None, None
        return result
