"""What is computed on a GPU, computed on the CPU.

It is compared with swscale, and with what is done with arrays.
"""

from __future__ import annotations

import numpy as np
import pytest

from realtime.picture.color import ColorCoding
from realtime.picture.resample import Scaler

torch = pytest.importorskip(
    "torch", reason="frames on a GPU are PyTorch's tensors: pip install '.[train]'"
)

CODINGS = [ColorCoding(matrix, full) for matrix in (1, 5, 6, 7, 9) for full in (False, True)]


def photo(size: tuple[int, int], loud: bool = True) -> np.ndarray:
    """Return (H, W, 3) uint8: the photo that engines are proved with, mirrored and repeated.

    loud: with a corner of noise.
    """
    from engines.plans.gate import check_picture

    picture = check_picture()
    picture = np.concatenate([picture, picture[:, ::-1]], 1)
    picture = np.concatenate([picture, picture[::-1]], 0)
    picture = picture.repeat(-(-size[0] // picture.shape[0]), 0)[: size[0], : size[1]].copy()
    side = min(size) // 4 if loud else 0
    picture[:side, :side] = np.random.default_rng(0).choice(
        np.array([0, 255], np.uint8), (side, side, 3)
    )
    return picture


def nv12_picture(coding: ColorCoding, size: tuple[int, int] = (96, 144)):
    import av

    rgb = av.VideoFrame.from_ndarray(photo(size), "rgb24")
    return rgb.reformat(
        format="nv12", dst_colorspace=coding.swscale_matrix, dst_color_range=coding.av_range
    )


@pytest.mark.parametrize("coding", CODINGS, ids=str)
def test_to_rgb_is_swscales(coding: ColorCoding):
    """Its exact way is that of 4:4:4 pictures; that of 4:2:0 pictures rounds down."""
    import av
    from av.video.reformatter import Interpolation

    from realtime.picture.gpu.nv12 import planes_of, to_rgb

    picture = nv12_picture(coding)
    luma, chroma = (plane.numpy() for plane in planes_of(picture))
    ours = to_rgb(*planes_of(picture), coding).numpy().astype(int)
    assert ours.shape == (96, 144, 3)

    def swscale(source: av.VideoFrame, way: Interpolation) -> np.ndarray:
        matrix = {"src_colorspace": coding.swscale_matrix, "src_color_range": coding.av_range}
        return (
            source.reformat(format="rgb24", dst_color_range="JPEG", interpolation=way, **matrix)
            .to_ndarray()
            .astype(int)
        )

    whole = np.stack([luma, *np.moveaxis(chroma.repeat(2, 0).repeat(2, 1), -1, 0)])
    exact = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
    difference = ours - swscale(av.VideoFrame.from_ndarray(whole, "yuv444p"), exact)
    assert np.abs(difference).max() <= 1 and abs(difference.mean()) < 0.1
    difference = ours - swscale(picture.reformat(format="yuv420p"), Interpolation.BICUBIC)
    assert difference.min() >= -1 and difference.max() <= 3 and difference.mean() < 1.6


@pytest.mark.parametrize("coding", CODINGS, ids=str)
def test_from_rgb_is_swscales(coding: ColorCoding):
    import av
    from av.video.reformatter import Interpolation

    from realtime.picture.gpu.nv12 import from_rgb, picture_of

    rgb = photo((96, 144))
    rgb[:24, :24] = 77  # its bicubic filter rings where single pixels differ much
    picture = picture_of(from_rgb(torch.from_numpy(rgb), coding), None)
    assert (picture.format.name, picture.width, picture.height) == ("nv12", 144, 96)
    ours = picture.to_ndarray().astype(int)
    expected = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(
        format="nv12",
        src_color_range="JPEG",
        dst_colorspace=coding.swscale_matrix,
        dst_color_range=coding.av_range,
        interpolation=Interpolation.BICUBIC
        | Interpolation.ACCURATE_RND
        | Interpolation.FULL_CHR_H_INP,
    )
    difference = np.abs(ours - expected.to_ndarray())
    assert difference[:96].max() <= 1
    assert np.percentile(difference[96:], 99) <= 3 and difference[96:].mean() < 0.6


@pytest.mark.parametrize("coding", CODINGS, ids=str)
def test_there_and_back(coding: ColorCoding):
    """One colour per block survives: only rounding is lost."""
    from realtime.picture.gpu.nv12 import from_rgb, to_rgb

    rgb = torch.from_numpy(photo((48, 64)).repeat(2, 0).repeat(2, 1))
    nv12 = from_rgb(rgb, coding)
    back = to_rgb(nv12[:96], nv12[96:].view(48, 64, 2), coding)
    assert (back.int() - rgb.int()).abs().max() <= 3
    black_and_white = (
        torch.tensor([0, 255], dtype=torch.uint8)
        .repeat_interleave(2)[None, :, None]
        .expand(2, 4, 3)
    )
    assert from_rgb(black_and_white, coding)[0].unique().tolist() == (
        [0, 255] if coding.full_range else [16, 235]
    )


def test_planes_keep_the_memory_of_their_picture():
    """Its rows are longer than it is wide; the decoder's buffer must not go while it is read."""
    import av

    from realtime.picture.gpu.nv12 import planes_of

    base = np.arange(24 * 64, dtype=np.int64).astype(np.uint8).reshape(24, 64)
    picture = av.VideoFrame.from_dlpack(
        (base[:16, :48], base[16:, :48].reshape(8, 24, 2).copy()), format="nv12"
    )
    luma, _ = planes_of(picture)
    del picture
    assert luma.stride() == (64, 1)
    np.testing.assert_array_equal(luma.numpy(), base[:16, :48])


@pytest.mark.parametrize("small_size", [(120, 180), (60, 90), (100, 150), (96, 180)])
def test_scales_as_the_plain_path(small_size: tuple[int, int]):
    from realtime.picture.gpu.scaler import GpuScaler

    plain, gpu = Scaler(), GpuScaler()
    frame = photo((240, 360), loud=False)  # swscale scales the colours of two pixels as one
    small = plain.resize(frame, small_size)
    painting = np.ascontiguousarray(255 - small[:, ::-1] // 2)

    def close(
        ours: torch.Tensor, expected: np.ndarray, largest: int = 2, mean: float = 0.5
    ) -> None:
        assert ours.dtype == torch.uint8 and ours.shape == expected.shape
        difference = np.abs(ours.numpy().astype(int) - expected)
        assert difference.max() <= largest and difference.mean() < mean

    tensor = torch.from_numpy
    close(gpu.resize(tensor(frame), small_size), small, largest=4)
    assert gpu.resize(tensor(frame), (240, 360)).data_ptr() == tensor(frame).data_ptr()
    large = plain.resize(painting, (240, 360))
    close(gpu.resize(tensor(painting), (240, 360)), large)
    guided = plain.guided_upsample(painting, frame, small)
    close(gpu.guided_upsample(tensor(painting), tensor(frame), tensor(small)), guided, largest=9)
    close(gpu.mix(tensor(frame), tensor(large), 0.3), plain.mix(frame, large, 0.3), largest=1)
    close(
        gpu.with_colors_of(tensor(frame), tensor(large)),
        plain.with_colors_of(frame, large),
        largest=1,
    )


def test_thumbnails_are_those_of_the_plain_path():
    from realtime.picture.gpu.decoding import thumbnail

    for coding in CODINGS[
        2:6
    ]:  # of BT.601; of other pictures swscale's gray is not quite their luma
        picture = nv12_picture(coding, (240, 360))
        expected = picture.reformat(
            width=64, height=36, format="gray", interpolation="AREA"
        ).to_ndarray()
        ours = thumbnail(picture, (36, 64))
        assert ours.dtype == np.uint8 and np.abs(ours.astype(int) - expected).max() <= 2, coding
