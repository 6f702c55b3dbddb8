"""The page as a studio, in a real Chromium: files, styles of one's own, a phone, and who cannot see
well.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from bench.tools.clips import audio_packets, bikes, cut
from engines.errors import SourceError
from engines.model_file import BUNDLED_DIR
from engines.style_row import write_row
from tests.realtime.web.studio.test_own_styles import row
from tests.realtime.web.test_chromium import (
    CHROMIUM,
    LIMIT_MS,
    ROOT,
    chromium,
    until_pixels,
    write_clip,
)

sync_api = pytest.importorskip("playwright.sync_api")
axe = pytest.importorskip("axe_playwright_python.sync_playwright")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
SMALL = {"width": 800, "height": 700}  # less to draw without a graphics card
# Says and writes what a training does, and goes on until it is ended.
TRAINING = """
import shutil, sys, time
given, row, preview = sys.argv[1:]
print("1/3 reading the painting and the photos", file=sys.stderr, flush=True)
shutil.copy(given + ".jpg", preview)
shutil.copy(given + ".row", row)
while True:
    print("trained 40 %: still far from the painting", file=sys.stderr, flush=True)
    time.sleep(0.2)
"""
DROP = """([place, name, kind, content]) => {
  const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([bytes], name, { type: kind }));
  document.querySelector(place).dispatchEvent(
    new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
}"""


@contextlib.contextmanager
def serving(
    folder: Path, *flags: object, at: str = "127.0.0.1:0", program: Path = ROOT / "run_cam.py"
) -> Iterator[tuple]:
    """The process, and the address that it prints; it is killed at the end if it still runs."""
    command = [sys.executable, program, "--serve", at, "--fresh", "--no-mirror", *flags]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        try:
            lines = iter(process.stderr.readline, "")
            address = next(line for line in lines if line.startswith("open http"))
            yield process, address.removeprefix("open ").strip()
        finally:
            process.kill()


@pytest.fixture
def models(tiny_model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the small model is the user's."""
    folder = tmp_path / "models"
    folder.mkdir()
    shutil.copy(tiny_model.path, folder / "tiny.onnx")
    monkeypatch.setenv("LIVEBRUSH_MODELS", str(folder))
    return folder


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[sync_api.Browser]:
    write_clip(tmp_path / "camera.y4m")
    name = f"{socket.gethostname()}.local"
    rules = f"--host-resolver-rules=MAP {name} 127.0.0.1"
    with chromium(tmp_path / "camera.y4m", rules) as opened:
        yield opened


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten real seconds with sound."""
    try:
        source = bikes()
    except SourceError as error:
        pytest.skip(str(error))
    path = tmp_path_factory.mktemp("clip") / "bikes of today.mp4"
    cut(source, path, (240, 320), 25, 250)
    return path


def open_page(browser, address: str, size=SMALL, **options) -> sync_api.Page:
    page = browser.new_page(viewport=size, reduced_motion="reduce", **options)
    page.set_default_timeout(LIMIT_MS)
    page.mistakes = []
    page.on("pageerror", lambda error: page.mistakes.append(str(error)))
    page.goto(address)
    return page


def drop(page: sync_api.Page, place: str, path: Path, kind: str) -> None:
    import base64

    content = base64.b64encode(path.read_bytes()).decode()
    page.evaluate(DROP, [place, path.name, kind, content])


def wait_job(page: sync_api.Page, state: str) -> None:
    page.wait_for_selector(f"#queue li[data-state={state}]", timeout=4 * LIMIT_MS)


def download(page: sync_api.Page, selector: str) -> sync_api.Download:
    with page.expect_download() as got:
        page.click(selector)
    return got.value


def check_negative(painted: Path, source: Path) -> None:
    """The whole of ``source`` in the small model's negative, with its own sound."""
    with av.open(str(painted)) as new, av.open(str(source)) as old:
        pairs = zip(new.decode(video=0), old.decode(video=0), strict=True)
        count = 0
        for one, other in pairs:
            count += 1
            if count % 25:
                continue
            negative = 255 - other.to_ndarray(format="rgb24").astype(float)
            # The camera's noise is taken out before it is painted.
            assert np.abs(one.to_ndarray(format="rgb24") - negative).mean() < 12
            assert abs(one.time - other.time) < 0.002
    assert count == 250
    assert audio_packets(painted) == audio_packets(source) != []


