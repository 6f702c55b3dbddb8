"""The page in a real Chromium, whose fake camera plays a clip: pixels arrive painted, controls
work.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from bench.tools.clips import bikes
from engines import EngineOptions, find_model, open_engine
from engines.errors import SourceError
from realtime.frame import Frame
from realtime.look import Look
from realtime.stylizer import Stylizer

sync_api = pytest.importorskip("playwright.sync_api")
ROOT = Path(__file__).parent.parent.parent.parent
CHROMIUM = next(
    (
        path
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (path := shutil.which(name))
    ),
    None,
)
LIMIT_MS = 60_000
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def write_clip(path: Path) -> None:
    """Grey 60 left, grey 180 right, as the fake camera reads it: Y4M, 4:2:0."""
    luma = np.repeat(np.array([[60, 180]], np.uint8), 160, axis=1).repeat(240, axis=0)
    frame = b"FRAME\n" + luma.tobytes() + bytes([128]) * (2 * 160 * 120)
    path.write_bytes(b"YUV4MPEG2 W320 H240 F10:1 Ip A1:1 C420jpeg\n" + frame * 10)


@contextlib.contextmanager
def serving(folder: Path, *flags: object) -> Iterator[str]:
    """The address that run_cam.py --serve prints; it ends cleanly."""
    command = [
        sys.executable,
        ROOT / "run_cam.py",
        "--serve",
        "127.0.0.1:0",
        "--fresh",
        "--no-mirror",
        *flags,
    ]
    with subprocess.Popen(
        command, cwd=folder, stderr=subprocess.PIPE, text=True, env=os.environ
    ) as process:
        line = next(line for line in process.stderr if not line.startswith("engine:"))
        assert line.startswith("open http://127.0.0.1:"), line
        yield line.removeprefix("open ").strip()
        process.terminate()
        assert process.wait(10) == 143


@pytest.fixture
def address(tiny_model, tmp_path: Path) -> Iterator[str]:
    with serving(
        tmp_path, "--model", tiny_model.path, "--engine", "onnxruntime", "--capture", "320x240@10"
    ) as address:
        yield address


@contextlib.contextmanager
def chromium(camera: Path, *flags: str) -> Iterator[sync_api.Browser]:
    """A Chromium whose camera plays the Y4M file ``camera``, and which asks nobody before it uses
    it.
    """
    fake = (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={camera}",
    )
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", *fake, *flags]
        )
        yield browser
        browser.close()


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[sync_api.Browser]:
    write_clip(tmp_path / "camera.y4m")
    with chromium(
        tmp_path / "camera.y4m", "--host-resolver-rules=MAP evil.example 127.0.0.1"
    ) as browser:
        yield browser


PIXELS = """() => {
  const video = document.getElementById('painting');
  if (!video.videoWidth) return null;
  const canvas = Object.assign(document.createElement('canvas'), { width: 32, height: 24 });
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, 0, 32, 24);
  return [6, 26].map((x) => context.getImageData(x, 12, 1, 1).data[0]);
}"""

FETCH = """async ([url, token]) => {
  const headers = { Authorization: `Bearer ${token}` };
  try { return (await fetch(url + 'snapshot', { headers })).status; }
  catch (error) { return String(error); }
}"""


def until_pixels(page, left: int, right: int) -> None:
    end_s = time.monotonic() + LIMIT_MS / 1000
    while (seen := page.evaluate(PIXELS)) is None or max(
        abs(seen[0] - left), abs(seen[1] - right)
    ) > 12:
        assert time.monotonic() < end_s, f"{seen} is not {left}, {right}"
        time.sleep(0.2)


def test_a_phone_paints_its_camera(address: str, browser, tmp_path: Path):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.set_default_timeout(LIMIT_MS)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    page.click("#begin")
    until_pixels(page, 195, 75)  # negative
    page.click("button[data-style=dim]")
    until_pixels(page, 30, 90)
    page.keyboard.press("1")
    until_pixels(page, 195, 75)
    page.keyboard.press("0")
    until_pixels(page, 60, 180)
    for key, code in (("ь", "KeyM"), (",", "KeyM")):  # as Russian and French keyboards have mirror
        pressed = f"new KeyboardEvent('keydown', {{key: '{key}', code: '{code}', bubbles: true}})"
        page.evaluate(f"document.body.dispatchEvent({pressed})")
        until_pixels(page, *((180, 60) if key == "ь" else (60, 180)))
    page.wait_for_selector("#styles img")
    with page.expect_download() as download:
        page.click("#take")
    assert Image.open(download.value.path()).size == (320, 240)
    page.click("#hear")
    page.wait_for_selector("#hear[aria-pressed=true]")
    page.click("#keep")
    time.sleep(2)
    with page.expect_download() as download:
        page.click("#keep")
    assert download.value.suggested_filename.endswith(".mp4")
    with av.open(str(download.value.path())) as recorded:
        assert next(recorded.decode(video=0)).width == 320
        assert recorded.duration > 1_000_000 and len(recorded.streams.audio) == 1
    page.click("#keys")
    page.wait_for_selector("#card kbd")
    page.keyboard.press("Escape")
    assert page.is_hidden("#card")
    assert (
        page.evaluate("document.documentElement.scrollWidth") <= 390
    )  # nothing sticks out sideways
    assert np.asarray(Image.open(io.BytesIO(page.screenshot()))).std() > 10 and not errors


def test_a_page_without_the_token_gets_nothing(address: str, browser):
    page = browser.new_page()
    page.goto(address.split("#")[0])
    page.wait_for_function(
        "() => document.getElementById('connection').textContent.includes('token')"
    )
    assert page.evaluate(PIXELS) is None


def test_a_foreign_page_and_a_foreign_name_get_nothing(address: str, browser):
    page = browser.new_page()
    page.goto("data:text/html,<title>foreign</title>")
    assert "Failed to fetch" in page.evaluate(
        FETCH, [address.split("#")[0], address.split("token=")[1]]
    )
    answer = page.goto(
        address.replace("127.0.0.1", "evil.example")
    )  # DNS rebinding: a foreign name that leads here
    assert answer.status == 403 and "Host" in answer.text()


SEEN = """() => ['camera', 'painting'].map((id) => {
  const video = document.getElementById(id);
  if (!video.videoWidth) return null;
  const canvas = Object.assign(document.createElement('canvas'), { width: 320, height: 240 });
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, 0, 320, 240);
  return Array.from(context.getImageData(0, 0, 320, 240).data).filter((_, index) => index % 4 < 3);
})"""


def test_a_real_clip_comes_back_as_its_style_paints_it(tmp_path: Path):
    """A new frame of the clip every four seconds, so that what the camera shows and what comes back
    are mostly the same frame.
    """
    try:
        clip = bikes()
    except SourceError as error:
        pytest.skip(str(error))
    write_slow_clip(clip, tmp_path / "clip.y4m")
    model = find_model(None, [])
    engine = open_engine("openvino", model, EngineOptions(), (240, 320))
    painted = {
        style: Stylizer(engine, Look(((style, 1.0),)), (240, 320))
        for style in model.style_names[1:4]
    }
    flags = ("-s", model.style_names[1], "--capture", "320x240", "--size", "320x240")
    with serving(tmp_path, *flags) as address, chromium(tmp_path / "clip.y4m") as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(LIMIT_MS)
        page.goto(address)
        page.click("#begin")
        page.click("#c-compare")  # a camera that is not shown gives the page no pixels
        for style in painted:
            page.click(f"button[data-style={style}]")
            until_painted_like(page, style, painted)
        page.screenshot(path=tmp_path / "page.png")
    engine.close()


def until_painted_like(page: sync_api.Page, style: str, painted: dict[str, Stylizer]) -> None:
    """Until the picture that comes back is much nearer to the camera's in ``style`` than to it in
    the others, or as it is.
    """
    end_s, strays = time.monotonic() + LIMIT_MS / 1000, {}
    while time.monotonic() < end_s:
        camera, back = (
            pixels and np.array(pixels, np.uint8).reshape(240, 320, 3)
            for pixels in page.evaluate(SEEN)
        )
        if camera is not None and back is not None:
            pictures = {
                name: stylizer.stylize(Frame(camera, 0), 0.0) for name, stylizer in painted.items()
            } | {"": camera}
            strays = {
                name: np.abs(picture.astype(float) - back).mean()
                for name, picture in pictures.items()
            }
            if 1.5 * strays[style] < min(stray for name, stray in strays.items() if name != style):
                return
        time.sleep(0.3)
    raise AssertionError(f"{style} does not come: mean differences {strays}")


def write_slow_clip(clip: Path, path: Path) -> None:
    """Six frames of ``clip``, 320x240, for four seconds each, as the fake camera reads it."""
    with av.open(str(clip)) as file, path.open("wb") as out:
        out.write(b"YUV4MPEG2 W320 H240 F10:1 Ip A1:1 C420jpeg\n")
        for frame in itertools.islice(file.decode(video=0), 0, 120, 20):
            small = frame.reformat(width=320, height=240, format="yuvj420p")
            out.write((b"FRAME\n" + small.to_ndarray().tobytes()) * 40)
