"""Nothing leaves the machine: no look-up, no packet to others, no file outside our folders.

Runtimes report their use unless told otherwise, from native code, so system calls are watched.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
LIMIT_S = 300
CALLS = "connect,sendto,sendmsg,sendmmsg,open,openat,openat2,creat,mkdir,mkdirat"
# What threads and processes of one program use among themselves, and what is no file at all.
NO_FILES = ("/dev/", "/proc/", "pipe:", "socket:", "anon_inode:", "/memfd:")
NAME_SERVER = 53

pytestmark = [
    pytest.mark.timeout(LIMIT_S + 60),
    pytest.mark.skipif(
        sys.platform != "linux" or shutil.which("strace") is None,
        reason="strace is not installed, which watches system calls",
    ),
]


@dataclass(frozen=True)
class Watch:
    """A home of its own, and the system calls of what is started in it."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """That of a newcomer: nothing is set that the tests set to be quick or alone."""
        for name in ("home", "temporary", "work"):
            (self.folder / name).mkdir(exist_ok=True)
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "TMPDIR": str(self.folder / "temporary"),
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "LIVEBRUSH_MEASURE": "off",  # it opens the same engines, and would be waited for
        }

    @contextmanager
    def start(self, *command: str) -> Iterator[subprocess.Popen[str]]:
        traced = ["strace", "-f", "--seccomp-bpf", "-qq", "-y", "-s", "300", "-e", f"trace={CALLS}"]
        with subprocess.Popen(
            [*traced, "-o", str(self.folder / "calls"), sys.executable, *command],
            cwd=self.folder / "work",
            env=self.environment,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield process
            except BaseException:
                process.kill()
                raise

    def run(self, *command: str) -> None:
        with self.start(*command) as process:
            _, errors = process.communicate(timeout=LIMIT_S)
        if "ptrace" in errors:
            pytest.skip(f"system calls cannot be watched here: {errors.splitlines()[0]}")
        assert process.returncode == 0, errors

    def told(self) -> list[str]:
        """The addresses that something was sent to, of other machines or of a name server."""
        found = re.findall(
            r'htons\((\d+)\).*?(?:inet_addr\(|AF_INET6, )"([^"]+)"', self._calls(), re.MULTILINE
        )
        return [
            f"{host}:{port}"
            for port, host in found
            if int(port) == NAME_SERVER or not is_ours(host)
        ]

    def foreign_files(self) -> list[str]:
        """What was made or opened to be written, outside the folders that are for it."""
        opened = re.findall(
            r"(?:O_WRONLY|O_RDWR|O_CREAT|creat\().* = \d+<([^>]+)>$", self._calls(), re.MULTILINE
        )
        made = re.findall(r'mkdir\("([^"]+)".* = 0$', self._calls(), re.MULTILINE)
        home = self.folder / "home"
        ours = [str(self.folder / name) for name in ("temporary", "work")]
        ours += [f"{home}/{name}/livebrush" for name in (".cache", ".config", ".local/share")]
        ours += [f"{home}/.local/state/livebrush"]
        return [
            path
            for path in {*opened, *made}
            if not path.startswith((*NO_FILES, *ours)) and not any(o.startswith(path) for o in ours)
        ]

    def _calls(self) -> str:
        return (self.folder / "calls").read_text(encoding="utf-8", errors="replace")


def is_ours(host: str) -> bool:
    """Whether ``host`` is an address of this machine, or none yet (0.0.0.0)."""
    address = ipaddress.ip_address(host)
    if address.is_multicast:
        return False
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as tried:
        try:
            tried.bind((host, 0))
        except OSError:
            return False
    return True


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    return Watch(tmp_path)


def test_what_tells_somebody_is_seen(watch: Watch):
    watch.run(
        "-c",
        "import contextlib, pathlib, socket\n"
        "with contextlib.suppress(OSError):\n"
        "    socket.getaddrinfo('livebrush.invalid', 80)\n"
        "socket.socket(type=socket.SOCK_DGRAM).connect(('192.0.2.1', 9))\n"
        "pathlib.Path.home().joinpath('intel').mkdir()\n"
        "pathlib.Path.home().joinpath('device_id').write_text('x')",
    )
    assert "192.0.2.1:9" in watch.told()
    home = watch.folder / "home"
    assert set(watch.foreign_files()) == {str(home / "intel"), str(home / "device_id")}


@pytest.mark.parametrize(
    "command",
    [
        "run_cam.py --source test --headless --duration 0.5 --engine openvino --size 64x48",
        "run_cam.py --source test --headless --duration 0.5 --engine onnxruntime --size 64x48",
        "stylize_video.py photo.png -o painted.png --engine auto --brush 2",
        "stylize_video.py photo.png -o painted.png --engine torch --brush 2",
    ],
    ids=lambda command: command.replace("/", "_"),
)
def test_programs_tell_nobody(command: str, watch: Watch):
    from PIL import Image

    from tests.small_frame import small_frame

    if "torch" in command:
        pytest.importorskip("torch", reason="pip install '.[train]'")
    assert watch.environment
    Image.fromarray(small_frame(48, 64)).save(watch.folder / "work" / "photo.png")
    program, *flags = command.split()
    watch.run(str(ROOT / program), *flags)
    assert watch.told() == []
    assert watch.foreign_files() == []


def test_training_tells_nobody(watch: Watch):
    pytest.importorskip("torch", reason="pip install '.[train]'")
    test = "tests/training/commands/test_fit.py::test_vgg_may_look_at_smaller_crops"
    watch.run(
        *(
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-o",
            f"timeout={LIMIT_S}",
            "--rootdir",
            str(ROOT),
        ),
        *("-c", str(ROOT / "setup.cfg"), str(ROOT / test)),
    )
    assert watch.told() == []
    assert watch.foreign_files() == []


def test_the_page_tells_nobody(watch: Watch):
    pytest.importorskip("aiortc", reason="pip install 'livebrush[web]'")
    from tests.hostile.test_offers import offer

    async def sdp() -> str:
        page, _ = await offer()
        await page.close()
        return page.localDescription.sdp

    flags = "--source test --serve 127.0.0.1:0 --engine passthrough --duration 12"
    with watch.start(str(ROOT / "run_cam.py"), *flags.split()) as process:
        lines = iter(process.stderr.readline, "")
        address = next(found for line in lines if (found := re.search(r"http://\S+", line)))[0]
        page, _, token = address.partition("#token=")
        request = urllib.request.Request(
            f"{page}offer",
            json.dumps({"sdp": asyncio.run(sdp()), "type": "offer"}).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
        )
        assert urllib.request.urlopen(page, timeout=60).status == 200
        assert urllib.request.urlopen(request, timeout=60).status == 200
        process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0
    assert watch.told() == []
    assert watch.foreign_files() == []


@pytest.mark.parametrize(
    ("runtime", "name"),
    [("onnxruntime", "ORT_DISABLE_TELEMETRY"), ("ray", "RAY_USAGE_STATS_ENABLED")],
)
def test_runtimes_are_told_before_they_are_imported(runtime: str, name: str):
    told = {"onnxruntime": "1", "ray": "0"}[runtime]
    start = {
        "onnxruntime": "open_engine('onnxruntime', find_model(None, []), size=(64, 64)).close()",
        "ray": "from realtime.files.farm.cluster import Cluster; Cluster('local', None)",
    }[runtime]
    code = f"""
import importlib, os, sys
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == {runtime!r}:
            print("told:", os.environ.get({name!r}))
            sys.stdout.flush()
            os._exit(0)
from engines import find_model, open_engine
import importlib.util
importlib.util.find_spec = lambda name, package=None: True
sys.meta_path.insert(0, Watch())
{start}
"""
    environment = {key: value for key, value in os.environ.items() if key != name}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.stdout.splitlines() == [f"told: {told}"], done.stderr
