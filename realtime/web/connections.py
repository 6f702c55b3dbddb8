"""The WebRTC side of the page: paintings out, the browser's camera in, controls over a channel."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import re
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
from realtime.controls.commands import COMMANDS
from realtime.controls.desk import Desk
from realtime.live.sources.browser import BrowserSource
from realtime.live.view import compose
from realtime.web.stream import Newest, WebStream
from realtime.web.table import WATCHER, hello, state_of

MAX_CONNECTIONS = 8
MAX_MESSAGE_BYTES = 4096
MAX_MESSAGES_PER_S = 60
_LONGEST_REFUSAL = 200
_WATCHES = "this link is for watching"
_STATE_S = 0.2
_IDLE_S = 1.0
_HOST_S = 1.0  # between two commands that are the host's
_CONNECT_S = 10.0  # from the answer to a connection; a page that left meanwhile never comes
_MOST_CANDIDATES = 16
_TIME_BASE = Fraction(1, 90_000)
_BITRATE = 2_500_000  # paint has texture: at aiortc's 500 kbit/s it turns into blocks


class TooManyConnections(Exception):
    """As many pages are open as there may be."""


def use_addresses(addresses: list[str] | None) -> None:
    """Offer only these addresses as ICE candidates, in this process.

    None for all but loopback, which is aioice's way: it has no setting for it, and leaves loopback
    out.
    """
    if addresses is not None:
        aioice.ice.get_host_addresses = lambda **_: list(addresses)


class Connections:
    """The pages that are open. Every method runs in the server's event loop."""

    def __init__(
        self,
        stream: WebStream,
        desk: Desk,
        status: Callable[[], dict[str, Any]],
        browser: BrowserSource | None = None,
        all_controls: bool = False,
    ) -> None:
        """Begin without any.

        browser: the source that a page's camera feeds, if it is that. all_controls: pages may ask
        for what is the host's too, such as quitting, at most once a second.
        """
        _set_bitrate()
        self._all_controls, self._host_asked_s = all_controls, float("-inf")
        self._stream, self._desk, self._status, self._browser = stream, desk, status, browser
        self._open: dict[RTCPeerConnection, list[asyncio.Task[None]]] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._with_channel: set[RTCPeerConnection] = set()
        self._sender: RTCPeerConnection | None = None

    @property
    def count(self) -> int:
        """How many pages are open."""
        return len(self._open)

    async def answer(self, sdp: str, watches: bool = False) -> str:
        """Return the answer to a page's offer.

        watches: the page sees the painting; what it asks for is refused, and its camera not taken.
        A page that does not connect within seconds is dropped, and where all places are taken, the
        first that waits makes room. Raises TooManyConnections, and ValueError for an offer that is
        none, or asks for more than a page has.
        """
        _check_offer(sdp)
        if watches and len(self._open) >= MAX_CONNECTIONS - 1:
            raise TooManyConnections  # the last place is for who controls
        if len(self._open) >= MAX_CONNECTIONS:
            await self._make_room()
        # Without a configuration aiortc asks a STUN server of others.
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._open[connection] = []
        connection.on("connectionstatechange", lambda: self._drop_ended(connection))
        if not watches:
            connection.on("track", lambda track: self._accept_track(connection, track))
        connection.on(
            "datachannel", lambda channel: self._accept_channel(connection, channel, watches)
        )
        try:
            connection.addTrack(
                PaintedTrack(self._stream, lambda newest: self._compose_for(connection, newest))
            )
            await connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
            await connection.setLocalDescription(await connection.createAnswer())
        except Exception as error:  # whatever a foreign offer breaks is the offer's fault
            await self._drop(connection)
            raise ValueError(f"not an offer that can be answered: {error}") from error
        asyncio.get_running_loop().call_later(_CONNECT_S, self._drop_waiting, connection)
        return connection.localDescription.sdp

    async def _make_room(self) -> None:
        waiting = (c for c in self._open if c.connectionState != "connected")
        first = next(waiting, None)
        if first is None:
            raise TooManyConnections
        await self._drop(first)

    def _drop_waiting(self, connection: RTCPeerConnection) -> None:
        if connection in self._open and connection.connectionState != "connected":
            self._ending.add(task := asyncio.ensure_future(self._drop(connection)))
            task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        """Drop all pages, and wait for those that are being dropped."""
        drops = (self._drop(connection) for connection in list(self._open))
        await asyncio.gather(*drops, *self._ending)

    def _want_thumbnails(self) -> None:
        styles = (ORIGINAL, *self._desk.state.styles) if self._open else ()
        self._stream.thumbnails.want(styles)

    def _compose_for(self, connection: RTCPeerConnection, newest: Newest) -> np.ndarray:
        """Return the painting, beside the original if the controls say so.

        A page that sends the original has it already, and shows both by itself.
        """
        state = self._desk.state
        if state.compare == "off" or connection is self._sender:
            return newest.painting
        size = (newest.painting.shape[0], newest.painting.shape[1])
        return compose(newest.original, newest.painting, state.compare, size, state.divider)

    async def _drop_ended(self, connection: RTCPeerConnection) -> None:
        if connection.connectionState in ("failed", "closed"):
            await self._drop(connection)

    async def _drop(self, connection: RTCPeerConnection) -> None:
        tasks = self._open.pop(connection, [])
        self._with_channel.discard(connection)
        if self._sender is connection:
            self._sender = None
            if self._browser is not None:
                # The next page must not see who was here before.
                self._stream.forget(self._browser.forget())
        for task in tasks:
            task.cancel()
        for sender in connection.getSenders():
            if sender.track:
                sender.track.stop()
        await connection.close()
        self._want_thumbnails()
        # A closed connection is a cycle that holds codecs. Collecting is short, since what was
        # there before any connection is frozen.
        gc.collect()

    def _accept_track(self, connection: RTCPeerConnection, track: MediaStreamTrack) -> None:
        if track.kind == "video" and connection in self._open:
            self._open[connection].append(asyncio.ensure_future(self._receive(connection, track)))

    async def _receive(self, connection: RTCPeerConnection, track: MediaStreamTrack) -> None:
        """Feed the source with the newest page that sends its camera.

        Frames of the others are received and dropped.
        """
        self._sender = connection
        with contextlib.suppress(MediaStreamError):
            while True:
                picture = await track.recv()
                self._sender = self._sender or connection  # that one has left
                if self._browser is None or self._sender is not connection:
                    continue
                if isinstance(picture, VideoFrame):
                    self._browser.feed(picture, time.monotonic())

    def _accept_channel(
        self, connection: RTCPeerConnection, channel: RTCDataChannel, watches: bool
    ) -> None:
        if connection not in self._open or connection in self._with_channel:
            channel.close()  # a page has one
            return
        self._with_channel.add(connection)
        allowance = _Allowance()

        @channel.on("message")
        def obey(message: str | bytes) -> None:
            if not allowance.take() or len(message) > MAX_MESSAGE_BYTES:
                return
            refusal = _WATCHES if watches else self._perform(message)
            if refusal:
                channel.send(json.dumps({"refused": refusal}))

        self._open[connection].append(asyncio.ensure_future(self._tell(channel, watches)))

    def _perform(self, message: str | bytes) -> str | None:
        """Perform what the page asks for; return why not, if it cannot be."""
        try:
            asked = json.loads(message)
            name = str(asked["command"])
            if COMMANDS[name].on_host and (refusal := self._refuse_host(name)):
                return refusal
            self._desk.ask(name, asked.get("value"))
        except Exception as error:  # noqa: BLE001 (a page's own fault, and it ends nothing)
            return str(error)[:_LONGEST_REFUSAL]
        return None

    def _refuse_host(self, name: str) -> str | None:
        """Return why a command that is the host's is not performed, or None."""
        if not self._all_controls:
            return f"{name} is for this machine alone; --web-controls all lets pages ask for it"
        now_s = time.monotonic()
        if now_s - self._host_asked_s < _HOST_S:
            return f"{name}: once a second"
        self._host_asked_s = now_s
        return None

    async def _tell(self, channel: RTCDataChannel, watches: bool) -> None:
        """Tell a page what there is, and then how it stands, until the page leaves.

        Where styles have come meanwhile, it is told what there is once more.
        """
        told: tuple[str, ...] | None = None
        while channel.readyState == "open":
            if told != self._desk.state.styles:
                told = self._desk.state.styles
                self._want_thumbnails()
                wants_camera = self._browser is not None
                about = hello(self._desk, wants_camera, self._all_controls)
                channel.send(json.dumps(WATCHER if watches else about))
            channel.send(
                json.dumps({"state": state_of(self._desk.state), "status": self._status()})
            )
            await asyncio.sleep(_STATE_S)


