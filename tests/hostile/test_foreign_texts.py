"""Offers, messages, packets, lists, keys and metadata that are nearly right are read or refused."""

from __future__ import annotations

import asyncio
import json
import random
import re
import socket
import threading
import time
from pathlib import Path

import onnx
import pytest
from onnx import helper

from engines.errors import ModelError, SourceError, UsageError
from engines.model_file import load_model
from realtime.controls.desk import Desk
from realtime.controls.keys import keymap_from
from realtime.controls.state import State
from realtime.files.inputs import expand_inputs
from realtime.look import Look
from tests.conftest import write_tiny_model
from tests.fuzz import mutated

ODD = ("", "-1", "0", "1e999", "9" * 400, "NaN", "null", "[" * 3000, '"', "\\", "\0", "\x1b", "ö")
SAFE_NAME = re.compile(r"[a-z0-9][a-z0-9_+-]{0,63}")


def mangled(text: str, dice: random.Random) -> str:
    """A few words and signs of a text left out, doubled, moved, or replaced by odd ones."""
    pieces = re.findall(r"\w+|\s+|[^\w\s]", text)
    for _ in range(dice.choice((1, 1, 2, 5, 20))):
        place, other = dice.randrange(len(pieces)), dice.randrange(len(pieces))
        match dice.randrange(4):
            case 0:
                pieces[place] = dice.choice(ODD)
            case 1:
                pieces[place] = pieces[other]
            case 2:
                pieces[place] *= dice.choice((0, 2, 50))
            case 3:
                pieces[place], pieces[other] = pieces[other], pieces[place]
    return "".join(pieces)


def nearly(good: str, seed: int) -> bytes:
    """A file of lines that is nearly ``good``; every second one is damaged in its bytes, too."""
    dice = random.Random(seed)
    text = mangled(good, dice).encode()
    return mutated(text or b"\n", dice) if seed % 2 else text


@pytest.fixture
def desk() -> Desk:
    return Desk(State(("great_wave", "udnie"), Look((("great_wave", 1.0),))))


@pytest.mark.timeout(100)
def test_offers(desk: Desk):
    aiortc = pytest.importorskip("aiortc", reason="pip install 'livebrush[web]'")
    from realtime.web import connections
    from tests.hostile.test_offers import Stream, offer

    async def session() -> dict[str, int]:
        faults: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
        ends = {"answered": 0, "refused": 0}
        open_now = connections.Connections(Stream(), desk, dict)
        page, _ = await offer()
        sdp = page.localDescription.sdp
        await page.close()
        for seed in range(24):
            try:
                await asyncio.wait_for(open_now.answer(mangled(sdp, random.Random(seed))), 5)
                ends["answered"] += 1
            except ValueError as error:
                assert str(error)
                ends["refused"] += 1
            assert open_now.count <= connections.MAX_CONNECTIONS
        await open_now.close()
        assert open_now.count == 0 and not faults, faults
        return ends

    before = threading.active_count()
    ends = asyncio.run(session())
    assert min(ends.values()) > 3, ends
    assert threading.active_count() <= before + 1, "threads are left"
    assert aiortc


def test_messages_of_pages(desk: Desk):
    pytest.importorskip("aiortc", reason="pip install 'livebrush[web]'")
    from realtime.web.connections import Connections

    page = Connections(None, desk, dict)
    good = [
        {"command": "style", "value": "udnie"},
        {"command": "mix", "value": "great_wave:0.5,udnie:2"},
        {"command": "strength", "value": 0.5},
        {"command": "compare", "value": "split"},
    ]
    for seed in range(2000):
        dice = random.Random(seed)
        message: str | bytes = mangled(json.dumps(dice.choice(good)), dice)
        if dice.random() < 0.2:
            message = mutated(message.encode() or b"{}", dice)
        refusal = page._perform(message)
        assert refusal is None or len(refusal) <= 200
        desk.follow(0.0)
    assert 0 <= desk.state.look.strength <= 1 and desk.state.styles == ("great_wave", "udnie")
    assert page._perform('{"command": "strength", "value": 0.25}') is None
    desk.follow(0.0)
    assert desk.state.look.strength == 0.25


def test_packets(desk: Desk, capfd: pytest.CaptureFixture[str]):
    pytest.importorskip("pythonosc", reason="pip install 'livebrush[osc]'")
    from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
    from pythonosc.osc_message_builder import OscMessageBuilder
    from pythonosc.udp_client import SimpleUDPClient

    from realtime.controls.osc import OscServer

    message = OscMessageBuilder("/livebrush/strength")
    for value in (0.5, "half", 3, True, b"blob", [1, 2]):
        message.add_arg(value)
    bundle = OscBundleBuilder(IMMEDIATELY)
    bundle.add_content(message.build())
    good = [message.build().dgram, bundle.build().dgram]
    said: list[str] = []
    server = OscServer("127.0.0.1", 0, desk.ask, said.append)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for seed in range(300):  # no faster than they are taken
            dice = random.Random(seed)
            sender.sendto(mutated(dice.choice(good), dice), ("127.0.0.1", server.port))
            time.sleep(0.001)
    with SimpleUDPClient("127.0.0.1", server.port) as client:
        for _ in range(100):
            client.send_message("/livebrush/strength", 0.25)
            time.sleep(0.02)
            desk.follow(0.0)
            if desk.state.look.strength == 0.25:
                break
    server.close()
    assert desk.state.look.strength == 0.25
    assert len(said) <= 21 and "Traceback" not in capfd.readouterr().err


def test_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    for name in ("a.mp4", "b c.png", "folder/d.mkv"):
        (tmp_path / name).write_bytes(b"")
    listing, read = tmp_path / "list.txt", 0
    good = "a.mp4\n# note\nb c.png\r\nfolder\nfolder/*.mkv\n~/x\n@list.txt\n"
    for seed in range(150):
        listing.write_bytes(nearly(good, seed))
        try:
            files = expand_inputs([f"@{listing}"])
            assert len({file.path for file in files}) == len(files)
            read += 1
        except SourceError as error:
            assert str(error)
    assert 40 < read < 150


def test_keys(tmp_path: Path):
    file, read = tmp_path / "keys.toml", 0
    good = '[keys]\nx = "snapshot"\ny = "style udnie"\n"f5" = "strength 0.3"\nq = ""\n'
    for seed in range(400):
        file.write_bytes(nearly(good, seed))
        try:
            assert keymap_from(file).bound
            read += 1
        except UsageError as error:
            assert str(error).startswith(str(file))
    assert 20 < read < 380


def test_metadata_of_models(tmp_path: Path):
    path = tmp_path / "model.onnx"
    write_tiny_model(path)
    proto = onnx.load(str(path))
    styles = [{"name": "original"}, {"name": "negative"}, {"name": "dim", "title": "Dim, 1889"}]
    good = {"livebrush_format": "1", "family": "tiny", "config": "{}", "styles": json.dumps(styles)}
    read = 0
    for seed in range(300):
        dice = random.Random(seed)
        field = dice.choice(("styles", "styles", "styles", "livebrush_format", "config"))
        helper.set_model_props(proto, {**good, field: mangled(good[field], dice)})
        onnx.save(proto, str(path))
        try:
            names = load_model(path).style_names
            assert len(names) == 3 and all(SAFE_NAME.fullmatch(name) for name in names)
            read += 1
        except ModelError as error:
            assert str(error).isprintable()
    assert 10 < read < 290
