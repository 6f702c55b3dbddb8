"""A Chromium whose camera plays a clip, and a server of a folder for it to visit."""

from __future__ import annotations

import functools
import gzip
import http.server
import shutil
import threading
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np

CHROMIUM = next(
    (p for name in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(name))),
    None,
)
# WebGPU without a graphics card. Only with all of these is what it draws on a canvas seen, too.
CARD = [
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    "--enable-features=Vulkan,SkiaGraphite",
    "--use-vulkan=swiftshader",
    "--disable-gpu-watchdog",
]


def camera_flags(clip: Path) -> list[str]:
    """Return the flags of a Chromium without a graphics card whose camera plays ``clip``, .y4m."""
    return [
        "--no-sandbox",
        "--use-angle=swiftshader",
        "--enable-unsafe-swiftshader",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={clip}",
    ]


def write_clip(
    path: Path, planes: list[tuple[np.ndarray, np.ndarray, np.ndarray]], fps: int
) -> None:
    """Write frames as .y4m. Each is its planes Y, U and V, uint8, the latter two of half size."""
    height, width = planes[0][0].shape
    with path.open("wb") as file:
        file.write(b"YUV4MPEG2 W%d H%d F%d:1 Ip A1:1 C420jpeg\n" % (width, height, fps))
        for frame in planes:
            file.write(b"FRAME\n" + b"".join(plane.tobytes() for plane in frame))


def packed_bytes(site: Path, asked: list[str]) -> int:
    """Return the bytes of all files of ``site`` among the addresses ``asked``, each by gzip -9."""
    names = {unquote(urlsplit(url).path).strip("/") or "index.html" for url in asked}
    files = [site / name for name in names if (site / name).is_file()]
    return sum(len(gzip.compress(file.read_bytes(), 9)) for file in files)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    """Hands out a folder, as `python -m http.server` does."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder)))
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """Where its page is."""
        return f"http://127.0.0.1:{self.server_port}/"

    def end(self) -> None:
        """Hand out nothing more."""
        self.shutdown()
        self.server_close()