def test_a_film_is_dropped_styled_and_downloaded(models, browser, clip, tmp_path: Path):
    with serving(tmp_path, "--model", models / "tiny.onnx") as (process, address):
        page = open_page(browser, address, DESK)
        page.click("#tab-files")
        page.wait_for_selector("#room:text('20.0 GB')")
        drop(page, "#files-drop", clip, "video/mp4")
        page.wait_for_selector("#strip button[data-style=negative] img", timeout=4 * LIMIT_MS)
        page.click("#strip button[data-style=negative]")
        page.wait_for_selector("#sample:visible")
        page.click("#look")
        page.wait_for_function(
            "() => !document.getElementById('preview').hidden"
            " && document.getElementById('preview').duration > 4.5",
            timeout=4 * LIMIT_MS,
        )
        (tmp_path / "files.png").write_bytes(page.screenshot(full_page=True))
        page.click("#paint")
        wait_job(page, "done")
        got = download(page, "#queue [data-act=download]")
        assert got.suggested_filename == "bikes_of_today_negative.mp4"
        shutil.copy(got.path(), tmp_path / "painted.mp4")
        check_negative(tmp_path / "painted.mp4", clip)
        assert page.is_hidden("#queue [data-act=pause]") and not page.mistakes
        page.on("dialog", lambda dialog: dialog.accept())
        page.click("#shelf button:text('Remove')")
        page.wait_for_selector("#shelf li", state="detached")
        process.terminate()
        assert process.wait(10) == 143


