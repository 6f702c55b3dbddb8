"""Pictures over HTTP as an IP camera sends them, breaking off when told.

It is the source that the live program must reopen.
"""

from __future__ import annotations

import io
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from realtime.live.sources.synthetic import Synthetic

_BOUNDARY = "next"
_PICTURES = 60


class BreakingStream:
    """Serves the test picture at ``fps`` under ``address`` until the block ends.

    size: (height, width).
    """

    def __init__(self, size: tuple[int, int], fps: float) -> None:
        self._parts = [_part(Synthetic(size).picture(index)) for index in range(_PICTURES)]
        self._period_s, self._going = 1 / fps, threading.Event()
        self._going.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="stream", daemon=True
        )
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}/video"

    def stop(self) -> None:
        """Break off: every reader's connection ends, and new ones end at once, until ``go_on``."""
        self._going.clear()

    def go_on(self) -> None:
        """Send again."""
        self._going.set()

    def __enter__(self) -> BreakingStream:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._server.shutdown()
        self._server.server_close()

    def _send(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
        handler.end_headers()
        started_s, count = time.monotonic(), 0
        while self._going.is_set():
            try:
                handler.wfile.write(self._parts[count % _PICTURES])
            except OSError:
                return
            count += 1
            time.sleep(max(0.0, started_s + count * self._period_s - time.monotonic()))

    def _handler(stream) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                stream._send(self)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def _part(pixels) -> bytes:
    from PIL import Image

    picture = io.BytesIO()
    Image.fromarray(pixels).save(picture, "jpeg", quality=85)
    head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {picture.tell()}\r\n\r\n"
    return head.encode() + picture.getvalue() + b"\r\n"
