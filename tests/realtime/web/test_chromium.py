"""The page in a real Chromium, whose fake camera plays a clip: pixels arrive painted, controls work."""

from __future__ import annotations

import io
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

sync_api = pytest.importorskip("playwright.sync_api")
ROOT = Path(__file__).parent.parent.parent.parent
CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
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


@pytest.fixture
def address(tiny_model, tmp_path: Path) -> Iterator[str]:
    command = [
        sys.executable,
        ROOT / "run_cam.py",
        "--serve",
        "127.0.0.1:0",
        "--model",
        tiny_model.path,
        "--engine",
        "onnxruntime",
    ]
    command += ["--capture", "320x240@10", "--no-mirror", "--fresh"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=os.environ) as process:
        line = process.stderr.readline()
        assert line.startswith("open http://127.0.0.1:"), line
        yield line.removeprefix("open ").strip()
        process.terminate()
        assert process.wait(10) == 143


@pytest.fixture
def browser(tmp_path: Path):
    write_clip(tmp_path / "camera.y4m")
    flags = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream", "--disable-gpu"]
    flags.append(f"--use-file-for-fake-video-capture={tmp_path / 'camera.y4m'}")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=[*flags, "--no-sandbox"])
        yield chromium
        chromium.close()


PIXELS = """() => {
  const video = document.getElementById('painting');
  if (!video.videoWidth) return null;
  const canvas = Object.assign(document.createElement('canvas'), { width: 32, height: 24 });
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, 0, 32, 24);
  return [6, 26].map((x) => context.getImageData(x, 12, 1, 1).data[0]);
}"""

FETCH = """async ([url, token]) => {
  try { return (await fetch(url + 'snapshot', { headers: { Authorization: `Bearer ${token}` } })).status; }
  catch (error) { return String(error); }
}"""


def until_pixels(page, left: int, right: int) -> None:
    end_s = time.monotonic() + LIMIT_MS / 1000
    while (seen := page.evaluate(PIXELS)) is None or max(abs(seen[0] - left), abs(seen[1] - right)) > 12:
        assert time.monotonic() < end_s, f"{seen} is not {left}, {right}"
        time.sleep(0.2)


def test_a_phone_paints_its_camera(address: str, browser, tmp_path: Path):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.set_default_timeout(LIMIT_MS)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    page.click("#start")
    until_pixels(page, 195, 75)  # negative
    page.click("button[data-style=dim]")
    until_pixels(page, 30, 90)
    page.keyboard.press("1")
    until_pixels(page, 195, 75)
    page.keyboard.press("0")
    until_pixels(page, 60, 180)
    page.wait_for_selector("#styles img")
    with page.expect_download() as download:
        page.click("#take")
    assert Image.open(download.value.path()).size == (320, 240)
    page.click("#keep")
    time.sleep(2)
    with page.expect_download() as download:
        page.click("#keep")
    with av.open(str(download.value.path())) as recorded:
        assert next(recorded.decode(video=0)).width == 320
    page.click("#keys")
    page.wait_for_selector("#card kbd")
    page.click("#card")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390  # nothing sticks out sideways
    assert np.asarray(Image.open(io.BytesIO(page.screenshot()))).std() > 10 and not errors


def test_a_page_without_the_token_gets_nothing(address: str, browser):
    page = browser.new_page()
    page.goto(address.split("#")[0])
    page.wait_for_function("() => document.getElementById('connection').textContent.includes('token')")
    assert page.evaluate(PIXELS) is None


def test_a_foreign_page_gets_nothing(address: str, browser):
    page = browser.new_page()
    page.goto("data:text/html,<title>foreign</title>")
    assert "Failed to fetch" in page.evaluate(FETCH, [address.split("#")[0], address.split("token=")[1]])
