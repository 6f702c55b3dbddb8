"""Frames that are tensors, from a decoded file to an encoded one.

It is the whole way, but the CPU takes the place of the GPU. The video is stored as NV12, so that
its decoder gives what a GPU's gives; the engine is TensorRT's around its stand-in.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import engines.runtimes.tensorrt
from engines import EngineOptions, ModelFile, open_engine
from engines.errors import UsageError
from engines.plans import make
from realtime.files.painter import FilePainter
from realtime.files.pipeline import Overlapped, run_file
from realtime.look import Look
from realtime.media.reading import converter, cuts, video_file
from realtime.media.reading.video_file import VideoFile
from realtime.media.writing.encoding import Encoding
from realtime.media.writing.video_file import VideoOutput
from realtime.picture.gpu import decoding
from realtime.stylizer import Stylizer
from tests.conftest import moving_square
from tests.engines.plans.stand_in import HostCard, stand_in_library

torch = pytest.importorskip(
    "torch", reason="frames on a GPU are PyTorch's tensors: pip install '.[train]'"
)
SIZE = (96, 128)


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    from engines.model_file import load_model
    from tests.small_network import write_small_model

    return load_model(write_small_model(tmp_path_factory.mktemp("small") / "small.onnx"))


@pytest.fixture
def nv12_video(tmp_path: Path) -> Path:
    import av

    path = tmp_path / "nv12.avi"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("rawvideo", rate=25)
        stream.height, stream.width, stream.pix_fmt = *SIZE, "nv12"
        for index in range(6):
            rgb = av.VideoFrame.from_ndarray(moving_square(index, SIZE), "rgb24")
            picture = rgb.reformat(
                format="nv12", dst_colorspace="SMPTE170M", dst_color_range="MPEG"
            )
            picture.pts, picture.time_base = index, Fraction(1, 25)
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    return path


@pytest.fixture
def as_if_on_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """NV12 in host memory counts as lying on a GPU."""
    for module in (decoding, cuts, converter, video_file):
        monkeypatch.setattr(module, "is_on_gpu", lambda picture: picture.format.name == "nv12")


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> HostCard:
    card = HostCard()
    monkeypatch.setattr(engines.runtimes.tensorrt, "open_cuda", lambda device: card)
    monkeypatch.setattr(
        engines.runtimes.tensorrt, "import_library", lambda: stand_in_library(card, set())
    )
    monkeypatch.setattr(engines.runtimes.tensorrt, "cuda_problem", lambda: None)
    monkeypatch.setattr(engines.runtimes.tensorrt, "library_names", lambda: ["tensorrt"])
    monkeypatch.setattr(make, "build_plan", lambda graph, *_: (graph.SerializeToString(), b""))
    return card


def painted(
    source: Path, output: Path, model: ModelFile, look: Look, resize=lambda size: size
) -> np.ndarray:
    """Paint ``source`` as files are painted. Returns all frames of the result, decoded."""
    import av

    with (
        VideoFile(source, resize=resize) as video,
        open_engine("tensorrt", model, EngineOptions(precision="fp32"), (32, 48)) as engine,
    ):
        stylizer = Stylizer(engine, look, (48, 64))
        painter = FilePainter(stylizer, video)
        sink = VideoOutput(output, video.info, Encoding(crf=1, audio="none"), painter.size)
        run = run_file(video.frames(), Overlapped(painter.begin, engine.in_flight), sink)
        assert run.frames_in == run.frames_out == 6
        sink.finish(video.last_duration)
    with av.open(str(output)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


@pytest.mark.parametrize(
    ("look", "size"),
    [
        (Look((("negative", 1.0),)), SIZE),
        (Look((("dim", 1.0),), strength=0.6, keep_color=True), SIZE),
        (Look((("dim", 1.0),)), (48, 64)),
        (Look((("original", 1.0),)), SIZE),
    ],
    ids=["guided", "mixed and recoloured", "at the network's size", "untouched"],
)
def test_the_same_film_as_on_the_plain_path(
    nv12_video: Path,
    card: HostCard,
    tiny_model: ModelFile,
    tmp_path: Path,
    look: Look,
    size: tuple[int, int],
    request,
):
    plain = painted(nv12_video, tmp_path / "plain.mp4", tiny_model, look, lambda _: size)
    request.getfixturevalue("as_if_on_gpu")
    tensors = []
    copy = HostCard.copy
    HostCard.copy = lambda self, *how: (tensors.append(how), copy(self, *how))[1]
    try:
        film = painted(nv12_video, tmp_path / "card.mp4", tiny_model, look, lambda _: size)
    finally:
        HostCard.copy = copy
    assert film.shape == plain.shape == (6, *size, 3)
    assert np.abs(film.astype(int) - plain).mean() < 2.5
    assert len(tensors) == (0 if look.strength == 0 or look.mix[0][0] == "original" else 2 * 6), (
        "both ways, on the GPU"
    )
    assert not card.held and card.depth == 0


def test_engine_gives_tensors_for_tensors(card: HostCard, tiny_model: ModelFile):
    frames = [torch.from_numpy(moving_square(index, SIZE))[None] for index in range(5)]
    styles = [np.eye(1, 3, 1 + index % 2, dtype=np.float32) for index in range(5)]
    with open_engine("tensorrt", tiny_model, EngineOptions(precision="fp32"), SIZE) as engine:
        expected = [
            engine.infer(frame.numpy(), style) for frame, style in zip(frames, styles, strict=True)
        ]
        begun = [engine.start(frame, style) for frame, style in zip(frames, styles, strict=True)]
        for finish, picture in zip(begun, expected, strict=True):
            result = finish()
            assert isinstance(result, torch.Tensor)
            np.testing.assert_array_equal(result.numpy(), picture)
        turned = frames[0].transpose(1, 2)
        np.testing.assert_array_equal(
            engine.infer(turned, styles[0]), engine.infer(turned.numpy(), styles[0])
        )
        with pytest.raises(ValueError, match="uint8"):
            engine.infer(frames[0].float(), styles[0])
    with (
        open_engine("onnxruntime", tiny_model, EngineOptions(device="cpu"), SIZE) as engine,
        pytest.raises(ValueError, match="host memory"),
    ):
        engine.infer(frames[0], styles[0])


@pytest.mark.parametrize(
    "rotation", [(90, False, False), (-90, False, False), (180, False, False), (0, True, False)]
)
def test_pictures_are_laid_upright(
    make_video: Callable[..., Path], rotation: tuple[float, bool, bool]
):
    path = make_video(rotation=rotation, coding=(6, 1))
    with VideoFile(path) as video:
        expected = next(iter(video.frames())).pixels
        picture, turn, coding = (
            video._decoder.first.reformat(format="nv12"),
            video._converter.turn,
            video.info.coding,
        )
    ours = decoding.pixels_of(picture, coding, turn, expected.shape[:2])
    assert np.abs(ours.numpy().astype(int) - expected).max() <= 3


def test_without_a_gpu_it_stays_on_the_cpu_and_says_so_once(
    make_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
):
    path = make_video()
    if not torch.cuda.is_available():
        with VideoFile(path) as video:
            video.decode_on("cuda:0")
            assert video.info.device is None and isinstance(
                next(iter(video.frames())).pixels, np.ndarray
            )
            assert video.notes == [
                "clip.mp4: is decoded on the CPU, not on the GPU: this PyTorch sees no CUDA GPU."
            ]
    monkeypatch.setattr(video_file, "tensors_problem", lambda device: None)
    with VideoFile(make_video("odd.mp4", size=(47, 63))) as video:
        video.decode_on("cuda:0")
        assert "63x47 yuv444p, not of even size in 8-bit 4:2:0" in video.notes[0]


def test_a_decoder_that_does_not_start_leaves_all_as_it_was(
    make_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
):
    """PyTorch sees a GPU and FFmpeg's decoder does not: it really tries, and finds no driver."""
    import contextlib

    from av.codec.hwaccel import HWAccel

    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    monkeypatch.setattr(video_file, "tensors_problem", lambda device: None)
    options = {"primary_ctx": "0", "current_ctx": "1"}
    monkeypatch.setattr(
        video_file,
        "decoder_on",
        lambda device: contextlib.nullcontext(
            HWAccel("cuda", "0", True, options, is_hw_owned=True)
        ),
    )
    with VideoFile(make_video(), start_s=Fraction(1, 5)) as video:
        video.decode_on("cuda:0")
        assert (
            video.info.device is None
            and len(video.notes) == 1
            and "on the CPU, not on the GPU" in video.notes[0]
        )
        assert [frame.pts * frame.time_base for frame in video.frames()] == [
            Fraction(time, 25) for time in range(5, 10)
        ]


