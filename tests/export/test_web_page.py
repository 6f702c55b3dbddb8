"""The page for visitors' browsers in a real Chromium, whose fake camera plays a clip."""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import skimage.data
from PIL import Image

from bench.tools.chromium import (
    CARD,
    CHROMIUM,
    Server,
    camera_flags,
    packed_bytes,
    write_clip,
)
from engines import EngineOptions, ModelFile, Models, find_model, load_model, open_engine
from engines.canvas import STILL, draw_canvas
from engines.folders import cache_dir
from engines.people.network import PERSON_SIZE
from export import web
from realtime.frame import Frame
from realtime.look import Look, parse_mix
from realtime.media.reading.style_pictures import open_predictor, row_of
from realtime.picture import layers, people
from realtime.picture.camera_motion import CameraMotion
from realtime.picture.noise import NoiseReduction, RecursiveMean
from realtime.picture.people import PeopleMasks
from realtime.picture.resample import Scaler
from realtime.picture.rest import PaintingAtRest
from realtime.stylizer import Stylizer
from tests.small_frame import small_frame

sync_api = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")
PACKAGE = cache_dir() / web.PACKAGE
LIMIT_MS = 60_000
LIMIT_S = LIMIT_MS / 1000
# As small as a desk's may be: less to draw without a graphics card.
DESK, PHONE = {"width": 1000, "height": 560}, {"width": 390, "height": 844}
pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.skipif(
        not PACKAGE.is_file(), reason="onnxruntime-web was not fetched yet: make site"
    ),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def write_site(model, folder: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(web, "_runtime_package", PACKAGE.read_bytes)
        web.write_site(model, folder, print)
    return folder


def files_of(site: Path) -> list[str]:
    """What its service worker keeps: all of it but itself."""
    text = (site / "service.js").read_text(encoding="utf-8")
    return json.loads(text.split("FILES = ")[1].split(";\n")[0])


@pytest.fixture(scope="module")
def tiny_site(tiny_model, tmp_path_factory) -> Iterator[Server]:
    """Its styles are arithmetic: what they make of a pixel is known."""
    server = Server(write_site(tiny_model, tmp_path_factory.mktemp("site") / "tiny"))
    yield server
    server.end()


@pytest.fixture(scope="module")
def camera(tmp_path_factory) -> list[str]:
    """Grey 51 left, grey 191 right is what it sees: luma of 60 and 180, limited range."""
    clip = tmp_path_factory.mktemp("camera") / "camera.y4m"
    luma = np.repeat(np.array([[60, 180]], np.uint8), 160, axis=1).repeat(180, axis=0)
    grey = np.full((90, 160), 128, np.uint8)
    write_clip(clip, [(luma, grey, grey)] * 15, 15)
    return camera_flags(clip)


@pytest.fixture(scope="module")
def playwright() -> Iterator[sync_api.Playwright]:
    with sync_api.sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def browser(playwright, camera) -> Iterator[sync_api.Browser]:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=camera)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def browser_with_card(playwright, camera) -> Iterator[sync_api.Browser]:
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*camera, *CARD])
    yield browser
    browser.close()


def new_context(browser) -> sync_api.BrowserContext:
    context = browser.new_context(viewport=DESK, permissions=["camera"], locale="en-GB")
    context.set_default_timeout(LIMIT_MS)
    return context


@pytest.fixture
def context(browser) -> Iterator[sync_api.BrowserContext]:
    context = new_context(browser)
    yield context
    context.close()


@pytest.fixture
def context_with_card(browser_with_card) -> Iterator[sync_api.BrowserContext]:
    context = new_context(browser_with_card)
    yield context
    context.close()


def open_page(context, address: str) -> tuple[sync_api.Page, list[str]]:
    """The page, and a list that fills with what goes wrong in it."""
    page, wrong = context.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.goto(address)
    page.wait_for_selector("#begin:visible, .clean")
    return page, wrong


def until(page, script: str, told: object = None) -> None:
    """Until ``script`` gives true. Playwright's own waiting evaluates a text, which CSP forbids."""
    end_s = time.monotonic() + LIMIT_S
    while not page.evaluate(script, told):
        assert time.monotonic() < end_s, (script, told, page.inner_text("#stage"))
        time.sleep(0.1)


def until_said(page, sentence: str) -> None:
    until(page, "text => document.getElementById('problem').textContent.includes(text)", sentence)


def snapshot(page) -> np.ndarray:
    """What is shown, (H, W, 3) uint8, as its button saves it."""
    with page.expect_download() as download:
        page.click("#snapshot")
    return np.asarray(Image.open(download.value.path()).convert("RGB"))


def until_shown(page, left: int, right: int) -> None:
    """Until the two halves of the picture have these levels."""
    end_s, seen = time.monotonic() + LIMIT_S, None
    while time.monotonic() < end_s:
        picture = snapshot(page).astype(int)
        eighth = picture.shape[1] // 8
        seen = picture[90, [eighth, -eighth]]
        if np.abs(seen - [[left], [right]]).max() <= 5:
            return
        time.sleep(0.1)
    raise AssertionError(f"{seen} is not {left}, {right}")


