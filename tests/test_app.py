"""The application of `make app`: what it starts and, where it is built, that it runs alone."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import av
import numpy as np
import pytest

from app import build, program
from bench.tools.virtual_screen import virtual_screen
from engines.install import install_line
from tests.conftest import write_video

ROOT = Path(__file__).parent.parent
BUILT = build.TARGET / "Livebrush" / "Livebrush"
LIMIT_S = 400


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What was started, with its command line."""
    run: list[list[str]] = []
    import run_cam
    import stylize_video

    monkeypatch.setattr(run_cam, "script", lambda: run.append(["run_cam", *sys.argv]))
    monkeypatch.setattr(stylize_video, "script", lambda: run.append(["stylize", *sys.argv]))
    monkeypatch.setattr(
        program.runpy, "run_module", lambda name, **_: run.append([name, *sys.argv])
    )
    monkeypatch.setattr(program, "end_by_exceptions", lambda: None)
    return run


@pytest.mark.parametrize(
    ("words", "runs"),
    [
        (["stylize", "a.mp4", "-s", "x"], ["stylize", "Livebrush stylize", "a.mp4", "-s", "x"]),
        (["live", "--source", "test"], ["run_cam", "Livebrush", "--source", "test"]),
        (["studio", "--https"], ["run_cam", "Livebrush", "studio", "--https"]),
        (["--version"], ["run_cam", "Livebrush", "--version"]),
        (["-m", "engines.measuring", "x"], ["engines.measuring", "engines.measuring", "x"]),
    ],
    ids=lambda value: value[0],
)
def test_a_word_starts_a_program(
    words: list[str], runs: list[str], started: list, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "argv", ["/opt/Livebrush/Livebrush", *words])
    program.main()
    assert started[:1] == [runs]


def test_it_stands_in_for_python(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture):
    monkeypatch.setattr(sys, "argv", ["Livebrush", "-c", "print(__name__, 6 * 7)"])
    program.main()
    assert capfd.readouterr().out == "__main__ 42\n"
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "argv", ["Livebrush", "-m", "trainer_of_old.commands"])
    with pytest.raises(SystemExit) as left:
        program.main()
    assert left.value.code == 4
    told = capfd.readouterr().err
    assert "trainer_of_old.commands is not in this application: pip install" in told
    assert install_line("a", "b").startswith("pip install 'livebrush[a,b]' where there is Python")


