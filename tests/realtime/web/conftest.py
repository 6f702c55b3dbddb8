"""A running page server over the small model, fed by a browser source: what both kinds of client
are tested against.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from engines import EngineOptions, ModelFile, open_engine
from realtime.controls.desk import Desk
from realtime.live.engine_sizes import EngineSizes
from realtime.live.painter import LivePainter
from realtime.live.run import Live, LiveOptions, initial_state
from realtime.live.sinks.null import Null
from realtime.live.sources.browser import BrowserSource
from realtime.live.thumbnails import Thumbnails
from realtime.look import Look
from realtime.stylizer import Stylizer

pytest.importorskip("fastapi")
pytest.importorskip("aiortc")

SIZE = (120, 160)


@dataclass
class Page:
    """What serves, and the run behind it."""

    server: object
    desk: Desk
    live: Live

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server.guard.port}"

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.server.guard.token}"}


@pytest.fixture
def page(tiny_model: ModelFile, tmp_path) -> Iterator[Page]:
    from realtime.web.guard import guard_for
    from realtime.web.server import WebServer
    from realtime.web.stream import WebStream

    engine = open_engine("onnxruntime", tiny_model, EngineOptions(threads=1), SIZE)
    source, look = BrowserSource(SIZE), Look((("negative", 1.0),))
    source.open()
    desk = Desk(initial_state(tiny_model, look, mirror=False))
    stream = WebStream(Thumbnails(engine))
    painter = LivePainter(Stylizer(engine, look, SIZE), EngineSizes(engine, SIZE), SIZE)
    live = Live(source, painter, Null(), desk, [stream], LiveOptions(snapshot_dir=tmp_path))
    server = WebServer(guard_for("127.0.0.1", 0, None), stream, desk, live.status, source)
    running = threading.Thread(target=live.run, name="live")
    running.start()
    try:
        yield Page(server, desk, live)
    finally:
        desk.ask("quit")
        running.join(20)
        server.close()