def as_png(picture: np.ndarray) -> dict[str, object]:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "png")
    return {"name": "picture.png", "mimeType": "image/png", "buffer": file.getvalue()}


def test_the_camera_is_painted_and_controlled(tiny_site, context):
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    page, wrong = open_page(context, tiny_site.address)
    assert page.evaluate("crossOriginIsolated")
    page.click("#begin")
    page.wait_for_selector("#stage[data-frames]")
    assert page.get_attribute("#c-mirror", "aria-pressed") == "true"  # a camera that faces us
    until_shown(page, 64, 204)  # negative
    page.keyboard.press("KeyM")
    until_shown(page, 204, 64)
    page.click("button[data-style=dim]")
    page.keyboard.press("Digit0")
    until_shown(page, 51, 191)
    page.keyboard.press("Digit0")
    page.keyboard.press("KeyB")
    page.keyboard.press("Digit1")  # half of both
    until_shown(page, 115, 80)
    page.click("button[data-style=dim]")
    page.keyboard.press("KeyB")
    for _ in range(5):
        page.keyboard.press("BracketLeft")  # strength
    until_shown(page, 128, 128)
    page.wait_for_url("**/#s=negative&strength=0.5")
    page.fill("#c-strength", "1")
    page.keyboard.press("Shift+Comma")  # not while a slider has the keys
    page.click("#c-compare")
    until_shown(page, 51, 64)
    page.click("#c-compare")
    until(page, "document.getElementById('picture').width === 640")
    page.click("#c-compare")
    page.click("#c-keep_color")
    until_shown(page, 204, 64)
    page.click("#c-freeze")
    frames = page.get_attribute("#stage", "data-frames")
    assert page.get_attribute("#c-freeze", "aria-pressed") == "true" and int(frames) > 5
    page.click("#c-freeze")
    page.click("#help")
    page.uncheck("#keys_on")
    page.keyboard.press("Digit2")
    assert page.get_attribute("button[data-style=dim]", "aria-pressed") == "false"
    page.click("#end")
    page.wait_for_selector("#begin:visible")
    assert not wrong
    assert all(url.startswith((tiny_site.address, "blob:")) for url in asked), asked


@pytest.mark.slow
def test_a_recording_has_what_was_shown(tiny_site, context):
    page, wrong = open_page(context, tiny_site.address)
    page.click("#begin")
    page.wait_for_selector("#stage[data-frames]")
    page.keyboard.press("KeyM")
    page.keyboard.press("KeyR")
    until(page, "document.getElementById('record').textContent.includes('0:01')")
    with page.expect_download() as download:
        page.click("#record")
    with av.open(str(download.value.path())) as film:
        picture = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)][-1]
    assert picture.shape == (180, 320, 3) and not wrong
    assert abs(int(picture[90, 40, 1]) - 204) < 12 and abs(int(picture[90, 280, 1]) - 64) < 12


@pytest.mark.slow
def test_a_film_is_painted_and_recorded_with_its_sound(tiny_site, context, make_video):
    film = make_video(pts=list(range(0, 4000, 50)), size=(180, 320), tones=1)
    page, wrong = open_page(context, tiny_site.address)
    page.set_input_files("#file", film)
    page.wait_for_selector("#stage[data-frames]")
    page.click("#record")
    until(page, "document.getElementById('record').textContent.includes('0:02')")
    with page.expect_download() as download:
        page.click("#record")
    with av.open(str(download.value.path())) as recorded:
        sound = [frame.to_ndarray() for frame in recorded.decode(audio=0)]
    assert np.abs(np.concatenate(sound, axis=-1).astype(float)).max() > 0.01 and not wrong


def test_a_look_comes_from_the_address_and_without_controls(tiny_site, context):
    page, wrong = open_page(context, tiny_site.address + "#s=dim:.5,negative:.5&view=clean")
    page.wait_for_selector("#stage[data-frames]")
    assert page.evaluate("document.elementFromPoint(500, 550).closest('#stage') !== null")
    assert page.is_hidden("#start") and page.is_hidden("#figures") and not wrong


COUNT_KEPT = """async (count) => {
  const [name] = await caches.keys();
  return name && (await (await caches.open(name)).keys()).length === count;
}"""


@pytest.mark.slow
def test_without_a_network_it_works_from_the_second_time_on(tiny_model, tmp_path, context):
    site = write_site(tiny_model, tmp_path / "site")
    server = Server(site)
    page, _ = open_page(context, server.address)
    until(page, COUNT_KEPT, len(files_of(site)))
    server.end()
    page, wrong = open_page(context, server.address)
    page.set_input_files("#file", as_png(np.full((480, 640, 3), 60, np.uint8)))
    page.wait_for_selector("#stage[data-frames]")
    until_shown(page, 195, 195)
    assert not wrong


PROBLEMS = {
    "NotAllowedError": "does not give its camera",
    "NotFoundError": "There is no camera",
    "NotReadableError": "another program may have it",
    "OverconstrainedError": "There is no camera",
}


