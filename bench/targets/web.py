"""What the page for visitors' browsers takes to load and paint, in Chromium on this machine.

Written into docs/web.md. Beside it, where its weights are given, the style transfer of ml5 in the
same browser. The machine should be idle.

python -m bench.targets.web --ml5 FOLDER
    FOLDER: variables of TensorFlow and their manifest.json, as ml5 and deeplearn.js have them
"""

from __future__ import annotations

import argparse
import io
import shutil
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bench import ROOT
from bench.tools.chromium import CARD, CHROMIUM, Server, camera_flags, packed_bytes, write_clip
from bench.tools.clips import bikes
from bench.tools.machine import describe_machine
from bench.tools.markdown import fill, markdown_table
from engines import find_model
from engines.errors import UsageError
from export.web import npm_package, write_site

SIZE = (180, 320)
_SECONDS, _FRAMES, _LIMIT_MS = 15.0, 90, 300_000
_ML5 = "ml5-0.12.2.tgz"
_ML5_SHA512 = (
    "ILp13zoi2mREYJhqSgOW0Aw3wYnnzYlpbDtPjF4N9pCx1WgNeceBQTHeXjwgOUQqld6zD9czLB2gLJMAfGRbow=="
)
# What https://github.com/reiinakano/arbitrary-image-stylization-tfjs says of its networks.
_PUBLISHED = (
    "reiinakano's page, arbitrary styles (as published)",
    "12.0 MB, not compressed",
    "",
    "stills alone",
)

# As main.js does for a camera, at one size: painted, and shown.
_LOOP = """async ([lines, seconds]) => {
  const { Painter } = await import("/painter.js");
  const { Show } = await import("/show.js");
  const { openCamera } = await import("/sources.js");
  const table = await (await fetch("/site.json")).json();
  const painter = new Painter();
  await painter.open(table);
  Object.defineProperty(painter.quality, "lines", { value: lines });
  const canvas = document.createElement("canvas");
  document.getElementById("stage").append(canvas);
  const show = new Show(canvas), source = await openCamera();
  const vector = new Float32Array(table.styles.length);
  vector[1] = 1;
  const look = { vector, rows: [], brush: 1, canvas: 1, seed: 1 };
  let count = 0, began_ms = 0, size = "";
  for (let i = 0; !began_ms || performance.now() - began_ms < 1000 * seconds; i++) {
    if (i === 10) began_ms = performance.now();
    show.take(source);
    const painted = await painter.paint(source, look);
    show.put(painted);
    show.draw({ share: 0, compare: "off", divider: 0.5 });
    if (began_ms) count += 1;
    size = `${painted.width}x${painted.height}`;
  }
  const fps = 1000 * count / (performance.now() - began_ms);
  return { fps, size, threads: painter.threads };
}"""
_ML5_PAGE = """<!doctype html><meta charset="utf-8"><script src="ml5.min.js"></script>
<video id="video" muted playsinline width="320" height="180"></video><img id="painted">
<script>
(async () => {
  const video = document.getElementById("video"), painted = document.getElementById("painted");
  video.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
  await video.play();
  const style = ml5.styleTransfer("model", video, () => {
    const next = (error, result) => {
      if (error) return;
      painted.src = result.src;
      console.log("painted");
      style.transfer(next);
    };
    style.transfer(next);
  });
})();
</script>"""


@dataclass(frozen=True)
class Visit:
    """What a visitor of a page waits for."""

    loaded_bytes: int
    """Of all files before the first picture, each by gzip -9."""
    first_s: float | None
    """From the address to the first painted picture; None: there was none."""
    live: str
    """Frames a second and their size, as text."""


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--ml5", type=Path, metavar="FOLDER", help="weights that ml5 paints with")
    args = parser.parse_args()
    if CHROMIUM is None:
        raise SystemExit("Chromium is not installed")
    machine = describe_machine()
    with tempfile.TemporaryDirectory() as folder:
        rows = []
        for row in measure(Path(folder), args.ml5):
            print(row[0], row[1], flush=True)
            rows.append(row)
    page = ROOT / "docs" / "web.md"
    text = fill(page.read_text(encoding="utf-8"), "web", table(rows, machine))
    page.write_text(text, encoding="utf-8")
    print(table(rows, machine))