class PaintedTrack(MediaStreamTrack):
    """The newest painting, whenever there is a new one: nothing queues up for a slow page."""

    kind = "video"

    def __init__(self, stream: WebStream, compose: Callable[[Newest], np.ndarray]) -> None:
        """``compose`` makes what the page gets, (H, W, 3) uint8 RGB, of the newest painting."""
        super().__init__()
        self._stream, self._compose, self._sent = stream, compose, 0
        self._begin_s = time.monotonic()
        loop, self._changed = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the loop may have ended since
                loop.call_soon_threadsafe(self._changed.set)

        self._wake = wake
        stream.wakers.add(wake)

    async def recv(self) -> VideoFrame:
        """Return the next picture to send; raise MediaStreamError once the track has ended."""
        newest = await self._wait_for_newest()
        self._sent = newest.number
        pixels = self._compose(newest)
        height, width = pixels.shape[0] // 2 * 2, pixels.shape[1] // 2 * 2
        picture = VideoFrame.from_ndarray(np.ascontiguousarray(pixels[:height, :width]), "rgb24")
        picture.pts = round((time.monotonic() - self._begin_s) / _TIME_BASE)
        picture.time_base = _TIME_BASE
        return picture

    def stop(self) -> None:
        """End the track."""
        super().stop()
        self._stream.wakers.discard(self._wake)
        self._changed.set()

    async def _wait_for_newest(self) -> Newest:
        """Return a new painting, or after a while the last one, for pages that lost it."""
        newest = self._stream.newest
        while newest is None or newest.number == self._sent:
            self._changed.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._changed.wait(), _IDLE_S)
            if self.readyState != "live":
                raise MediaStreamError
            newest = self._stream.newest
            if newest is not None and newest.number == self._sent:
                break
        return newest