def test_every_trouble_is_a_sentence_on_the_stage(tiny_site, context):
    page, _ = open_page(context, tiny_site.address)
    until(page, "document.getElementById('toast').textContent.includes('no form for')")
    for name, sentence in PROBLEMS.items():
        page.evaluate(
            "name => { navigator.mediaDevices.getUserMedia ="
            " () => Promise.reject(new DOMException('no', name)); }",
            name,
        )
        page.click("#begin")
        until_said(page, sentence)
        assert page.is_visible("#begin")
    file = {"name": "x.png", "mimeType": "image/png", "buffer": b"no picture"}
    page.set_input_files("#file", file)
    until_said(page, "cannot read that file")
    page.click("#language")
    assert page.evaluate("document.documentElement.lang") == "de"
    page.click("#begin")
    until_said(page, "Es gibt keine Kamera")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("delete Navigator.prototype.mediaDevices", "https:// and localhost only"),
        ("HTMLCanvasElement.prototype.getContext = () => null", "WebGL 2"),
        ("delete Navigator.prototype.serviceWorker", ""),  # no threads, and no trouble
    ],
)
def test_what_a_browser_lacks_is_said(tiny_site, context, script: str, sentence: str):
    context.add_init_script(script)
    page, _ = open_page(context, tiny_site.address)
    if "WebGL" not in sentence:
        page.click("#begin")
    if sentence:
        until_said(page, sentence)
    else:
        page.wait_for_selector("#figures:visible")
        assert "1 thread" in page.inner_text("#figures")


@pytest.mark.slow
def test_a_painter_that_does_not_load_is_said(tiny_model, tmp_path, context):
    site = write_site(tiny_model, tmp_path / "site")
    (site / "model.onnx").write_bytes(b"not a model")
    server = Server(site)
    page, _ = open_page(context, server.address)
    until_said(page, "The painter does not run here")
    server.end()


def test_it_is_accessible_at_every_width(tiny_site, browser):
    context = browser.new_context(reduced_motion="reduce", locale="de-DE")
    page, _ = open_page(context, tiny_site.address)
    for size, scheme in ((DESK, "light"), (PHONE, "dark")):
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=scheme)
        if size == PHONE:
            page.click("#settings")
            page.click("#help")
        found = axe.Axe().run(page).response["violations"]
        assert not [
            (entry["id"], [node["target"] for node in entry["nodes"]])
            for entry in found
            if entry["impact"] in ("serious", "critical")
        ]
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    context.close()


def test_its_arithmetic_is_that_of_the_programs(tiny_site, context):
    page = context.new_page()
    page.goto(tiny_site.address)
    page.wait_for_selector("#begin:visible")
    for size, cell, seed, view in [
        ((180, 320), 12, 1, ((1, 0, 0), (0, 1, 0))),
        ((481, 642), 12, 77, ((0.9, 0.1, 0.3), (-0.1, 0.9, -1000.2))),
        ((97, 64), 8, 2**31 - 1, ((2.5, 0, 4), (0, 2.5, 1))),
    ]:
        drawn = page.evaluate(
            "async ([height, width, cell, seed, view]) => Array.from("
            "(await import('/canvas.js')).drawCanvas(height, width, cell, seed, 1, view))",
            [*size, cell, seed, [*view[0], *view[1]]],
        )
        np.testing.assert_allclose(drawn, draw_canvas(size, cell, seed, view).ravel(), atol=3e-5)
    rng, noise = np.random.default_rng(1), NoiseReduction()
    frames = rng.integers(0, 256, (1, 19, 26, 3)) + rng.normal(0, 4, (6, 19, 26, 3))
    frames[3:, 4:9, 8:16] += 30
    frames = frames.clip(0, 255).astype(np.uint8)
    reduced = page.evaluate(
        "async (frames) => { const noise = new (await import('/noise.js')).NoiseReduction();"
        " return frames.map((f) => Array.from(noise.reduce(Uint8Array.from(f), 19, 26))); }",
        [frame.ravel().tolist() for frame in frames],
    )
    for ours, frame in zip(reduced, frames, strict=True):
        assert np.array_equal(np.reshape(ours, frame.shape), noise.reduce(frame))
    paintings = rng.integers(0, 256, frames.shape, np.uint8)
    held = page.evaluate(
        "async ([frames, paintings]) => {"
        " const { NoiseReduction, PaintingAtRest } = await import('/noise.js');"
        " const noise = new NoiseReduction(), rest = new PaintingAtRest();"
        " return frames.map((f, i) => { noise.reduce(Uint8Array.from(f), 19, 26);"
        "   const painting = Uint8Array.from(paintings[i]), style = [i < 5 ? 1 : 0];"
        "   return Array.from(rest.hold(painting, noise.gains, style, 19, 26)); }); }",
        [[p.ravel().tolist() for p in pictures] for pictures in (frames, paintings)],
    )
    noise, rest = NoiseReduction(), PaintingAtRest(RecursiveMean())
    for number, (ours, frame, painting) in enumerate(zip(held, frames, paintings, strict=True)):
        noise.reduce(frame)
        style = np.array([1.0 if number < 5 else 0.0])
        expected = rest.hold(painting, noise.gains, style)
        assert np.array_equal(np.reshape(ours, frame.shape), expected)
    frame, painting = rng.integers(0, 256, (2, 40, 60, 3), np.uint8)
    slopes = page.evaluate(
        "async ([frame, painting]) => Array.from("
        "(await import('/slopes.js')).slopesOf(frame, painting, 40, 60))",
        [np.dstack([p, p[..., :1]]).ravel().tolist() for p in (frame, painting)],
    )
    scaler = Scaler()
    planes = [np.ascontiguousarray(painting[..., channel]) for channel in range(3)]
    expected = scaler.slopes(planes, scaler.luma(frame)).astype(int)
    assert np.abs(np.reshape(slopes, (20, 30, 4))[..., :3].transpose(2, 0, 1) - expected).max() <= 1


