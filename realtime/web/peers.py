"""The WebRTC side of the page: a painted track out, the browser's camera in, controls over a data
channel.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import aioice.ice
import numpy as np
from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection, RTCSessionDescription
from aiortc.codecs import h264, vpx
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av.video.frame import VideoFrame

from engines.model_file import ORIGINAL
from realtime.controls.desk import Desk
from realtime.live.sources.browser import BrowserSource
from realtime.live.view import compose
from realtime.web.stream import WebStream
from realtime.web.table import hello, state_of

MAX_PEERS = 8
MAX_MESSAGE_BYTES = 4096
MAX_MESSAGES_PER_S = 60
_STATE_S = 0.2
_IDLE_S = 1.0
_TIME_BASE = Fraction(1, 90_000)
_BITRATE = 2_500_000  # paint has texture: at aiortc's 500 kbit/s it turns into blocks


class TooManyPeers(Exception):
    pass


def use_addresses(addresses: list[str] | None) -> None:
    """Offer only these addresses as ICE candidates, in this process; None for all but loopback,
    which is aioice's way.

    aioice has no setting for it, and leaves loopback out.
    """
    if addresses is not None:
        aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: list(addresses)


class Peers:
    """Every method runs in the server's event loop.

    ``browser``: the source that a page's camera feeds, None if it is another.
    """

    def __init__(
        self,
        stream: WebStream,
        desk: Desk,
        status: Callable[[], dict[str, Any]],
        browser: BrowserSource | None = None,
    ) -> None:
        for codec in (h264, vpx):
            codec.DEFAULT_BITRATE, codec.MAX_BITRATE = _BITRATE, 2 * _BITRATE
        self._stream, self._desk, self._status, self._browser = stream, desk, status, browser
        self._open: dict[RTCPeerConnection, list[asyncio.Task]] = {}
        self._sender: RTCPeerConnection | None = None

    @property
    def count(self) -> int:
        return len(self._open)

    async def answer(self, sdp: str) -> str:
        """The answer to a page's offer.

        Raises TooManyPeers, and ValueError for an offer that is none.
        """
        if len(self._open) >= MAX_PEERS:
            raise TooManyPeers
        # Without a configuration aiortc asks a STUN server of others.
        peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._open[peer] = []
        peer.on("connectionstatechange", lambda: self._follow(peer))
        peer.on("track", lambda track: self._take(peer, track))
        peer.on("datachannel", lambda channel: self._talk(peer, channel))
        try:
            peer.addTrack(PaintedTrack(self._stream, lambda: self._picture_for(peer)))
            await peer.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
            await peer.setLocalDescription(await peer.createAnswer())
        except Exception as error:  # whatever a foreign offer breaks is the offer's fault
            await self._drop(peer)
            raise ValueError(f"not an offer that can be answered: {error}") from error
        return peer.localDescription.sdp

    async def close(self) -> None:
        await asyncio.gather(*(self._drop(peer) for peer in list(self._open)))

    def want_tiles(self) -> None:
        self._stream.tiles.want((ORIGINAL, *self._desk.state.styles) if self._open else ())

    def _picture_for(self, peer: RTCPeerConnection) -> np.ndarray | None:
        """The newest painting; beside the original, if the controls say so and the page has not the
        original itself.
        """
        newest, state = self._stream.newest, self._desk.state
        if newest is None or state.compare == "off" or peer is self._sender:
            return newest and newest.painting
        return compose(
            newest.original,
            newest.painting,
            state.compare,
            newest.painting.shape[:2],
            state.divider,
        )

    async def _follow(self, peer: RTCPeerConnection) -> None:
        if peer.connectionState in ("failed", "closed"):
            await self._drop(peer)

    async def _drop(self, peer: RTCPeerConnection) -> None:
        tasks = self._open.pop(peer, [])
        self._sender = None if self._sender is peer else self._sender
        for task in tasks:
            task.cancel()
        for sender in peer.getSenders():
            if sender.track:
                sender.track.stop()
        await peer.close()
        self.want_tiles()
        gc.collect()  # a closed peer is a cycle that holds codecs; short, since what was there before any peer is frozen

    def _take(self, peer: RTCPeerConnection, track: MediaStreamTrack) -> None:
        if track.kind == "video" and peer in self._open:
            self._open[peer].append(asyncio.ensure_future(self._receive(peer, track)))

    async def _receive(self, peer: RTCPeerConnection, track: MediaStreamTrack) -> None:
        """The newest page that sends its camera is the one that is painted; frames of others are
        received and dropped.
        """
        self._sender = peer
        with contextlib.suppress(MediaStreamError):
            while True:
                picture = await track.recv()
                self._sender = self._sender or peer  # that one has left
                if self._browser and self._sender is peer:
                    self._browser.feed(picture, time.monotonic())

    def _talk(self, peer: RTCPeerConnection, channel: RTCDataChannel) -> None:
        allowance = {"left": float(MAX_MESSAGES_PER_S), "at_s": time.monotonic()}

        @channel.on("message")
        def obey(message: str | bytes) -> None:
            now_s = time.monotonic()
            allowance["left"] = min(
                MAX_MESSAGES_PER_S,
                allowance["left"] + (now_s - allowance["at_s"]) * MAX_MESSAGES_PER_S,
            )
            allowance["at_s"] = now_s
            if allowance["left"] < 1 or len(message) > MAX_MESSAGE_BYTES:
                return
            allowance["left"] -= 1
            answer = self._obey(message)
            if answer:
                channel.send(json.dumps({"refused": answer}))

        if peer in self._open:
            self._open[peer].append(asyncio.ensure_future(self._tell(channel)))

    def _obey(self, message: str | bytes) -> str | None:
        """Perform what the page asks for; why not, if it cannot be."""
        try:
            asked = json.loads(message)
            self._desk.ask(str(asked["command"]), asked.get("value"))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return str(error)
        return None

    async def _tell(self, channel: RTCDataChannel) -> None:
        self.want_tiles()
        channel.send(json.dumps(hello(self._desk, self._browser is not None)))
        while channel.readyState == "open":
            channel.send(
                json.dumps({"state": state_of(self._desk.state), "status": self._status()})
            )
            await asyncio.sleep(_STATE_S)


class PaintedTrack(MediaStreamTrack):
    """The newest painting, whenever there is a new one: nothing queues up for a peer that is slow.

    ``picture`` makes of it what the peer gets, (H, W, 3) uint8 RGB.
    """

    kind = "video"

    def __init__(self, stream: WebStream, picture: Callable[[], np.ndarray | None]) -> None:
        super().__init__()
        self._stream, self._picture, self._sent = stream, picture, 0
        self._begin_s = time.monotonic()
        loop, self._changed = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the loop may have ended since
                loop.call_soon_threadsafe(self._changed.set)

        self._wake = wake
        stream.wakers.add(wake)

    async def recv(self) -> VideoFrame:
        while self._stream.count == self._sent or self._stream.newest is None:
            self._changed.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _IDLE_S)
            if self.readyState != "live":
                raise MediaStreamError
            if self._stream.newest is not None and self._stream.count == self._sent:
                break  # a frozen picture is sent again, for pages that lost it
        self._sent = self._stream.count
        pixels = self._picture()
        height, width = pixels.shape[0] // 2 * 2, pixels.shape[1] // 2 * 2
        picture = VideoFrame.from_ndarray(np.ascontiguousarray(pixels[:height, :width]), "rgb24")
        picture.pts, picture.time_base = (
            round((time.monotonic() - self._begin_s) / _TIME_BASE),
            _TIME_BASE,
        )
        return picture

    def stop(self) -> None:
        super().stop()
        self._stream.wakers.discard(self._wake)
        self._changed.set()
