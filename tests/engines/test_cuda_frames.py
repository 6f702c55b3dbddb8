"""The buffers and turns of PyTorch's way on a card, on the CPU; streams that do nothing stand in:
it proves nothing of CUDA.
"""

from __future__ import annotations

import contextlib
import itertools
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")

POOL = itertools.cycle(range(32))  # as PyTorch hands them out
FIRST = np.eye(1, 2, dtype=np.float32)


class Stream:
    """Everything that is queued has been done."""

    def __init__(self, device: object = None) -> None:
        self.cuda_stream = next(POOL)

    def wait_stream(self, other: object) -> None:
        assert isinstance(other, Stream)

    def synchronize(self) -> None:
        pass


class Recorded:
    """Plays what was recorded once more."""

    def capture_begin(self, capture_error_mode: str) -> None:
        assert capture_error_mode == "thread_local"

    def capture_end(self) -> None:
        pass

    def replay(self) -> None:
        network, frame, conditions, out = self.work
        out.copy_(network(frame, **conditions))


@pytest.fixture
def cuda_frames(monkeypatch: pytest.MonkeyPatch):
    from engines import cuda_frames

    def unpinned(make):
        return lambda *how, pin_memory=False, **options: make(*how, **options)

    cuda = SimpleNamespace(
        Stream=Stream,
        stream=lambda stream: contextlib.nullcontext(),
        current_stream=Stream,
        CUDAGraph=Recorded,
    )
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda self: self)
    stand_in = SimpleNamespace(
        **{
            name: getattr(torch, name)
            for name in ("tensor", "uint8", "device", "inference_mode", "empty_like")
        }
    )
    stand_in.zeros, stand_in.empty, stand_in.cuda = (
        unpinned(torch.zeros),
        unpinned(torch.empty),
        cuda,
    )
    monkeypatch.setattr(cuda_frames, "torch", stand_in)
    return cuda_frames


def network(frame: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
    return (frame.float() * style[0, 0] + (255 - frame.float()) * style[0, 1]).to(torch.uint8)


@pytest.mark.parametrize("records", [False, True])
def test_arrays_and_tensors_in_turn(cuda_frames, records: bool, monkeypatch: pytest.MonkeyPatch):
    def capture_end(recorded: Recorded) -> None:
        slot = next(slot for slot in slots if slot._recorded is None)
        recorded.work = (network, slot._frame, slot._conditions, slot._stylized)

    monkeypatch.setattr(Recorded, "capture_end", capture_end)
    slots: list = []
    make = cuda_frames._Slot
    monkeypatch.setattr(cuda_frames, "_Slot", lambda *how: slots.append(make(*how)) or slots[-1])
    frames = cuda_frames.CudaFrames(network, "cpu", (1, 4, 6), {"style": FIRST}, records)
    assert (
        frames.problem is None and [slot._recorded is not None for slot in slots] == [records] * 3
    )
    pictures = [
        np.random.default_rng(seed).integers(0, 256, (1, 4, 6, 3), np.uint8) for seed in range(5)
    ]
    styles = [np.eye(1, 2, index % 2, dtype=np.float32) for index in range(5)]
    given = [
        torch.from_numpy(picture) if index % 3 else picture
        for index, picture in enumerate(pictures)
    ]
    begun = [
        frames.start(picture, {"style": style})
        for picture, style in zip(given, styles, strict=True)
    ]
    frames.close()
    for index, finish in enumerate(begun):
        result = finish()
        assert isinstance(result, torch.Tensor) == bool(index % 3)
        np.testing.assert_array_equal(
            np.asarray(result), 255 - pictures[index] if index % 2 else pictures[index]
        )


def test_no_two_slots_share_a_stream(cuda_frames):
    """PyTorch hands out 32 in turn; the fifth size of an hour must not have the first one's."""

    def opened() -> object:
        return cuda_frames.CudaFrames(network, "cpu", (1, 4, 6), {"style": FIRST}, False)

    kept = opened()
    streams = {slot._stream.cuda_stream for slot in kept._slots}
    for _ in range(40):
        other = opened()
        assert not streams & {slot._stream.cuda_stream for slot in other._slots}
        other.close()
    kept.close()
    assert not cuda_frames._streams_in_use


def test_one_slot_where_one_frame_is_under_way(cuda_frames):
    frames = cuda_frames.CudaFrames(network, "cpu", (1, 4, 6), {"style": FIRST}, False, slots=1)
    picture = np.full((1, 4, 6, 3), 9, np.uint8)
    begun = [frames.start(picture + i, {"style": FIRST}) for i in range(3)]
    assert [int(finish()[0, 0, 0, 0]) for finish in begun] == [9, 10, 11]


def test_a_graph_that_cannot_be_recorded_is_a_note(cuda_frames, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(Recorded, "capture_begin", refuse)
    frames = cuda_frames.CudaFrames(network, "cpu", (1, 4, 6), {"style": FIRST}, True)
    assert "not permitted" in frames.problem
    picture = np.full((1, 4, 6, 3), 9, np.uint8)
    np.testing.assert_array_equal(frames.start(picture, {"style": FIRST})(), picture)


def test_a_network_that_fails_while_it_is_recorded_ends_the_recording(
    cuda_frames, monkeypatch: pytest.MonkeyPatch
):
    ended: list[Recorded] = []
    calls = itertools.count()

    def breaks(frame: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
        if next(calls) % 4 == 3:  # after three that warm up
            raise RuntimeError("out of memory")
        return network(frame, style)

    monkeypatch.setattr(Recorded, "capture_end", lambda recorded: ended.append(recorded))
    frames = cuda_frames.CudaFrames(breaks, "cpu", (1, 4, 6), {"style": FIRST}, True, slots=1)
    assert "out of memory" in frames.problem and len(ended) == 1