def seen_by_a_camera(photo: str, x: int) -> np.ndarray:
    """(120, 160, 3) uint8: a part of a photo that begins ``x`` of its pixels from the left."""
    part = getattr(skimage.data, photo)()[60:300, x : x + 320]
    return np.asarray(Image.fromarray(part).reduce(2))


def as_text(array: np.ndarray) -> str:
    return base64.b64encode(array.tobytes()).decode()


def opaque(picture: np.ndarray) -> np.ndarray:
    return np.dstack([picture, np.full_like(picture[..., :1], 255)])


BYTES = "const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));"
FOLLOW = """async (frames) => {
  const motion = new (await import("/motion.js")).CameraMotion();
  BYTES
  return frames.map((text) => motion.follow(bytes(text), 120, 160));
}""".replace("BYTES", BYTES)


def test_the_camera_is_followed_as_the_programs_follow_it(tiny_site, context):
    page, wrong = open_page(context, tiny_site.address)
    frames = [seen_by_a_camera("coffee", 10 + min(5 * t, 60)) for t in range(24)]
    frames += [seen_by_a_camera("astronaut", 10 + 4 * t) for t in range(8)]
    told = [as_text(opaque(frame)) for frame in frames]
    found, motion = np.reshape(page.evaluate(FOLLOW, told), (-1, 2, 3)), CameraMotion()
    expected = np.stack([motion.follow(frame) for frame in frames])
    np.testing.assert_allclose(found, expected, atol=0.003)
    np.testing.assert_allclose(found[23, :, 2], (0.25, 0), atol=0.003)  # 60 of 240 lines
    assert (found[20] == found[23]).all() and found[24, 0, 2] == 1000  # it rests; a cut
    assert not wrong


LOOKS = {
    "s=starry_night": Look((("starry_night", 1.0),)),
    "s=great_wave:.6,the_scream:.4&strength=.7&canvas=.5&seed=7": Look(
        parse_mix("great_wave:.6,the_scream:.4"), strength=0.7, canvas=0.5, canvas_seed=7
    ),
    "s=udnie&keep_color=on&brush=1.6": Look((("udnie", 1.0),), keep_color=True, brush=1.6),
}


def test_the_shipped_styles_are_painted_as_the_programs_paint_them(context, tmp_path):
    model = find_model("gallery", [])
    server = Server(write_site(model, tmp_path / "site"))
    sample = Image.open(model.path.parent / "thumbnails" / "original.jpg").convert("RGB")
    picture = np.asarray(sample.resize((640, 480), Image.Resampling.BICUBIC))
    page, wrong = open_page(context, server.address)
    page.set_input_files("#file", as_png(picture))
    with open_engine("onnxruntime", model, EngineOptions(precision="fp32"), (480, 640)) as engine:
        for address, look in LOOKS.items():
            page.evaluate("hash => { location.hash = hash; }", f"{address}&fade=0")
            expected = Stylizer(engine, look).stylize(Frame(picture, 0), 0.0).astype(int)
            until_like(page, expected, enlarged=look.brush != 1)
        art = small_frame(346, 346)  # of which 320 are looked at, so nothing is resampled
        page.set_input_files("#style_file", {**as_png(art), "name": "my art.png"})
        page.wait_for_selector("button[data-style=picture_1][aria-pressed=true]")
        assert page.inner_text("button[data-style=picture_1]").endswith("my art")
        row = row_of(art, "my art", open_predictor(model))
        look = Look((("my_art", 1.0),), keep_color=True, brush=1.6)
        stylizer = Stylizer(engine, look, models=Models((model.with_rows([row]),)))
        expected = stylizer.stylize(Frame(picture, 0), 0.0).astype(int)
        until_like(page, expected, enlarged=True)
        assert "s=" not in page.evaluate("location.hash")  # it is nowhere but on this page
        page.keyboard.press("KeyG")
        page.wait_for_selector("button[data-style=picture_2][aria-pressed=true]")
    assert not wrong
    server.end()


