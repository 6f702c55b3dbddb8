"""The seams of the project: what is added as one file or one entry works, nothing else touched."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LIMIT_S = 60.0

HALF_COMMAND = """    Command(
        "half",
        "half as strong",
        lambda state, on: acts.set_strength(state, 0.5 if on else 1.0),
        Switch(),
        _keys("H"),
        now=lambda state: state.look.strength == 0.5,
        remembered=True,
        page=35,
    ),
"""
ASK_THE_COPY = """
from bench.targets.readme import commands, hotkeys
from realtime.controls.keys import default_keymap
from realtime.controls.state import State
from realtime.look import Look
state = State(("dim",), Look((("dim", 1.0),)))
print(default_keymap().press(state, "H").look.strength)
print(hotkeys(), commands())
"""


@pytest.fixture
def copy_with_a_command(tmp_path: Path) -> Path:
    """A copy of the project with one more entry in its table of commands."""
    root = tmp_path / "copy"
    for room in ("engines", "realtime", "export", "training", "bench"):
        shutil.copytree(ROOT / room, root / room, ignore=shutil.ignore_patterns("*.onnx"))
    shutil.copy2(ROOT / "run_cam.py", root)
    table = root / "realtime" / "controls" / "commands.py"
    before, end, after = table.read_text(encoding="utf-8").partition("\n)\nCOMMANDS")
    assert end
    table.write_text(f"{before}\n{HALF_COMMAND}{end[1:]}{after}", encoding="utf-8")
    return root


def test_a_command_is_one_entry(copy_with_a_command: Path, tiny_model):
    pytest.importorskip("fastapi")
    udp_client = pytest.importorskip("pythonosc.udp_client")
    port = free_port()
    remote = udp_client.SimpleUDPClient("127.0.0.1", port)

    def is_half(messages: list[dict]) -> bool:
        remote.send_message("/livebrush/half", True)
        return any(message["state"]["half"] for message in messages[1:])

    osc = ("--osc", port)
    with (
        contextlib.closing(remote._sock),
        serving(copy_with_a_command, tiny_model.path, *osc) as address,
    ):
        told = asyncio.run(visit(address, is_half))
    hello, newest = told[0], told[-1]["state"]
    assert newest["strength"] == 0.5 and "half" in [
        command["name"] for command in hello["commands"]
    ]
    assert hello["keys"]["H"] == ["half", None] and ["H", "half as strong"] in hello["help"]
    buttons = [control["name"] for control in hello["controls"] if control["kind"] == "button"]
    assert buttons.index("mirror") < buttons.index("half") < buttons.index("freeze")
    kept = json.loads((Path(os.environ["LIVEBRUSH_STATE"]) / "live.json").read_text())
    assert kept["half"] is True
    with serving(copy_with_a_command, tiny_model.path) as address:
        told = asyncio.run(visit(address, lambda messages: len(messages) > 1))
    assert told[1]["state"]["half"] is True


def test_an_entry_has_its_key_and_its_lines_in_the_documents(copy_with_a_command: Path):
    ended = subprocess.run(
        [sys.executable, "-c", ASK_THE_COPY],
        cwd=copy_with_a_command,
        env={**os.environ, "PYTHONPATH": str(copy_with_a_command)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("0.5\n") and "| `H` | half as strong |" in ended.stdout
    assert "| `half` | on, off | half as strong |" in ended.stdout


def free_port() -> int:
    """Return a UDP port of this machine where nobody listens."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@contextlib.contextmanager
def serving(root: Path, model: Path, *flags: object) -> Iterator[str]:
    """Run the copy's run_cam.py with a page; yield the address that it prints."""
    command = ["run_cam.py", "--serve", "127.0.0.1:0", "--source", "test", "--engine"]
    command += ["onnxruntime", "--capture", "64x48@10", "--model", str(model)]
    with subprocess.Popen(
        [sys.executable, *command, *map(str, flags)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        lines = []
        for line in process.stderr:
            lines.append(line)
            if line.startswith("open http://127.0.0.1:"):
                break
        try:
            assert lines and lines[-1].startswith("open "), "".join(lines)
            yield lines[-1].removeprefix("open ").strip()
        finally:
            process.terminate()
            process.wait(LIMIT_S)


async def visit(address: str, enough: Callable[[list[dict]], bool]) -> list[dict]:
    """Open the page as a browser does; return what it is told until that is ``enough``."""
    from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription

    base, token = address.split("/#token=")
    page, messages = RTCPeerConnection(RTCConfiguration(iceServers=[])), []
    page.addTransceiver("video", direction="recvonly")
    channel = page.createDataChannel("controls")
    channel.on("message", lambda text: messages.append(json.loads(text)))
    await page.setLocalDescription(await page.createOffer())
    offer = urllib.request.Request(
        f"{base}/offer",
        json.dumps({"sdp": page.localDescription.sdp}).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
    )
    with await asyncio.to_thread(urllib.request.urlopen, offer, timeout=LIMIT_S) as response:
        answer = json.load(response)
    await page.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
    end_s = time.monotonic() + LIMIT_S
    try:
        while not enough(messages):
            assert time.monotonic() < end_s, f"not enough: {messages[-1:]}"
            await asyncio.sleep(0.1)
    finally:
        await page.close()
    return messages