@pytest.mark.cuda
def test_on_a_real_gpu(make_video: Callable[..., Path], small_model: ModelFile, tmp_path: Path):
    """Decoded, painted and encoded on it, as far as it has a decoder and an encoder."""
    import av

    path = make_video(size=(240, 320), pts=list(range(0, 1200, 40)), coding=(6, 1))
    with VideoFile(path) as plain, VideoFile(path) as video:
        video.decode_on("cuda:0")
        if video.info.device is None:
            required = "nvdec" in os.environ.get("REQUIRE", "").split(",")
            (pytest.fail if required else pytest.skip)(video.notes[0])
        for ours, expected in zip(video.frames(), plain.frames(), strict=True):
            assert ours.pixels.is_cuda and ours.pts == expected.pts
            assert np.abs(ours.pixels.cpu().numpy().astype(int) - expected.pixels).mean() < 2
    try:
        Encoding("h264_nvenc").options_for(Path("film.mp4"))
        codecs = ["libx264", "h264_nvenc"]
    except UsageError:
        codecs = ["libx264"]
    for codec in codecs:
        with (
            VideoFile(path) as video,
            open_engine("torch", small_model, EngineOptions(device="cuda"), (240, 320)) as engine,
        ):
            video.decode_on(engine.device)
            painter = FilePainter(
                Stylizer(engine, Look(((small_model.default_style, 1.0),)), (120, 160)), video
            )
            sink = VideoOutput(
                tmp_path / f"{codec}.mp4", video.info, Encoding(codec, audio="none"), painter.size
            )
            run_file(video.frames(), Overlapped(painter.begin, engine.in_flight), sink)
            sink.finish(video.last_duration)
        with av.open(str(tmp_path / f"{codec}.mp4")) as container:
            assert len([*container.decode(video=0)]) == 30