@pytest.mark.slow
def test_a_card_paints_the_shipped_styles_as_the_programs_do(context_with_card, tmp_path):
    model = find_model("gallery", [])
    server = Server(write_site(model, tmp_path / "site"))
    sample = Image.open(model.path.parent / "thumbnails" / "original.jpg").convert("RGB")
    picture = np.asarray(sample.resize((320, 240), Image.Resampling.BICUBIC))
    page, wrong = open_page(context_with_card, server.address + "#painter=webgpu&brush=2&fade=0")
    page.set_input_files("#file", as_png(picture))
    with open_engine("onnxruntime", model, EngineOptions(precision="fp32"), (240, 320)) as engine:
        for style in model.style_names[1::9]:
            look = Look(((style, 1.0),), brush=2.0)
            expected = Stylizer(engine, look).stylize(Frame(picture, 0), 0.0).astype(int)
            page.evaluate("hash => { location.hash = hash; }", f"s={style}&brush=2&fade=0")
            until_like(page, expected, enlarged=False)
            assert "graphics card paints" in page.text_content("#why")
    assert not wrong
    server.end()


def until_like(page, expected: np.ndarray, enlarged: bool) -> None:
    """Until the picture that is shown is the expected one; resamplers are not quite alike."""
    end_s, stray = time.monotonic() + LIMIT_S, np.full(1, np.nan)
    most, mean = (12, 2.5) if enlarged else (2, 0.5)
    while time.monotonic() < end_s:
        shown = snapshot(page)
        if shown.shape == expected.shape:
            stray = np.abs(shown.astype(int) - expected)
            if np.quantile(stray, 0.95) <= most and stray.mean() <= mean:
                return
        time.sleep(0.2)
    raise AssertionError(f"{np.quantile(stray, 0.95)} at 95 %, {stray.mean():.2f} on average")


@pytest.fixture(scope="module")
def small_site(tmp_path_factory) -> Iterator[tuple[Server, ModelFile]]:
    """A network as it ships, but of a few thousand parameters: quick without a card, too."""
    pytest.importorskip("torch", reason="the small model is exported by torch")
    from tests.small_network import write_small_model

    folder = tmp_path_factory.mktemp("small")
    model = load_model(write_small_model(folder / "small.onnx"))
    server = Server(write_site(model, folder / "site"))
    yield server, model
    server.end()


KEEP_DEVICE = """(() => {
  const request = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (...told) {
    return window.device = await request.apply(this, told);
  };
})()"""


def test_a_card_paints_as_the_programs_do_and_may_fail(small_site, context_with_card):
    server, model = small_site
    context_with_card.add_init_script(KEEP_DEVICE)
    page, wrong = open_page(context_with_card, server.address + "#painter=webgpu&fade=0&brush=2")
    picture = small_frame(240, 320)
    page.set_input_files("#file", as_png(picture))
    until(page, "document.getElementById('why').textContent.includes('graphics card paints')")
    with open_engine("onnxruntime", model, EngineOptions(precision="fp32"), (240, 320)) as engine:
        mix = (("first", 0.25), ("second", 0.75))
        look = Look(mix, strength=0.8, brush=2.0, canvas=0.5, canvas_seed=7, keep_color=True)
        expected = Stylizer(engine, look).stylize(Frame(picture, 0), 0.0).astype(int)
        colors = "strength=.8&canvas=.5&seed=7&keep_color=on"
        address = f"s=first:.25,second:.75&{colors}&fade=0&brush=2&painter=webgpu"
        page.evaluate("hash => { location.hash = hash; }", address)
        until_like(page, expected, enlarged=False)
        larger = np.asarray(Image.fromarray(picture).resize((640, 480)))
        page.set_input_files("#file", as_png(larger))
        expected = Stylizer(engine, look).stylize(Frame(larger, 0), 0.0).astype(int)
        until_like(page, expected, enlarged=True)
        page.evaluate("window.device.destroy()")
        until(page, "document.getElementById('why').textContent.includes('card failed')")
        until_like(page, expected, enlarged=True)
    assert not wrong


PAINT_FILM = """async ([frames, row]) => {
  const { GpuPainter, openCard } = await import("/gpu.js");
  const { GpuShow } = await import("/gpushow.js");
  const table = await (await fetch("/site.json")).json();
  const painter = new GpuPainter(await openCard(true), table);
  await painter.load();
  const show = await GpuShow.open(document.createElement("canvas"), painter.device);
  const size = [48, 64], drawn = [];
  const paint = async (frame, mix, outside, moves, view) => {
    const image = new ImageData(Uint8ClampedArray.from(frame), size[1], size[0]);
    show.take({ frame: await createImageBitmap(image), size });
    const plan = { height: size[0], width: size[1], mix, outside, enlarged: false };
    show.put(await painter.run(show.taken, plan, { canvas: 1, seed: 1, view }, moves));
    show.draw({ share: 0, compare: "off", divider: 0.5 });
    const copy = new OffscreenCanvas(size[1], size[0]).getContext("2d");
    copy.drawImage(show.canvas, 0, 0);
    drawn.push(Array.from(copy.getImageData(0, 0, size[1], size[0]).data));
  };
  for (const frame of frames) await paint(frame, new Float32Array([0, 1, 0]), null, true);
  const { outsideOf } = await import("/look.js");
  const mix = new Float32Array([0, 0.25, 0.25, 0.5, 0]);  // of two pictures
  const outside = outsideOf(mix, [row, row].map((values) => Float32Array.from(values)));
  await paint(frames[0], mix, outside, false);
  await paint(frames[0], mix, outside, false, [0.9, 0.1, 0.3, -0.1, 0.9, 1000.2]);
  return drawn;
}"""