def test_a_server_that_was_killed_goes_on(models, browser, clip, tmp_path: Path, monkeypatch):
    """The page stays open; both servers have one token and one port."""
    monkeypatch.setenv("LIVEBRUSH_STUDIO", str(tmp_path / "studio"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        at = f"127.0.0.1:{free.getsockname()[1]}"
    flags = ("--token-file", tmp_path / "token", "--model", models / "tiny.onnx")
    with serving(tmp_path, *flags, at=at) as (process, address):
        page = open_page(browser, address)
        page.click("#tab-files")
        drop(page, "#files-drop", clip, "video/mp4")
        page.click("#strip button[data-style=negative]", timeout=4 * LIMIT_MS)
        page.evaluate("wanted.stability = 1")  # slow enough to be met midway
        page.click("#paint")
        end_s = time.monotonic() + 4 * LIMIT_MS / 1000
        while not list((tmp_path / "studio").glob("*/.*.unfinished/000001.*")):
            assert time.monotonic() < end_s, "no segment is finished"
            time.sleep(0.05)
        process.kill()
    with serving(tmp_path, *flags, at=at) as (process, again):
        assert again == address
        wait_job(page, "done")
        assert "of them from before" in page.text_content("#queue .about")
        got = download(page, "#queue [data-act=download]")
        shutil.copy(got.path(), tmp_path / "painted.mp4")
        assert audio_packets(tmp_path / "painted.mp4") == audio_packets(clip)
        with av.open(str(tmp_path / "painted.mp4")) as painted:
            assert sum(1 for _ in painted.decode(video=0)) == 250
        assert not page.mistakes


def a_painting(folder: Path) -> Path:
    path = folder / "Red field.png"
    noise = np.random.default_rng(1).integers(0, 255, (200, 200, 3), np.uint8)
    Image.fromarray(noise).save(path)
    return path


def test_a_painting_becomes_a_usable_style(browser, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("LIVEBRUSH_MODELS", str(tmp_path / "models"))
    Image.new("RGB", (160, 120), (90, 120, 60)).save(tmp_path / "photo.jpg")
    with serving(tmp_path, "--capture", "320x240@10") as (_, address):
        page = open_page(browser, address)
        page.on("dialog", lambda box: box.accept("Noon" if box.type == "prompt" else ""))
        page.click("#tab-mine")
        page.set_input_files("#picked", a_painting(tmp_path))
        page.click("#own [data-act=keep]")
        page.wait_for_selector("#own [data-act=remove]")
        assert (tmp_path / "models" / "red_field.row").exists()
        page.wait_for_selector("#own img.swatch", timeout=4 * LIMIT_MS)
        page.click("#own [data-act=rename]")
        page.wait_for_selector("#own .name:text('Noon')")
        (tmp_path / "mine.png").write_bytes(page.screenshot())
        shared = download(page, "#own [data-act=share]")
        assert shared.suggested_filename == "noon.row"
        shutil.copy(shared.path(), tmp_path / "given.row")
        page.click("#tab-files")
        page.set_input_files("#chosen", tmp_path / "photo.jpg")
        page.click("#strip button[data-style=noon]", timeout=4 * LIMIT_MS)
        page.click("#paint")
        wait_job(page, "done")
        got = download(page, "#queue [data-act=download]")
        shutil.copy(got.path(), tmp_path / "painted.jpg")
        painted, photo = (
            np.asarray(Image.open(tmp_path / name)).astype(int)
            for name in ("painted.jpg", "photo.jpg")
        )
        assert painted.shape == photo.shape and np.abs(painted - photo).mean() > 5
        page.click("#tab-mine")
        page.click("#own [data-act=remove]")
        page.wait_for_selector("#own .about:text('of this run')")
        page.set_input_files("#picked", tmp_path / "given.row")
        page.wait_for_selector("#own .about:text('-s given')")
        assert not page.mistakes


def test_a_painting_is_trained_on_seen_and_kept(browser, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("LIVEBRUSH_MODELS", str(tmp_path / "models"))
    write_row(tmp_path / "given.row", row("style", "trained"))
    shutil.copy(BUNDLED_DIR / "thumbnails" / "original.jpg", tmp_path / "given.jpg")
    program = tmp_path / "run_cam.py"
    # The real training takes minutes: another program stands in for it.
    program.write_text(
        f"""import sys
sys.path.insert(0, {str(ROOT)!r})
import run_cam
from realtime.web.studio import lessons
lessons.training_refusal = lambda: ""
lessons.lesson_command = lambda painting, row, preview, minutes, vgg: [
    sys.executable, "-c", {TRAINING!r}, {str(tmp_path / "given")!r}, str(row), str(preview)]
run_cam.script()
"""
    )
    flags = ("--capture", "160x120@5", "--size", "160x120")
    with serving(tmp_path, *flags, program=program) as (_, address):
        page = open_page(browser, address, DESK)
        page.click("#tab-mine")
        page.set_input_files("#picked", a_painting(tmp_path))
        page.wait_for_selector("#lesson-said:text('brings it nearer')")
        (tmp_path / "before.png").write_bytes(page.screenshot())
        page.click("#lesson-begin")
        page.wait_for_selector("#lesson-said:text('still far from the painting')")
        page.wait_for_selector("#lesson-seen:visible")
        (tmp_path / "meanwhile.png").write_bytes(page.screenshot())
        page.click("#lesson-keep")
        page.wait_for_selector("#own .about:text('kept:')")
        page.wait_for_selector("#lesson", state="hidden")
        assert (tmp_path / "models" / "red_field.row").exists()
        page.set_input_files("#picked", a_painting(tmp_path))
        page.click("#lesson-begin")
        page.click("#lesson-end:text('Cancel')")
        page.wait_for_selector("#lesson", state="hidden")
        assert not page.mistakes


def test_a_text_is_typed_and_the_program_is_ended(models, browser, tmp_path: Path):
    flags = ("--model", models / "tiny.onnx", "-s", "negative", "--source", "test")
    with serving(tmp_path, *flags, "--web-controls", "all") as (process, address):
        page = open_page(browser, address, DESK)
        page.fill("#c-text", "Doors at nine")
        page.press("#c-text", "Enter")
        page.wait_for_selector("#c-caption[aria-pressed=true]")
        time.sleep(1)  # for the picture
        (tmp_path / "text.png").write_bytes(page.screenshot())
        page.on("dialog", lambda box: box.accept())
        page.click("#quit")
        assert process.wait(30) == 0
        page.wait_for_selector("#connection:text('has ended')")
        assert not page.mistakes


def test_styles_are_placed_in_time_by_pointer_and_keys(models, browser, tmp_path: Path, make_video):
    film = make_video("small film.mp4", pts=list(range(0, 10_000, 40)))
    with serving(tmp_path, "--model", models / "tiny.onnx") as (_, address):
        page = open_page(browser, address, DESK)
        page.click("#tab-files")
        page.set_input_files("#chosen", film)
        page.click("#strip button[data-style=negative]", timeout=4 * LIMIT_MS)
        page.click("#over-time")
        second = page.locator("#track [role=slider]:nth-child(2)")
        schedule = lambda: page.evaluate("scheduleOf(chosen)")  # noqa: E731
        assert schedule() == "0:negative 5:dim/1s"
        box = second.bounding_box()
        page.mouse.move(box["x"] + 30, box["y"] + 20)
        page.mouse.down()
        page.mouse.move(box["x"] + 30 - box["width"] * 2 / 5, box["y"] + 20, steps=3)
        page.mouse.up()
        assert abs(float(schedule().split()[1].split(":")[0]) - 3) < 0.1
        before = float(second.get_attribute("aria-valuenow"))
        for key in ("Shift+ArrowRight", "ArrowRight", "ArrowLeft", "Shift+ArrowRight"):
            page.keyboard.press(key)
        assert float(second.get_attribute("aria-valuenow")) == pytest.approx(before + 2, abs=0.11)
        page.click("#add-part")
        page.click("#part-cut")
        assert schedule().split()[2].startswith("cut:")
        found = axe.Axe().run(page).response["violations"]
        assert not [one["id"] for one in found if one["impact"] in ("serious", "critical")]
        planned = schedule()
        page.fill("#w-strength", "0.5")
        page.reload()
        page.wait_for_selector("#track [role=slider]:nth-child(3)")
        assert schedule() == planned and page.input_value("#w-strength") == "0.5"
        page.set_viewport_size(PHONE)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        page.locator("#track [role=slider]:nth-child(3)").focus()
        page.keyboard.press("Delete")
        assert len(schedule().split()) == 2
        page.click("#paint")
        wait_job(page, "done")
        assert "small_film_over_time.mp4" in page.text_content("#queue .about")
        page.click("#one-style")
        assert schedule() == "" and page.is_visible("#over-time") and not page.mistakes
        page.reload()
        page.wait_for_selector("#over-time")
        assert schedule() == ""


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_every_tab_is_accessible(models, browser, clip, tmp_path: Path, size, make_video):
    with serving(tmp_path, "--model", models / "tiny.onnx", "-s", "negative") as (_, address):
        page = open_page(browser, address, size)
        page.click("#tab-files")
        page.set_input_files("#chosen", make_video("small film.mp4"))
        page.click("#strip button[data-style=negative]", timeout=4 * LIMIT_MS)
        page.click("#paint")
        wait_job(page, "done")
        page.click("#tab-mine")
        page.set_input_files("#picked", a_painting(tmp_path))
        page.wait_for_selector("#lesson-said:visible")
        for tab, scheme in [(t, s) for t in ("live", "files", "mine") for s in ("light", "dark")]:
            page.click(f"#tab-{tab}")
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            if tab == "live" and scheme == "light":
                page.click("#phone")
            found = axe.Axe().run(page).response["violations"]
            (tmp_path / f"{tab}-{scheme}.png").write_bytes(page.screenshot())
            assert not [
                (entry["id"], [node["target"] for node in entry["nodes"]])
                for entry in found
                if entry["impact"] in ("serious", "critical")
            ], (tab, scheme)
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        page.keyboard.press("ArrowRight")  # from the last tab to the first
        assert page.is_visible("#live") and page.is_hidden("#mine")
        page.reload()
        assert page.is_visible("#live") and not page.mistakes


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_the_page_speaks_german_and_turns_at_once(
    models, browser, tmp_path: Path, size, make_video
):
    flags = ("--model", models / "tiny.onnx", "-s", "negative", "--capture", "320x240@10")
    with serving(tmp_path, *flags) as (_, address):
        page = open_page(browser, address, size, locale="de-AT")
        page.click("#begin:text('Meine Kamera malen')")
        until_pixels(page, 195, 75)
        page.wait_for_selector("#connection[data-is=live]:text('live')")
        assert page.get_attribute("html", "lang") == "de"
        page.click("#c-mirror")
        page.wait_for_selector("#toast:text('gespiegelt')")
        page.click("#phone")
        page.click("#keys")
        assert "diese Karte" in page.inner_text("#card")
        (tmp_path / "live.png").write_bytes(page.screenshot(full_page=True))
        page.click("#keys")
        page.click("#phone")
        page.wait_for_selector("#figures:visible")
        for step in ("all", "off"):
            page.keyboard.press("i")
            page.wait_for_function(f"() => state.hud === '{step}'")
        page.wait_for_selector("#figures", state="hidden")
        page.click("#end")  # files are painted at a lower priority
        page.click("#tab-files")
        page.set_input_files("#chosen", make_video("small film.mp4", pts=list(range(0, 9000, 40))))
        page.click("#strip button[data-style=negative]", timeout=4 * LIMIT_MS)
        page.click("#over-time")
        page.click("#wishes button")
        page.click("#paint")
        wait_job(page, "done")
        page.click("#tab-mine")
        page.set_input_files("#picked", a_painting(tmp_path))
        page.wait_for_selector("#lesson-said:visible")
        for tab in ("mine", "files", "live"):
            page.click(f"#tab-{tab}")
            (tmp_path / f"{tab}.png").write_bytes(page.screenshot(full_page=True))
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
            found = axe.Axe().run(page).response["violations"]
            assert not [one["id"] for one in found if one["impact"] in ("serious", "critical")]
        page.evaluate("document.body.dataset.same = 'yes'")
        page.click("#language")
        assert page.get_attribute("html", "lang") == "en"
        assert page.inner_text("label:has(#c-fade) > span").startswith("Fade")
        page.click("#tab-files")
        assert page.inner_text("#paint") == "Paint it"
        assert page.inner_text("#shelf li > button:last-child") == "Remove"
        assert page.inner_text("#queue [data-act=download]") == "Download"
        assert page.get_attribute("#wishes button", "aria-pressed") == "true"
        assert page.evaluate("document.body.dataset.same") == "yes"  # nothing was loaded anew
        page.reload()
        page.wait_for_selector("#tab-files:text('Files')")  # it is kept
        assert not page.mistakes


def test_a_phone_is_painted_by_its_network_name_over_https(models, browser, tmp_path: Path):
    flags = ("--https", "--model", models / "tiny.onnx", "-s", "negative")
    with serving(tmp_path, *flags, "--capture", "320x240@10", at="0.0.0.0:0") as (_, address):
        assert address.startswith("https://127.0.0.1:")
        there = address.replace("127.0.0.1", f"{socket.gethostname().lower()}.local")
        page = open_page(browser, there, PHONE, ignore_https_errors=True)
        page.click("#begin")
        until_pixels(page, 195, 75)
        page.click("#tab-files")
        page.wait_for_selector("#files-refused:text('--web-controls all')")
        page.click("#tab-live")
        page.click("#phone")
        page.wait_for_selector("#links img")
        assert there in page.text_content("#links") and "SHA-256" in page.text_content("#links")
        assert not page.mistakes


def test_without_a_camera_the_page_says_what_to_do(models, tmp_path: Path):
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        with serving(tmp_path, "--model", models / "tiny.onnx") as (_, address):
            page = open_page(browser, address)
            page.context.grant_permissions(["camera"])
            page.click("#begin")
            page.wait_for_selector("#why:text('There is no camera here')")
            page.click("#tab-files")
            page.wait_for_selector("#files-drop:visible")
        browser.close()