class _Allowance:
    """Lets a page send ``MAX_MESSAGES_PER_S``, all of a second at once if it likes."""

    def __init__(self) -> None:
        self._left, self._at_s = float(MAX_MESSAGES_PER_S), time.monotonic()

    def take(self) -> bool:
        """Return whether one more message is allowed now, and count it."""
        now_s = time.monotonic()
        earned = (now_s - self._at_s) * MAX_MESSAGES_PER_S
        self._left, self._at_s = min(MAX_MESSAGES_PER_S, self._left + earned), now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True


def _check_offer(sdp: str) -> None:
    """Raise ValueError for an offer of more tracks, channels or addresses than a page has."""
    kinds = re.findall(r"^m=(\S*)", sdp, re.MULTILINE)
    if any(kinds.count(kind) > 1 for kind in kinds) or set(kinds) - {"video", "application"}:
        raise ValueError(f"a page offers one video and one channel, not {len(kinds)} sections")
    if len(re.findall(r"^a=candidate:", sdp, re.MULTILINE)) > _MOST_CANDIDATES * len(kinds):
        raise ValueError(f"more than {_MOST_CANDIDATES} addresses")


def _set_bitrate() -> None:
    h264.DEFAULT_BITRATE = vpx.DEFAULT_BITRATE = _BITRATE
    h264.MAX_BITRATE = vpx.MAX_BITRATE = 2 * _BITRATE
