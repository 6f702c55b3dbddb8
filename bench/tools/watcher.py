"""One browser that watches, in a process of its own so that it can vanish.

It is aiortc as the other side of the page. It prints after how many seconds the first picture came,
or nothing if none did.

python -m bench.tools.watcher ADDRESS SECONDS [--camera]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import time
import urllib.request
from fractions import Fraction

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av.video.frame import VideoFrame

from realtime.live.sources.synthetic import Synthetic

_CAMERA_FPS = 10
_PATIENCE_S = 20.0


class TestCamera(MediaStreamTrack):
    """A camera that shows the test picture."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._source, self._count = Synthetic((120, 160)), 0

    async def recv(self) -> VideoFrame:
        """Return the next frame when it is due."""
        await asyncio.sleep(1 / _CAMERA_FPS)
        frame = VideoFrame.from_ndarray(self._source.picture(self._count), "rgb24")
        frame.pts, frame.time_base = self._count, Fraction(1, _CAMERA_FPS)
        self._count += 1
        return frame


async def watch(address: str, seconds: float, sends_camera: bool) -> float | None:
    """Connect as the page does, watch for ``seconds`` from the first picture on, say goodbye.

    Returns after how many seconds that came, None if none came within 20.
    """
    base, _, token = address.partition("#token=")
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    first, begin_s = asyncio.get_running_loop().create_future(), time.monotonic()

    async def look(track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                await track.recv()
                if not first.done():
                    first.set_result(time.monotonic() - begin_s)

    connection.on("track", lambda track: asyncio.ensure_future(look(track)))
    channel = connection.createDataChannel("controls")
    channel.on("open", lambda: channel.send(json.dumps({"command": "next"})))
    if sends_camera:
        connection.addTrack(TestCamera())
    else:
        connection.addTransceiver("video", direction="recvonly")
    await connection.setLocalDescription(await connection.createOffer())
    answer = await asyncio.to_thread(
        _post, f"{base}offer", token, {"sdp": connection.localDescription.sdp}
    )
    await connection.setRemoteDescription(RTCSessionDescription(answer["sdp"], answer["type"]))
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(first), _PATIENCE_S)
        await asyncio.sleep(seconds)
    await connection.close()
    return first.result() if first.done() else None


def _post(url: str, token: str, content: dict[str, str]) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    request = urllib.request.Request(url, json.dumps(content).encode(), headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("seconds", type=float)
    parser.add_argument("--camera", action="store_true")
    args = parser.parse_args()
    first_s = asyncio.run(watch(args.address, args.seconds, args.camera))
    print("" if first_s is None else f"{first_s:.2f}", flush=True)