def test_a_card_steadies_films_as_the_programs_do(small_site, context_with_card):
    server, model = small_site
    page, wrong = open_page(context_with_card, server.address + "#painter=wasm")
    still, rng = small_frame(48, 64), np.random.default_rng(3)
    frames = still + rng.normal(0, 3, (5, *still.shape))
    frames[3:, 10:30, 10:30] += 60
    frames = frames.clip(0, 255).astype(np.uint8)
    told = [opaque(frame).ravel().tolist() for frame in frames]
    row = np.random.default_rng(4).normal(0, 0.3, model.row_length).astype(np.float32)
    *drawn, of_picture, carried = page.evaluate(PAINT_FILM, [told, row.tolist()])
    with open_engine("onnxruntime", model, EngineOptions(precision="fp32"), (48, 64)) as engine:
        stylizer = Stylizer(engine, Look((("first", 1.0),)), inference_size=(48, 64))
        for number, (frame, ours) in enumerate(zip(frames, drawn, strict=True)):
            expected = stylizer.stylize(Frame(frame, number), number / 30).astype(int)
            stray = np.abs(np.reshape(ours, (48, 64, 4))[..., :3] - expected)
            assert stray.max() <= 2, number
        mixed = np.concatenate([[0, 0.25, 0.25, 0.5], 0.5 * row]).astype(np.float32)
        for ours, view in ((of_picture, STILL), (carried, ((0.9, 0.1, 0.3), (-0.1, 0.9, 1000.2)))):
            canvas = model.canvas.draw((48, 64), mixed[None], view=view)
            expected = engine.infer(frames[:1], mixed[None], canvas)[0].astype(int)
            stray = np.abs(np.reshape(ours, (48, 64, 4))[..., :3] - expected)
            assert stray.max() <= 2
        assert np.abs(np.subtract(of_picture, carried)).max() > 9
    assert not wrong


PAINT_STEADY = """async ([kind, frames, views]) => {
  const { GpuPainter, openCard } = await import("/gpu.js");
  const { GpuShow } = await import("/gpushow.js");
  const { Painter } = await import("/painter.js");
  const { Steadiness } = await import("/steadiness.js");
  const table = await (await fetch("/site.json")).json(), steadiness = new Steadiness();
  const size = [48, 64], mix = new Float32Array([0, 1, 0]), drawn = [];
  const plan = { height: size[0], width: size[1], mix, outside: null, enlarged: false };
  const look = { canvas: 1, seed: 1 };
  let painter = new Painter(), show;
  if (kind === "wasm") await painter.open(table);
  else {
    painter = new GpuPainter(await openCard(true), table);
    await painter.load();
    show = await GpuShow.open(document.createElement("canvas"), painter.device);
  }
  for (const [number, frame] of frames.entries()) {
    const pixels = Uint8ClampedArray.from(frame), copy = { pixels, height: 48, width: 64 };
    const steady = steadiness.follow(copy, views[number], 0.5);
    if (kind === "wasm") {
      const told = { ...plan, ...look, steady, moves: true, pixels: pixels.slice() };
      drawn.push(Array.from((await painter.ask("paint", told)).painting));
      continue;
    }
    show.take({ frame: await createImageBitmap(new ImageData(pixels, size[1], size[0])), size });
    show.put(await painter.run(show.taken, plan, { ...look, steady }, true));
    show.draw({ share: 0, compare: "off", divider: 0.5 });
    const drawing = new OffscreenCanvas(size[1], size[0]).getContext("2d");
    drawing.drawImage(show.canvas, 0, 0);
    drawn.push(Array.from(drawing.getImageData(0, 0, size[1], size[0]).data));
  }
  return drawn;
}"""


def held_along(shift: float, frames: list[np.ndarray], last: np.ndarray, painting: np.ndarray):
    """``painting`` mixed with the ``last`` one, which lies ``shift`` pixels further right.

    frames: the one before and the one now.
    """
    height, width = painting.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    before, now = (frame.astype(np.float32) for frame in frames)
    warp = partial(cv2.remap, map1=columns + np.float32(shift), map2=rows, interpolation=1)
    changes = np.abs(now - warp(before)).max(2)
    changes[columns + shift > width - 1] = 255
    share = 0.95 * (1 - 0.5**4) * np.exp(-np.square(cv2.blur(changes, (3, 3)) / 12))
    return painting + share[..., None] * (warp(last) - painting)


