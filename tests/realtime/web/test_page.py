"""The page's server: who is let in, and the stream against aiortc as the other side."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import re
import socket
import threading
import time
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from engines.errors import SourceError, UsageError
from realtime.controls.commands import COMMANDS
from realtime.web.guard import Guard, guard_for
from tests.realtime.web.conftest import SIZE, Page
from tests.small_frame import small_frame

ROOT = Path(__file__).parent.parent.parent.parent
LIMIT_S = 30.0
OURS = {"127.0.0.1:80": None, "localhost:80": "http://localhost:80", "[::1]:80": "https://[::1]:80"}


def test_guard_on_this_machine():
    guard = guard_for("127.0.0.1", 80, None)
    for host, origin in OURS.items():
        assert guard.refusal(host, origin) is None
    for host in (
        None,
        "evil.example:80",
        "127.0.0.1:81",
        "127.0.0.1",
        "192.168.1.5:80",
        "127.0.0.1.evil.example:80",
    ):
        assert "Host" in guard.refusal(host, None)
    for origin in ("http://evil.example", "http://127.0.0.1:81", "null", "http://localhost:80"):
        assert "other pages" in guard.refusal("127.0.0.1:80", origin)
    assert guard.knows_token(f"Bearer {guard.token}")
    assert not any(
        guard.knows_token(wrong)
        for wrong in (None, "", "Bearer ", "Bearer é", f"Bearer {guard.token}x", guard.token)
    )


def test_guard_beyond_this_machine():
    guard = guard_for("0.0.0.0", 80, None)
    assert guard.refusal("192.168.1.5:80", "http://192.168.1.5:80") is None
    assert guard.refusal(f"{socket.gethostname()}:80", None) is None
    assert guard.refusal("evil.example:80", None)
    assert guard.token and guard.address.startswith("http://127.0.0.1:80/#token=")
    assert (
        guard_for("127.0.0.1", 80, "none").token is None
        and Guard("::1", 80, None).address == "http://[::1]:80/"
    )
    with pytest.raises(UsageError, match="without a token"):
        guard_for("0.0.0.0", 80, "none")
    with pytest.raises(UsageError, match="16 characters"):
        guard_for("127.0.0.1", 80, "short")


def ask(
    page: Page, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", page.server.guard.port, timeout=LIMIT_S)
    with contextlib.closing(connection):
        connection.request(
            method, path, body, {name.replace("_", "-"): value for name, value in headers.items()}
        )
        answer = connection.getresponse()
        return (
            answer.status,
            answer.read(),
            {name.lower(): value for name, value in answer.headers.items()},
        )


def test_what_is_refused(page: Page):
    status, body, headers = ask(page, "GET", "/")
    assert (
        status == 200
        and b"Livebrush" in body
        and "default-src 'self'" in headers["content-security-policy"]
    )
    json_type = {"Content_Type": "application/json"}
    refused = [
        (403, ask(page, "GET", "/", Host="evil.example")),
        (403, ask(page, "GET", "/", Origin="http://evil.example")),
        (401, ask(page, "POST", "/offer", b"{}", **json_type)),
        (401, ask(page, "GET", "/snapshot")),
        (401, ask(page, "GET", "/thumbnail/dim", Authorization="Bearer wrong")),
        (
            403,
            ask(
                page,
                "POST",
                "/offer",
                b"{}",
                Origin="http://evil.example",
                **json_type,
                **page.bearer,
            ),
        ),
        (415, ask(page, "POST", "/offer", b"{}", Content_Type="text/plain", **page.bearer)),
        (413, ask(page, "POST", "/offer", b"x" * 100_000, **json_type, **page.bearer)),
        (400, ask(page, "POST", "/offer", b"{}", **json_type, **page.bearer)),
        (400, ask(page, "POST", "/offer", b"[" * 60_000, **json_type, **page.bearer)),
        (400, ask(page, "POST", "/offer", b'{"sdp": "v=0 nonsense"}', **json_type, **page.bearer)),
        (404, ask(page, "GET", "/../server.py", **page.bearer)),
        (404, ask(page, "GET", "/snapshot", **page.bearer)),  # there is no picture yet
    ]
    assert [answer[0] for _, answer in refused] == [status for status, _ in refused]
    assert page.server.connections.count == 0


def test_the_page_asks_nobody_else_and_knows_every_command():
    texts = [
        (ROOT / "realtime" / "web" / name).read_text(encoding="utf-8")
        for name in (
            *("page.html", "page.css", "page.js", "files.js", "times.js", "mine.js", "words.js"),
        )
    ]
    texts[2:] = ["".join(texts[2:])]
    assert set(re.findall(r"https?://[a-z0-9.]+", "".join(texts))) == {
        "http://www.w3.org"
    }  # which is SVG's name, and never asked
    used = set(re.findall(r'perform\("(\w+)"', texts[2]))
    used |= set(re.findall(r"(\w+): (?:take|toggle)\w+", texts[2]))
    assert used <= COMMANDS.keys() and len(used) > 7
    html_ids = set(re.findall(r'id="([\w-]+)"', texts[0]))
    assert set(re.findall(r'\$\("([\w-]+)"\)', texts[2])) <= html_ids


class Client:
    """aiortc as a page: sends grey pictures and keeps what comes back."""

    def __init__(self, page: Page, bearer: dict[str, str] | None = None) -> None:
        self.page, self.pictures, self.messages = page, [], []
        self.bearer = bearer or page.bearer
        self.level = 50
        self.done = asyncio.Event()

    async def open(self) -> None:
        from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
        from aiortc.mediastreams import MediaStreamTrack
        from av.video.frame import VideoFrame

        client = self

        class Grey(MediaStreamTrack):
            kind = "video"
            count = 0

            async def recv(self):
                await asyncio.sleep(0.1)
                picture = VideoFrame.from_ndarray(
                    np.full((*SIZE, 3), client.level, np.uint8), "rgb24"
                )
                picture.pts, picture.time_base = self.count * 9000, Fraction(1, 90_000)
                self.count += 1
                return picture

        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.connection.addTrack(Grey())
        self.channel = self.connection.createDataChannel("controls")
        self.channel.on("message", lambda text: self.messages.append(json.loads(text)))
        self.connection.on("track", lambda track: asyncio.ensure_future(self._watch(track)))
        await self.connection.setLocalDescription(await self.connection.createOffer())
        body = json.dumps({"sdp": self.connection.localDescription.sdp}).encode()
        headers = {"Content_Type": "application/json", **self.bearer}
        status, answer, _ = await asyncio.to_thread(
            ask, self.page, "POST", "/offer", body, **headers
        )
        assert status == 200, answer
        self.answer = json.loads(answer)["sdp"]
        await self.connection.setRemoteDescription(RTCSessionDescription(self.answer, "answer"))

    async def _watch(self, track) -> None:
        from aiortc.mediastreams import MediaStreamError

        with contextlib.suppress(MediaStreamError):
            while True:
                self.pictures.append((await track.recv()).to_ndarray(format="rgb24"))

    async def until(self, condition) -> None:
        end_s = time.monotonic() + LIMIT_S
        while not condition():
            assert time.monotonic() < end_s, "nothing came"
            await asyncio.sleep(0.05)

    def perform(self, command: str, value=None) -> None:
        self.channel.send(json.dumps({"command": command, "value": value}))


def test_a_camera_goes_in_and_its_painting_comes_back(page: Page):
    async def session() -> None:
        client = Client(page)
        await client.open()
        addresses = re.findall(r"a=candidate:\S+ \d+ udp \d+ (\S+)", client.answer)
        assert addresses and set(addresses) == {"127.0.0.1"}
        await client.until(
            lambda: client.pictures and abs(client.pictures[-1].mean() - 205) < 4
        )  # negative of 50
        await client.until(lambda: client.messages and "commands" in client.messages[0])
        hello = client.messages[0]
        assert {c["name"] for c in hello["commands"]} == set(COMMANDS) and hello["wants_camera"]
        client.perform("style", "dim")
        client.level = 200
        await client.until(lambda: abs(client.pictures[-1].mean() - 100) < 4)
        for value in ("much", 7):
            client.perform("strength", value)
        client.channel.send("x" * 10_000)
        client.channel.send("[" * 4000)
        client.channel.send(b"\xff")
        await client.until(
            lambda: any(
                "strength takes" in message.get("refused", "") for message in client.messages
            )
        )
        await client.until(lambda: client.messages[-1].get("state", {}).get("strength") == 1.0)
        assert client.messages[-1]["status"]["fps"] > 0
        thumbnail = lambda: ask(page, "GET", "/thumbnail/negative", **page.bearer)  # noqa: E731
        await client.until(lambda: thumbnail()[0] == 200)
        assert ask(page, "GET", "/snapshot", **page.bearer)[1].startswith(b"\x89PNG")
        assert page.server.connections.count == 1
        await client.connection.close()
        await client.until(lambda: page.server.connections.count == 0)

    asyncio.run(session())
    assert not page.server.connections._stream.wakers


def test_who_may_watch_only_sees_the_painting_and_changes_nothing(page: Page):
    guard = page.server.guard
    watching = {"Authorization": f"Bearer {guard.watch_token}"}
    assert guard.watch_token not in (None, guard.token)
    assert guard.watch_token == replace(guard).watch_token  # also after a restart
    told = json.loads(ask(page, "GET", "/links", **page.bearer)[1])
    assert told["watching"].endswith(f"#token={guard.watch_token}")
    refused = [
        *(("GET", path) for path in ("/links", "/opening", "/studio", "/thumbnail/dim")),
        *(("POST", path) for path in ("/style", "/files?name=a.mp4&size=9", "/lesson", "/own")),
        ("DELETE", "/lesson"),
    ]
    for method, path in refused:
        status, body, _ = ask(page, method, path, b"", Content_Type="image/png", **watching)
        assert (status, b"for watching" in body) == (403, True), path

    async def session() -> None:
        shown, guest = Client(page), Client(page, watching)
        await shown.open()
        await shown.until(lambda: shown.pictures and abs(shown.pictures[-1].mean() - 205) < 4)
        guest.level = 200  # its camera is not taken
        await guest.open()
        await guest.until(lambda: guest.messages and guest.pictures)
        assert guest.messages[0]["watches"] and not guest.messages[0]["commands"]
        guest.perform("style", "dim")
        await guest.until(
            lambda: any("for watching" in m.get("refused", "") for m in guest.messages)
        )
        count = len(guest.pictures)
        await guest.until(lambda: len(guest.pictures) > count + 3)
        assert abs(guest.pictures[-1].mean() - 205) < 4
        assert page.desk.state.look.style_names == ["negative"]
        assert ask(page, "GET", "/snapshot", **watching)[0] == 200
        await asyncio.gather(shown.connection.close(), guest.connection.close())

    asyncio.run(session())


def test_who_left_is_forgotten(page: Page):
    def seen(path: str) -> int:
        return ask(page, "GET", path, **page.bearer)[0]

    async def session() -> None:
        client = Client(page)
        await client.open()
        await client.until(lambda: seen("/snapshot") == seen("/thumbnail/negative") == 200)
        await client.connection.close()
        await client.until(lambda: page.server.connections.count == 0)
        page.desk.ask("style", "dim")  # a held picture would be painted anew
        for _ in range(10):
            assert seen("/snapshot") == 404 and seen("/thumbnail/negative") == 204
            await asyncio.sleep(0.05)
        other = Client(page)
        await other.open()
        await other.until(lambda: seen("/snapshot") == 200)
        await other.connection.close()

    asyncio.run(session())


def test_what_was_being_painted_when_its_page_left_is_not_shown():
    from realtime.frame import LiveFrame
    from realtime.live.thumbnails import Thumbnails
    from realtime.web.stream import WebStream

    stream = WebStream(Thumbnails(None))
    picture = np.zeros((4, 4, 3), np.uint8)
    stream.put(LiveFrame(picture, 6, 0.0), picture)
    stream.forget(before=7)
    stream.thumbnails._keep(LiveFrame(picture, 6, 0.0), "dim", picture)
    stream.put(LiveFrame(picture, 6, 9.0), picture)
    assert stream.newest is None and not stream.thumbnails.pictures
    stream.put(LiveFrame(picture, 7, 9.1), picture)
    assert stream.newest.number == 2


def test_pages_that_come_and_go_leave_nothing_behind(page: Page):
    from realtime.web.connections import MAX_CONNECTIONS

    async def session() -> None:
        await visit()
        threads = threading.active_count()
        for _ in range(4):
            await visit()
        assert threading.active_count() <= threads + 2
        clients = [Client(page) for _ in range(MAX_CONNECTIONS)]
        for client in clients:
            await client.open()
        for client in clients:  # those that only wait would make room
            await client.until(lambda client=client: client.messages)
        late = Client(page)
        with pytest.raises(AssertionError, match="too many pages"):
            await late.open()
        await asyncio.gather(*(client.connection.close() for client in [*clients, late]))

    async def visit() -> None:
        client = Client(page)
        await client.open()
        await client.until(lambda: client.pictures)
        await client.connection.close()
        await client.until(lambda: page.server.connections.count == 0)

    asyncio.run(session())


def test_a_taken_port_is_one_clear_line():
    from realtime.web.server import _listen

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(UsageError, match="cannot listen"):
            _listen("127.0.0.1", taken.getsockname()[1])


def test_behind_a_proxy():
    """Caddy passes its own Host on, nginx ours; the page's origin is the proxy's in both cases."""
    guard = guard_for("127.0.0.1", 80, None, "https://Paint.example.org/")
    for host in ("paint.example.org", "127.0.0.1:80"):
        assert guard.refusal(host, "https://paint.example.org") is None
    assert guard.refusal("paint.example.org:81", None)
    assert guard.refusal("127.0.0.1:80", "https://evil.example")
    assert guard.address == f"https://paint.example.org/#token={guard.token}"
    for wrong in ("paint.example.org", "https://paint.example.org/page", "ftp://x"):
        with pytest.raises(UsageError, match="--serve-as"):
            guard_for("127.0.0.1", 80, None, wrong)
    with pytest.raises(UsageError, match="without a token"):
        guard_for("127.0.0.1", 80, "none", "https://paint.example.org")


def test_a_picture_that_is_sent_becomes_a_style_on_every_page(picture_page: Page):
    import io

    from PIL import Image

    jpeg = io.BytesIO()
    Image.new("RGB", (60, 40), (200, 30, 30)).save(jpeg, "JPEG")

    def send(body: bytes, title: str = "Red%20Sea", kind: str = "image/jpeg", **headers: str):
        headers = {"Content_Type": kind, **(headers or picture_page.bearer)}
        return ask(picture_page, "POST", f"/style?title={title}", body, **headers)[0]

    async def session() -> None:
        client = Client(picture_page)
        await client.open()
        await client.until(lambda: client.pictures and client.messages)
        before = client.pictures[-1].astype(int)
        assert send(jpeg.getvalue()) == 202
        told = {"name": "red_sea", "title": "Red Sea"}
        await client.until(lambda: any(told in m.get("styles", ()) for m in client.messages))
        await client.until(
            lambda: client.messages[-1].get("state", {}).get("chosen") == ["red_sea"]
        )
        await client.until(lambda: np.abs(client.pictures[-1] - before).mean() > 3)
        thumbnail = lambda: ask(  # noqa: E731
            picture_page, "GET", "/thumbnail/red_sea", **picture_page.bearer
        )
        await client.until(lambda: thumbnail()[0] == 200)
        photo = io.BytesIO()
        Image.fromarray(small_frame(60, 80)).save(photo, "PNG")
        assert send(photo.getvalue(), "Dusk&as=grade", "image/png") == 202
        await client.until(lambda: "graded by Dusk" in str(client.messages[-1].get("state")))
        assert send(b"#EXTM3U", "list") == 202
        await client.until(lambda: "list: is damaged" in str(client.messages[-1].get("state")))
        await client.connection.close()

    assert send(jpeg.getvalue(), Authorization="Bearer wrong") == 401
    assert send(b"x", kind="text/html") == 415
    assert send(b"x" * (16 * 2**20 + 1)) == 413
    asyncio.run(session())


@pytest.mark.parametrize("content", [b"", b"x" * 100, b"#EXTM3U\n/etc/passwd\n", b"\xff\xd8\xff"])
def test_what_is_sent_and_is_no_picture_is_said(content: bytes):
    from realtime.media.reading.style_pictures import read_uploaded

    with pytest.raises(SourceError, match="no picture that can be read"):
        read_uploaded(content)


def test_a_picture_that_is_sent_is_upright_and_over_white():
    import io

    from PIL import Image

    from realtime.media.reading.style_pictures import read_uploaded

    jpeg, png, exif = io.BytesIO(), io.BytesIO(), Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (60, 40), (200, 30, 30)).save(jpeg, "JPEG", exif=exif)
    Image.new("RGBA", (9000, 10), (0, 0, 0, 0)).save(png, "PNG")
    assert read_uploaded(jpeg.getvalue()).shape == (60, 40, 3)
    white = read_uploaded(png.getvalue())
    assert white.shape[1] == 2560 and white.min() == 255