@pytest.mark.parametrize("before", [None, "/usr/local/lib"])
def test_programs_of_the_system_get_their_own_libraries(
    before: str | None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/Livebrush/_internal")
    monkeypatch.delenv("LD_LIBRARY_PATH_ORIG", raising=False)
    if before:
        monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", before)
    program._let_others_find_theirs()
    assert os.environ.get("LD_LIBRARY_PATH") == before


def test_what_it_weighs_is_told_by_library(tmp_path: Path):
    for name, size in {
        "Livebrush": 5,
        "_internal/libpython.so": 7,
        "_internal/cv2/cv2.so": 20,
        "_internal/opencv_python.libs/a.so": 30,
        "_internal/opencv_python.libs/b.so": 3,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * size)
    (tmp_path / "_internal" / "link.so").symlink_to(tmp_path / "Livebrush")
    assert build.sizes(tmp_path) == [
        *(("all", 65), ("opencv_python", 33), ("cv2", 20), ("Python and others", 12))
    ]


def test_a_second_double_click_opens_the_page_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from app import studio

    class Running(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == "/opening" and self.headers["Authorization"] == "Bearer secret"
            self.send_response(200 if known else 401)
            self.end_headers()
            self.wfile.write(b"http://127.0.0.1:1/#open=once")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    opened: list[str] = []
    monkeypatch.setattr(studio.webbrowser, "open", opened.append)
    monkeypatch.setattr(studio, "_RETRY_S", 0.05)
    kept = tmp_path / "studio.address"
    with HTTPServer(("127.0.0.1", 0), Running) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            kept.write_text(f"http://127.0.0.1:{server.server_port} secret")
            assert studio._open_running(kept) == 0
            assert opened == ["http://127.0.0.1:1/#open=once"]
            monkeypatch.setattr(studio, "_WAIT_S", 0.0)
            kept.write_text(f"http://127.0.0.1:{server.server_port} wrong")
            assert studio._open_running(kept) == 1
        finally:
            server.shutdown()
            thread.join()
    assert opened[-1].endswith("problem.html")


@pytest.fixture(scope="module")
def built() -> Path:
    if not BUILT.exists():
        reason = "the application is not built: make app"
        (pytest.fail if "app" in os.environ.get("REQUIRE", "").split(",") else pytest.skip)(reason)
    return BUILT


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """An environment in which nothing is to be found, Python least of all."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("LIVEBRUSH_")}
    return {**kept, "PATH": "", "PYTHONPATH": "", "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}


def run(built: Path, bare: dict[str, str], folder: Path, *words: str):
    command = [str(built), *words]
    return subprocess.run(
        command, cwd=folder, env=bare, capture_output=True, text=True, timeout=LIMIT_S, check=False
    )


@pytest.mark.slow
@pytest.mark.timeout(3 * LIMIT_S)
def test_it_styles_a_clip_without_python(built: Path, bare: dict[str, str], tmp_path: Path):
    said = run(built, bare, tmp_path, "--version")
    assert (said.returncode, said.stdout.split()[0]) == (0, "livebrush"), said.stderr
    clip = write_video(tmp_path / "clip.mp4", pts=list(range(0, 400, 40)), size=(120, 160), tones=1)
    words = ["stylize", str(clip), "-s", "great_wave", "-o", "painted.mp4"]
    # Not auto: it would take another one where OpenVINO lacks a part.
    for engine in ("onnxruntime", "openvino"):
        done = run(built, bare, tmp_path, *words, "--engine", engine, "-y")
        assert done.returncode == 0, done.stderr
    with av.open(str(tmp_path / "painted.mp4")) as painted, av.open(str(clip)) as source:
        new, old = (
            [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]
            for file in (painted, source)
        )
        assert painted.streams.audio and len(new) == len(old) == 10
    assert np.abs(new[5].astype(int) - old[5]).mean() > 5
    listed = json.loads(run(built, bare, tmp_path, "--list-styles", "--json").stdout)
    assert len(json.dumps(listed)) > 2000
    told = run(built, bare, tmp_path, "stylize", str(clip), "-s", "x")
    assert told.returncode == 2 and told.stderr.startswith("error: ")


@pytest.mark.slow
@pytest.mark.timeout(LIMIT_S)
def test_it_opens_a_window_and_paints_there(built: Path, bare: dict[str, str], tmp_path: Path):
    mss = pytest.importorskip("mss")
    with virtual_screen("1024x768") as display:
        if display is None:
            pytest.skip("Xvfb is not installed")
        command = [str(built), "live", "--source", "test", "-s", "great_wave"]
        there = {**bare, "DISPLAY": display}
        with subprocess.Popen(command, cwd=tmp_path, env=there) as process:
            try:
                with mss.MSS(display=display) as screen:

                    def shown() -> np.ndarray:
                        assert process.poll() is None
                        return np.asarray(screen.grab(screen.monitors[0]))[144:624, 192:832, :3]

                    # A painting, not the card before it: hardly anything of it is dark.
                    until(lambda: shown().mean() > 100 and (shown() < 40).mean() < 0.2)
            finally:
                process.kill()


@contextlib.contextmanager
def studio_of(built: Path, bare: dict[str, str], folder: Path) -> Iterator[tuple[str, str]]:
    """The address and the token of a studio as a double click starts it."""
    with subprocess.Popen(
        [str(built)], cwd=folder, env=bare, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        try:
            kept = Path(bare["LIVEBRUSH_CONFIG"]) / "studio.address"
            ends_s = time.monotonic() + LIMIT_S
            while not kept.exists() or b"open http" not in process.stderr.readline():
                assert process.poll() is None and time.monotonic() < ends_s
            yield tuple(kept.read_text().split())
        finally:
            process.kill()


@pytest.mark.slow
@pytest.mark.timeout(3 * LIMIT_S)
def test_a_double_click_serves_the_studio_which_paints_files(
    built: Path, bare: dict[str, str], tmp_path: Path
):
    clip = write_video(tmp_path / "clip.mp4", pts=list(range(0, 400, 40)), size=(120, 160), tones=1)
    bare["LIVEBRUSH_CONFIG"] = str(tmp_path / "config")
    with studio_of(built, bare, tmp_path) as (address, token):

        def ask(method: str, path: str, body: bytes | None = None) -> bytes:
            asked = urllib.request.Request(f"{address}{path}", body, method=method)
            asked.add_header("Authorization", f"Bearer {token}")
            with urllib.request.urlopen(asked, timeout=30) as answer:
                return answer.read()

        content = clip.read_bytes()
        assert b"Livebrush" in ask("GET", "/")
        number = json.loads(ask("POST", f"/files?name=clip.mp4&size={len(content)}"))["number"]
        ask("PUT", f"/files/{number}?at=0", content)

        def upload() -> dict:
            return json.loads(ask("GET", "/studio"))["uploads"][0]

        # Each of these is a program of its own, which is the application again.
        until(lambda: upload()["size"] or upload()["problem"])
        assert not upload()["problem"]
        ask("POST", f"/files/{number}/painting", b'{"style": "great_wave"}')
        until(lambda: upload()["jobs"][0]["state"] in ("done", "failed"))
        assert upload()["jobs"][0]["state"] == "done", upload()["jobs"][0]["said"]
        until(lambda: "great_wave" in upload()["frames"])
        # A second double click opens that page and leaves.
        second = run(built, bare, tmp_path)
        assert second.returncode == 0, second.stderr


def until(condition) -> None:
    ends_s = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < ends_s, "it did not come"
        time.sleep(0.2)
