"""The three forms of the formulas of ``realtime.picture.formulas`` give the same pictures.

NumPy's is ``Scaler``, PyTorch's ``GpuScaler`` (on the CPU), that of libvips ``LargePicture``. A
form takes a frame, its painting at the network's size, the share of the frame and whether its
colours are kept. It does what ``Stylizer`` does: guided upsampling, mixing, then keeping colours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from engines import EngineOptions, ModelFile
from engines.base import Conditions
from engines.plans.gate import check_picture
from engines.runtimes.passthrough import Passthrough
from realtime.look import Look
from realtime.picture.formulas import LUMA_WEIGHTS
from realtime.picture.resample import Scaler

FRAME = (480, 640)
SMALL = (240, 320)  # what the network is given of it at the broadest brush
BROADEST = 2.0

Form = Callable[[np.ndarray, np.ndarray, float, bool], np.ndarray]


class FixedPainting(Passthrough):
    """Gives the same painting for every frame."""

    def __init__(self, model: ModelFile, painting: np.ndarray) -> None:
        super().__init__(model, EngineOptions())
        self._painting = painting

    def _infer(self, frames: np.ndarray, conditions: Conditions) -> np.ndarray:
        assert frames.shape[1:] == self._painting.shape
        return self._painting[None]


def with_numpy(frame: np.ndarray, painting: np.ndarray, share: float, keep: bool) -> np.ndarray:
    scaler = Scaler()
    small = scaler.resize(frame, painting.shape[:2])
    if small is not frame:
        painting = scaler.guided_upsample(painting, frame, small)
    painting = scaler.mix(frame, painting, share)
    return scaler.with_colors_of(frame, painting) if keep else painting


@pytest.fixture
def with_tensors() -> Form:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    from realtime.picture.gpu.scaler import GpuScaler

    def paint(frame: np.ndarray, painting: np.ndarray, share: float, keep: bool) -> np.ndarray:
        scaler = GpuScaler()
        pixels, painted = torch.from_numpy(frame), torch.from_numpy(painting)
        small = scaler.resize(pixels, painting.shape[:2])
        if small is not pixels:
            painted = scaler.guided_upsample(painted, pixels, small)
        painted = scaler.mix(pixels, painted, share)
        return (scaler.with_colors_of(pixels, painted) if keep else painted).numpy()

    return paint


@pytest.fixture
def with_libvips(tmp_path: Path, tiny_model: ModelFile) -> Form:
    pytest.importorskip("pyvips", reason="libvips is not installed", exc_type=ImportError)
    from PIL import Image

    from realtime.files.large_picture import LargePicture

    def paint(frame: np.ndarray, painting: np.ndarray, share: float, keep: bool) -> np.ndarray:
        Image.fromarray(frame).save(tmp_path / "in.png")
        look = Look((("negative", 1.0),), 1 - share, BROADEST, keep)
        engine = FixedPainting(tiny_model, painting)
        LargePicture(tmp_path / "in.png").paint(tmp_path / "out.png", engine, look, max(FRAME))
        return np.asarray(Image.open(tmp_path / "out.png"))

    return paint


@dataclass(frozen=True)
class Bound:
    """How far a form may be from NumPy's where pictures are scaled, in levels."""

    mean: float
    nearly_all: float
    """Of 999 values in 1000: edges differ most, by the filter of the library."""


BOUNDS = {"with_tensors": Bound(0.4, 2), "with_libvips": Bound(0.6, 8)}


@pytest.fixture(params=BOUNDS)
def other(request: pytest.FixtureRequest) -> tuple[Form, Bound]:
    return request.getfixturevalue(request.param), BOUNDS[request.param]


def photo(size: tuple[int, int]) -> np.ndarray:
    """Return the photo that engines are proved with, mirrored until it is (H, W, 3) uint8."""
    picture = check_picture()
    missing = [(0, max(0, side - has)) for side, has in zip(size, picture.shape, strict=False)]
    return np.pad(picture, (*missing, (0, 0)), "symmetric")[: size[0], : size[1]].copy()


def painting_of(small: np.ndarray) -> np.ndarray:
    """Return (h, w, 3) uint8: red follows the photo, green goes against it, blue does neither."""
    blue = np.broadcast_to(np.linspace(40, 200, small.shape[1]), small.shape[:2])
    return np.dstack([small[..., 0] // 2 + 60, 255 - small[..., 1], blue]).astype(np.uint8)


@pytest.mark.parametrize(("share", "keep"), [(0.0, False), (0.3, False), (0.0, True), (0.3, True)])
def test_guided_upsampling_is_the_same(other: tuple[Form, Bound], share: float, keep: bool):
    form, bound = other
    frame = photo(FRAME)
    painting = painting_of(Scaler().resize(frame, SMALL))
    difference = form(frame, painting, share, keep) - with_numpy(
        frame, painting, share, keep
    ).astype(int)
    assert np.abs(difference).mean() <= bound.mean
    assert np.quantile(np.abs(difference), 0.999) <= bound.nearly_all
    assert np.abs(difference.mean((0, 1))).max() <= 0.15  # neither is darker


@pytest.mark.parametrize(("share", "keep"), [(0.3, False), (0.0, True), (0.3, True)])
def test_mixing_and_keeping_colours_are_exact(other: tuple[Form, Bound], share: float, keep: bool):
    """To the rounding: a frame of the network's size is not scaled."""
    frame = photo(SMALL)
    painting = painting_of(frame)
    mixed = share * frame + (1 - share) * painting
    change = (mixed - frame) @ np.array(LUMA_WEIGHTS)
    exact = np.clip(frame + change[..., None] if keep else mixed, 0, 255)
    for form in (with_numpy, other[0]):
        difference = form(frame, painting, share, keep) - exact
        assert np.abs(difference).max() <= 1.5
        assert np.abs(difference.mean((0, 1))).max() <= 0.15