@pytest.mark.parametrize("kind", ["wasm", "webgpu"])
def test_paint_is_held_along_the_camera(small_site, context_with_card, kind: str):
    """A camera that pans over a scene, in which a square moves otherwise; then another scene."""
    server, model = small_site
    page, wrong = open_page(context_with_card, server.address + "#painter=wasm")
    scene, places = small_frame(48, 120), [2.5 * t for t in range(6)]
    frames = [scene[:, round(x) : round(x) + 64].copy() for x in places]
    for t, frame in enumerate(frames):
        frame[10:26, 40 - 6 * t : 56 - 6 * t] = (220, 40, 40)
    frames.append(255 - frames[-1])
    views = [[1, 0, x / 48, 0, 1, 0] for x in [*places, places[-1]]]
    told = [opaque(frame).ravel().tolist() for frame in frames]
    drawn = page.evaluate(PAINT_STEADY, [kind, told, views])
    noise, rest, shown, changes = NoiseReduction(), PaintingAtRest(RecursiveMean()), None, []
    with open_engine("onnxruntime", model, EngineOptions(precision="fp32"), (48, 64)) as engine:
        style = np.array([0, 1, 0], np.float32)
        for t, (frame, ours) in enumerate(zip(frames, drawn, strict=True)):
            quiet = noise.reduce(frame)
            canvas = model.canvas.draw((48, 64), style[None])
            painting = engine.infer(quiet[None], style[None], canvas)[0].astype(np.float32)
            if 0 < t < len(places):
                shown = held_along(2.5, frames[t - 1 : t + 1], shown, painting)
                changes.append(np.abs(shown - painting).mean())
            else:
                shown = painting
            expected = rest.hold(np.rint(shown).astype(np.uint8), noise.gains, style).astype(int)
            stray = np.abs(np.reshape(ours, (48, 64, 4))[..., :3] - expected)
            assert stray.max() <= 2, (t, stray.max())
    assert min(changes) > 1 and not wrong


KEEP_STEADY = """(() => {
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (told, moved) {
    if (told.task === "paint") window.steady = told.steady;
    return post.call(this, told, moved);
  };
})()"""


def test_stability_is_for_what_moves_and_stands_in_the_address(tiny_site, context):
    context.add_init_script(KEEP_STEADY)
    page, wrong = open_page(context, tiny_site.address)
    page.click("#begin")
    page.wait_for_selector("#stage[data-frames]")
    assert page.evaluate("window.steady === null")
    for _ in range(5):
        page.keyboard.press("Shift+Digit0")
    until(page, "window.steady?.shares")
    until_shown(page, 64, 204)
    page.wait_for_url("**stability=0.5")
    assert page.input_value("#c-stability") == "0.5"
    page.keyboard.press("Digit0")  # the original: what is painted next has nothing to hold
    until_shown(page, 191, 51)
    page.set_input_files("#file", as_png(np.full((48, 64, 3), 60, np.uint8)))
    page.keyboard.press("Digit0")
    until(page, "window.steady === null")
    until_like(page, np.full((48, 64, 3), 195), enlarged=False)
    assert not wrong


MASK = """async (told) => {
  const { blurRoom, SteadyPerson } = await import("/person.js");
  BYTES
  const person = new SteadyPerson(), lines = [];
  for (const [frame, found] of told.frames) {
    const sure = new Float32Array(bytes(found).buffer);
    lines.push(person.linesOf(bytes(frame), sure));
  }
  const { room } = blurRoom(bytes(told.room), 160, 284, lines.at(-1));
  return [lines.map((plane) => Array.from(plane)), Array.from(room)];
}""".replace("BYTES", BYTES)


def test_masks_are_steadied_and_rooms_blurred_as_the_programs_do(tiny_site, context):
    page, wrong = open_page(context, tiny_site.address)
    rng, scaler, masks = np.random.default_rng(0), Scaler(), PeopleMasks()
    rows, columns = np.mgrid[: PERSON_SIZE[0], : PERSON_SIZE[1]]
    frames, told, expected = [], [], []
    for t in range(4):
        frame = small_frame(*PERSON_SIZE)
        frame[40:100, 60 + 8 * t : 120 + 8 * t] = (200, 30, 40)
        found = (
            1.2 - np.hypot(columns - 90 - 8 * t, rows - 70) / 50 + rng.normal(0, 0.05, rows.shape)
        )
        luma, found = scaler.luma(frame), found.clip(0, 1).astype(np.float32)
        person = masks._steady_person(found, luma)
        masks._last = {"luma": luma, "person": person}
        expected.append(people._sharpen(masks._bring_up(person, luma, frame)).astype(float))
        told.append([as_text(opaque(frame)), as_text(found)])
        frames.append(frame)
    finer = as_text(opaque(scaler.resize(frames[-1], (160, 284))))
    lines, room = page.evaluate(MASK, {"frames": told, "room": finer})
    for frame, mask, line in zip(frames, expected, lines, strict=True):
        slope, offset = np.reshape(line, (*PERSON_SIZE, 2)).transpose(2, 0, 1)
        t = ((slope * scaler.luma(frame) + offset - 0.35) / 0.3).clip(0, 1)
        assert np.abs(255 * t * t * (3 - 2 * t) - mask).max() < 5
    blurred = layers._blur_background(frames[-1], expected[-1].astype(np.uint8), scaler)
    stray = np.reshape(room, (40, 71, 4))[..., :3] - scaler.resize(blurred, (40, 71)).astype(int)
    assert np.abs(stray).mean() < 1 and not wrong


