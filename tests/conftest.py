"""What all tests share: hardware markers, small generated videos, a tiny model, and a check that no
thread is left behind.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from engines.model_file import ModelFile, load_model

TINY_STYLES = ("original", "negative", "dim")
INKY_STYLES = ("original", "sepia", "wash")
ROOT = Path(__file__).parent.parent


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what this machine has no hardware for, unless REQUIRE=cuda,display,...

    names it: then the test fails instead.
    """
    required = set(os.environ.get("REQUIRE", "").split(","))
    for name, reason in (
        ("cuda", _no_cuda),
        ("tensorrt", _no_tensorrt),
        ("camera", _no_camera),
        ("display", _no_display),
    ):
        if item.get_closest_marker(name) and (missing := reason()):
            (pytest.fail if name in required else pytest.skip)(missing)


def _no_cuda() -> str | None:
    if not find_spec("torch"):
        return "PyTorch is not installed"
    import torch

    return None if torch.cuda.is_available() else "no CUDA GPU"


def _no_tensorrt() -> str | None:
    from engines import engine_class

    return engine_class("tensorrt").unavailable()


def _no_camera() -> str | None:
    return None if any(Path("/dev").glob("video*")) else "no camera"


def _no_display() -> str | None:
    from realtime.live.desktop import display_problem

    return display_problem()


@pytest.fixture(autouse=True)
def no_thread_left_behind() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [
        t.name for t in threading.enumerate() if t not in before and t.is_alive() and not t.daemon
    ]
    assert not left, f"threads still running: {left}"


@pytest.fixture(autouse=True)
def scheduled_as_before() -> Iterator[None]:
    """An encoder that makes real-time threads of this one's would stop later tests for ever."""
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    before, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    yield
    after = os.sched_getscheduler(0)
    os.sched_setscheduler(0, before, priority)
    assert after == before, "the scheduling of this thread has changed"


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests neither read nor change the user's cache, models, keys and settings, and measure no
    engines in the background.
    """
    monkeypatch.setenv("LIVEBRUSH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.setenv("LIVEBRUSH_MODELS", str(tmp_path_factory.getbasetemp() / "models"))
    monkeypatch.setenv("LIVEBRUSH_STUDIO", str(tmp_path_factory.mktemp("studio")))
    monkeypatch.setenv("LIVEBRUSH_STATE", str(tmp_path_factory.mktemp("state")))
    monkeypatch.setenv("LIVEBRUSH_CONFIG", str(tmp_path_factory.getbasetemp() / "config"))
    monkeypatch.setenv("LIVEBRUSH_MEASURE", "off")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    """A model file of the contract that is arithmetic only: ``original``, ``negative`` (255 - x)
    and ``dim`` (x / 2).
    """
    path = tmp_path_factory.mktemp("tiny") / "tiny.onnx"
    write_tiny_model(path)
    return load_model(path)


@pytest.fixture(scope="session")
def inky_model(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    """A second model, which does with ``sepia`` and ``wash`` what the first does with its own."""
    path = tmp_path_factory.mktemp("inky") / "inky.onnx"
    write_tiny_model(path, INKY_STYLES)
    return load_model(path)


def write_tiny_model(path: Path, names: tuple[str, ...] = TINY_STYLES) -> None:
    """stylized = frame * (w0 - w1 + w2 / 2) + 255 * w1, which is ``frame`` exactly at w0 = 1."""
    import onnx
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("Cast", ["frame"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["style", "gains"], ["gain"]),
        helper.make_node("MatMul", ["style", "offsets"], ["offset"]),
        helper.make_node("Reshape", ["gain", "per_frame"], ["gain4"]),
        helper.make_node("Reshape", ["offset", "per_frame"], ["offset4"]),
        helper.make_node("Mul", ["x", "gain4"], ["scaled"]),
        helper.make_node("Add", ["scaled", "offset4"], ["y"]),
        helper.make_node("Clip", ["y", "low", "high"], ["clipped"]),
        helper.make_node("Round", ["clipped"], ["rounded"]),
        helper.make_node("Cast", ["rounded"], ["stylized"], to=TensorProto.UINT8),
    ]
    constants = {
        "gains": np.array([[1.0], [-1.0], [0.5]], np.float32),
        "offsets": np.array([[0.0], [255.0], [0.0]], np.float32),
        "per_frame": np.array([-1, 1, 1, 1], np.int64),
        "low": np.array(0, np.float32),
        "high": np.array(255, np.float32),
    }
    picture = ["N", "H", "W", 3]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [
            helper.make_tensor_value_info("frame", TensorProto.UINT8, picture),
            helper.make_tensor_value_info("style", TensorProto.FLOAT, ["N", len(names)]),
        ],
        [helper.make_tensor_value_info("stylized", TensorProto.UINT8, picture)],
        [onnx.numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    styles = json.dumps([{"name": name} for name in names])
    helper.set_model_props(model, {"livebrush_format": "1", "family": "tiny", "styles": styles})
    onnx.save(model, str(path))


@dataclass(frozen=True)
class InstalledCopy:
    """The packages and programs of the project as an installation has them, without tests."""

    root: Path

    def add(self, path: str, text: str) -> None:
        """Put a new file into it; ``path`` is relative to ``root``."""
        target = self.root / path
        assert not target.exists(), f"{path} is there already"
        target.write_text(text, encoding="utf-8")

    def run(
        self, *arguments: str | Path, timeout_s: float = 280
    ) -> subprocess.CompletedProcess[str]:
        """Run python in ``root``: "stylize_video.py" or "-m", "export", and what follows it."""
        return subprocess.run(
            [sys.executable, *map(str, arguments)],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(self.root)},
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )


@pytest.fixture
def installed_copy(tmp_path: Path) -> InstalledCopy:
    """A copy of its own for each test, so that what one adds is not there for the next."""
    root = tmp_path / "installed"
    for room in ("engines", "realtime", "export", "training"):
        shutil.copytree(ROOT / room, root / room)
    for program in ("run_cam.py", "stylize_video.py"):
        shutil.copy2(ROOT / program, root / program)
    return InstalledCopy(root)


@pytest.fixture
def make_video(tmp_path: Path) -> Callable[..., Path]:
    """``write_video`` into the test's own folder."""
    return lambda name="clip.mp4", **options: write_video(tmp_path / name, **options)


