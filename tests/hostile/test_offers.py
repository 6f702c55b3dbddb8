"""Pages that break off, or ask for too much, keep nobody out."""

from __future__ import annotations

import asyncio

import pytest

from realtime.controls.desk import Desk
from realtime.controls.state import State
from realtime.look import Look

aiortc = pytest.importorskip("aiortc", reason="pip install 'livebrush[web]'")


class NoThumbnails:
    def want(self, styles: tuple[str, ...]) -> None:
        pass


class Stream:
    """What a page watches: nothing yet."""

    newest = None
    thumbnails = NoThumbnails()

    def __init__(self) -> None:
        self.wakers = set()


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch):
    from realtime.web import connections

    monkeypatch.setattr(connections, "_CONNECT_S", 4.0)
    desk = Desk(State(("great_wave",), Look((("great_wave", 1.0),))))
    return lambda: connections.Connections(Stream(), desk, dict)


async def offer(videos: int = 1, channels: int = 1):
    page = aiortc.RTCPeerConnection(aiortc.RTCConfiguration(iceServers=[]))
    for _ in range(videos):
        page.addTransceiver("video", direction="recvonly")
    made = [page.createDataChannel(f"c{n}") for n in range(channels)]
    await page.setLocalDescription(await page.createOffer())
    return page, made


def test_pages_that_leave_at_once_make_room(connections):
    async def session() -> None:
        open_now = connections()
        for _ in range(20):
            page, _ = await offer()
            sdp = page.localDescription.sdp
            await page.close()
            await open_now.answer(sdp)
            assert open_now.count <= 8
        for _ in range(200):
            await asyncio.sleep(0.05)
            if open_now.count == 0:
                break
        assert open_now.count == 0
        await open_now.close()

    asyncio.run(session())


def test_a_page_that_connects_stays(connections):
    async def session() -> None:
        open_now = connections()
        page, (channel, *others) = await offer(channels=3)
        told: list[str] = []
        channel.on("message", told.append)
        answer = await open_now.answer(page.localDescription.sdp)
        await page.setRemoteDescription(aiortc.RTCSessionDescription(answer, "answer"))
        await asyncio.sleep(5.0)
        assert open_now.count == 1 and told
        assert [other.readyState for other in others] == ["closed"] * 2
        await page.close()
        await open_now.close()

    asyncio.run(session())


@pytest.mark.parametrize("more", ["videos", "candidates", "audio"])
def test_too_much_is_refused(connections, more: str):
    async def session() -> None:
        open_now = connections()
        page, _ = await offer(videos=3 if more == "videos" else 1)
        sdp = page.localDescription.sdp
        if more == "candidates":
            line = "a=candidate:1 1 udp 1 127.0.0.2 19000 typ host\r\n"
            sdp = sdp.replace("a=end-of-candidates\r\n", line * 40 + "a=end-of-candidates\r\n")
        if more == "audio":
            sdp += "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n"
        with pytest.raises(ValueError, match=r"one video and one channel|more than 16 addresses"):
            await open_now.answer(sdp)
        assert open_now.count == 0
        await page.close()

    asyncio.run(session())