@pytest.mark.slow
@pytest.mark.parametrize("painter", ["wasm", "webgpu"])
def test_people_are_painted_by_themselves(small_site, context_with_card, painter: str):
    server, model = small_site
    asked: list[str] = []
    context_with_card.on("request", lambda request: asked.append(request.url))
    page, wrong = open_page(context_with_card, f"{server.address}#brush=2&painter={painter}")
    until(page, "document.getElementById('why').textContent !== ''")
    astronaut = Image.fromarray(skimage.data.astronaut()[:384])
    picture = np.asarray(astronaut.resize((320, 240), Image.Resampling.BICUBIC))
    page.set_input_files("#file", as_png(picture))
    page.wait_for_selector("#stage[data-frames]")
    assert not any("person.onnx" in address for address in asked)
    page.keyboard.press("KeyW")
    assert page.inner_text("#c-paint") == "Painted: the person"
    page.keyboard.press("KeyE")
    assert page.inner_text("#c-behind") == "Behind: original"
    page.fill("#c-color", "#10c040")
    page.wait_for_url("**&paint=person&behind=%2310c040&**")
    looks = {"paint=person&behind=blur": Look((("first", 1.0),), paint="person", behind="blur")}
    for behind in ("#10c040", "painting"):
        address = f"paint=background&behind={behind.replace('#', '%23')}"
        looks[address] = Look((("first", 1.0),), paint="background", behind=behind)
    with open_engine("onnxruntime", model, EngineOptions(precision="fp32"), (240, 320)) as engine:
        for address, look in looks.items():
            stylizer = Stylizer(engine, replace(look, brush=2.0))
            expected = stylizer.stylize(Frame(picture, 0), 0.0).astype(int)
            stylizer.close()
            told = f"{address}&brush=2&fade=0&painter={painter}"
            page.evaluate("hash => { location.hash = hash; }", told)
            until_like(page, expected, enlarged=True)
    assert not wrong


@pytest.mark.slow
def test_where_people_cannot_be_found_all_is_painted(tiny_model, tmp_path, context):
    site = write_site(tiny_model, tmp_path / "site")
    (site / "person.onnx").write_bytes(b"not a model")
    server = Server(site)
    page, _ = open_page(context, server.address)
    page.click("#begin")
    page.wait_for_selector("#stage[data-frames]")
    page.keyboard.press("KeyW")
    until(page, "document.getElementById('toast').textContent.includes('cannot be found here')")
    assert page.inner_text("#c-paint") == "Painted: all"
    server.end()


KEEP_VIEW = """(() => {
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (told, moved) {
    if (told.view) window.view = told.view;
    return post.call(this, told, moved);
  };
})()"""


@pytest.mark.slow
def test_the_canvas_goes_with_the_camera(small_site, context, make_video):
    """A film of a camera that rests, pans, and rests until the test has looked."""
    server, _ = small_site
    context.add_init_script(KEEP_VIEW)
    page, wrong = open_page(context, f"{server.address}#painter=wasm")
    until(page, "document.getElementById('why').textContent !== ''")
    places = [10] * 10 + [10 + 5 * t for t in range(13)] + [70] * 60
    shots = [seen_by_a_camera("coffee", x) for x in places]
    times_ms = list(range(0, 100 * len(places), 100))
    film = make_video("pan.mp4", pts=times_ms, size=(120, 160), pixels=shots.__getitem__)
    page.set_input_files("#file", film)
    until(page, "window.view && Math.abs(window.view[2] - 0.25) < 0.005")  # 60 of 240 lines
    page.keyboard.press("Space")
    page.wait_for_selector("#c-freeze[aria-pressed=true]")
    page.fill("#c-canvas", "0.5")
    assert page.evaluate("Math.abs(window.view[2] - 0.25) < 0.005")
    page.set_input_files("#file", as_png(shots[0]))
    until(page, "window.view.join() === '1,0,0,0,1,0'")
    assert not wrong


@pytest.mark.slow
def test_little_is_loaded_before_the_first_picture(context, tmp_path):
    site, asked = write_site(find_model("gallery", []), tmp_path / "site"), []
    server = Server(site)
    context.on("request", lambda request: asked.append(request.url))
    page, wrong = open_page(context, server.address + "#view=clean&painter=wasm")
    page.wait_for_selector("#stage[data-frames]")
    packed = packed_bytes(site, asked)
    assert 4_000_000 < packed < 6_000_000 and not wrong  # the runtime alone is 3.7 MB
    server.end()