def write_video(
    path: Path,
    pts: list[int] | None = None,
    time_base: Fraction = Fraction(1, 1000),
    size: tuple[int, int] = (48, 64),
    tones: int = 1,
    rotation: tuple[float, bool, bool] | None = None,
    pixels: Callable[[int], np.ndarray] | None = None,
    coding: tuple[int, int] | None = None,
    pixel_aspect: Fraction | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """A square moving over a gradient, one frame per entry of ``pts``, with ``tones`` sound tracks
    of 440, 880, ...

    Hz.

    rotation: degrees, mirrored left-right, mirrored top-bottom. coding: H.273 matrix and FFmpeg
    range (1 limited, 2 full), both applied and tagged. pixels: the frame of each index, instead of
    the square.
    """
    import av

    pts = list(range(0, 400, 40)) if pts is None else pts
    height, width = size
    matrix, color_range = coding or (6, 1)
    with av.open(str(path), "w") as output:
        video = output.add_stream(
            "libx264", rate=25, options={"preset": "ultrafast", "crf": "10", **(options or {})}
        )
        video.height, video.width, video.pix_fmt = (
            height,
            width,
            "yuv444p" if height % 2 or width % 2 else "yuv420p",
        )
        video.codec_context.time_base = time_base
        if coding:
            video.codec_context.colorspace, video.codec_context.color_range = coding
        if pixel_aspect:
            video.codec_context.sample_aspect_ratio = pixel_aspect
        if rotation:
            video.set_display_rotation(rotation[0], hflip=rotation[1], vflip=rotation[2])
        sounds = [output.add_stream("aac", rate=44100, layout="mono") for _ in range(tones)]
        for index, time in enumerate(pts):
            rgb = av.VideoFrame.from_ndarray(
                pixels(index) if pixels else moving_square(index, size), "rgb24"
            )
            picture = rgb.reformat(
                format=video.pix_fmt, dst_colorspace=_SWSCALE[matrix], dst_color_range=color_range
            )
            picture.pts, picture.time_base = time, time_base
            output.mux(video.encode(picture))
        output.mux(video.encode(None))
        for track, sound in enumerate(sounds):
            _write_tone(
                output, sound, 440 * (track + 1), float((pts[-1] - min(0, pts[0])) * time_base)
            )
    return path


_SWSCALE = {1: "ITU709", 6: "SMPTE170M", 9: "BT2020"}


def _write_tone(output, stream, hertz: int, length_s: float) -> None:
    import av

    for start in range(0, int(44100 * length_s), 1024):
        wave = 0.3 * np.sin(2 * np.pi * hertz * np.arange(start, start + 1024) / 44100)
        sound = av.AudioFrame.from_ndarray(wave.astype(np.float32)[None], "fltp", "mono")
        sound.sample_rate, sound.pts, sound.time_base = 44100, start, Fraction(1, 44100)
        output.mux(stream.encode(sound))
    output.mux(stream.encode(None))


def moving_square(index: int, size: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) uint8 RGB; the square moves two pixels a frame."""
    height, width = size
    y, x = np.mgrid[0:height, 0:width]
    picture = np.stack(
        [x * 255 // max(1, width - 1), y * 255 // max(1, height - 1), np.full_like(x, 96)], -1
    ).astype(np.uint8)
    left = (2 * index) % max(1, width - 8)
    picture[height // 4 : height // 4 + 8, left : left + 8] = (250, 240, 20)
    return picture


@pytest.fixture(scope="session")
def classic_model(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    """A `transformer_net` that works on 0..255 and whose first convolution, in half precision,
    would overflow on it.
    """
    torch = pytest.importorskip(
        "torch", reason="the classic network is exported by torch: pip install '.[train]'"
    )
    from engines.networks import build_network
    from export.to_onnx import export_onnx

    torch.manual_seed(1)
    network = build_network("transformer_net", 1).eval()
    with torch.no_grad():
        network.conv1.conv2d.weight.mul_(1000)
        network.deconv3.conv2d.weight.mul_(400)
        network.deconv3.conv2d.bias.fill_(120)
    path = tmp_path_factory.mktemp("classic") / "classic.onnx"
    styles = json.dumps([{"name": "original"}, {"name": "random"}])
    export_onnx(
        network,
        {"family": "transformer_net", "config": "{}", "styles": styles, "training": "{}"},
        path,
    )
    return load_model(path)