def measure(folder: Path, ml5: Path | None) -> Iterator[tuple[str, Visit]]:
    """Yield each page's name and what was measured of it."""
    from playwright.sync_api import sync_playwright

    clip = folder / "camera.y4m"
    _write_camera(clip)
    write_site(find_model("gallery", []), folder / "site", print)
    with sync_playwright() as playwright:
        for name, flags, blocked, address in (
            ("on the processor, with threads", [], "allow", "#view=clean&painter=wasm"),
            ("on the processor, one thread", [], "block", "#view=clean&painter=wasm"),
            ("on a graphics card, sizes alone", CARD, "allow", "#view=clean&painter=webgpu"),
        ):
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM, args=[*camera_flags(clip), *flags]
            )
            context = browser.new_context(permissions=["camera"], service_workers=blocked)
            yield f"Livebrush, {name}", _visit(context, folder / "site", address, bool(flags))
            browser.close()
        if ml5:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=camera_flags(clip))
            context = browser.new_context(permissions=["camera"])
            yield f"{_ML5.removesuffix('.tgz')}, one style", _visit_ml5(context, folder, ml5)
            browser.close()


def _visit(context: Any, site: Path, address: str, is_card: bool) -> Visit:
    context.set_default_timeout(_LIMIT_MS)
    server, asked = Server(site), []
    context.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    began_s = time.perf_counter()
    page.goto(server.address + address)
    page.wait_for_selector("#stage[data-frames]")
    first_s, loaded = time.perf_counter() - began_s, packed_bytes(site, asked)
    live = "not to be measured without one"
    if not is_card:
        page.close()
        page = context.new_page()
        page.goto(server.address + "#painter=wasm")
        page.wait_for_selector("#begin:visible")
        found = page.evaluate(_LOOP, [SIZE[0], _SECONDS])
        live = f"{found['fps']:.1f} fps at {found['size']}, threads: {found['threads']}"
    server.end()
    return Visit(loaded, first_s, live)


def _visit_ml5(context: Any, folder: Path, weights: Path) -> Visit:
    context.set_default_timeout(_LIMIT_MS)
    site = folder / "ml5"
    shutil.copytree(weights, site / "model")
    with tarfile.open(fileobj=io.BytesIO(npm_package("ml5", _ML5, _ML5_SHA512))) as package:
        script = package.extractfile("package/dist/ml5.min.js")
        if script is None:
            raise UsageError(f"{_ML5}: holds no ml5.min.js")
        (site / "ml5.min.js").write_bytes(script.read())
    (site / "index.html").write_text(_ML5_PAGE, encoding="utf-8")
    server, asked = Server(site), []
    context.on("request", lambda request: asked.append(request.url))
    page, painted_s = context.new_page(), []
    began_s = time.perf_counter()
    page.on("console", lambda said: said.text == "painted" and painted_s.append(_since(began_s)))
    page.goto(server.address)
    # It holds the page up while it paints: no call comes through.
    while len(painted_s) < 2 or painted_s[-1] - painted_s[0] < _SECONDS:
        if _since(began_s) > _LIMIT_MS / 1000:
            break
        page.wait_for_timeout(100)
    first_s, live = None, f"no picture within {_LIMIT_MS // 60_000} minutes"
    if len(painted_s) > 1:
        fps = (len(painted_s) - 1) / (painted_s[-1] - painted_s[0])
        first_s, live = painted_s[0], f"{fps:.2g} fps at 200x200, its size"
    server.end()
    return Visit(packed_bytes(site, asked), first_s, live)


def _since(began_s: float) -> float:
    return time.perf_counter() - began_s


def _write_camera(path: Path) -> None:
    """Write the clip that the camera plays: frames of a film, 320x180 at 30 fps."""
    import av

    planes = []
    with av.open(str(bikes())) as film:
        for frame in film.decode(video=0):
            small = frame.reformat(width=SIZE[1], height=SIZE[0], format="yuv420p").to_ndarray()
            u_v = small[SIZE[0] :].reshape(2, SIZE[0] // 2, SIZE[1] // 2)
            planes.append((np.ascontiguousarray(small[: SIZE[0]]), u_v[0], u_v[1]))
            if len(planes) == _FRAMES:
                break
    write_clip(path, planes, 30)


def table(rows: list[tuple[str, Visit]], machine: dict[str, str]) -> str:
    """Return the table of docs/web.md, with where and when it was measured."""
    cells = [
        (
            name,
            f"{v.loaded_bytes / 1e6:.1f} MB",
            "" if v.first_s is None else f"{v.first_s:.1f} s",
            v.live,
        )
        for name, v in rows
    ]
    header = ("page", "loaded before the first picture", "first picture", "live")
    about = (
        f"{machine['processor']}, {machine['cores']} cores, no graphics card, Chromium, load "
        f"{machine['load at the start']} when it began, {machine['date']}, commit "
        f"{machine['commit']}. Loaded: each file by gzip -9. First picture: from the address to a "
        "painted camera frame, from this machine, on a first visit. WebGPU and WebGL, which ml5 "
        "computes by, are a program here that stands in for a card: their times say nothing of "
        "cards. Live: painted and shown, a camera of 320x180."
    )
    return "\n".join([*markdown_table(header, [*cells, _PUBLISHED], 1), "", about])


if __name__ == "__main__":
    main()
