"""A running page server over the small model, fed by a browser source: what both kinds of client
are tested against.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from engines import EngineOptions, ModelFile, Models, load_model, open_engine
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
    with serve(tiny_model, "negative", tmp_path) as served:
        yield served


@pytest.fixture
def picture_page(tmp_path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """One that paints with a model that takes pictures as styles."""
    pytest.importorskip("torch", reason="the small model is exported by torch")
    import engines.predictor
    from tests.small_network import write_small_model
    from tests.stand_in_predictor import write_predictor

    model = load_model(write_small_model(tmp_path / "small.onnx"))
    predictor = write_predictor(tmp_path / "predictor.onnx", model)
    monkeypatch.setattr(engines.predictor, "PREDICTOR", predictor)
    with serve(model, "first", tmp_path) as served:
        yield served


@contextlib.contextmanager
def serve(model: ModelFile, style: str, folder, certificate=None) -> Iterator[Page]:
    from realtime.web.guard import guard_for
    from realtime.web.server import WebServer
    from realtime.web.stream import WebStream

    engine = open_engine("onnxruntime", model, EngineOptions(threads=1), SIZE)
    source, look = BrowserSource(SIZE), Look(((style, 1.0),))
    source.open()
    desk = Desk(initial_state(Models((model,)), look, mirror=False))
    stylizer = Stylizer(engine, look, SIZE)
    stream = WebStream(Thumbnails(engine, models_now=lambda: stylizer.models))
    painter = LivePainter(stylizer, EngineSizes([engine], SIZE), SIZE)
    live = Live(source, painter, Null(), desk, [stream], LiveOptions(snapshot_dir=folder))
    guard = replace(guard_for("127.0.0.1", 0, None), scheme="https" if certificate else "http")
    server = WebServer(guard, stream, desk, live.status, source, live.pictures, certificate)
    running = threading.Thread(target=live.run, name="live")
    running.start()
    try:
        yield Page(server, desk, live)
    finally:
        desk.ask("quit")
        running.join(20)
        server.close()
