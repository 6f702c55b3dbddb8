"""Paints frames that are too large for a network's memory in pieces.

They overlap by as far as the network sees: every pixel comes out as if the whole had been painted
at once, so there is no seam. Where the network takes statistics of the frame, they are taken of all
of it at a smaller size.
"""

from __future__ import annotations

import copy
import math
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engines import Engine
from engines.canvas import canvas_shape
from engines.errors import UsageError
from engines.machine import cpu_threads
from engines.opening import open_alike
from engines.reach import Reach, reach_of
from realtime.picture.gpu.tensors import on_host
from realtime.picture.pixels import P
from realtime.picture.resample import Scaler
from realtime.picture.sizes import scaled

if TYPE_CHECKING:
    from realtime.frame import Pixels

# Up to here a frame is painted whole; each that is under way takes 150 MB in OpenVINO.
WHOLE_PIXELS = 2_000_000
SIDE_PX = 1536  # of the pieces of a larger one
TILE_RANGE_PX = (256, 16_384)
_STATISTICS_PIXELS = 1024**2  # of the copy of the frame of which they are taken


def piece_limit(size: tuple[int, int], tile_px: int | None) -> int | None:
    """Return the longest side of a piece of a frame of ``size``; None if it is painted whole.

    tile_px: --tile.
    """
    limit = tile_px or (SIDE_PX if size[0] * size[1] > WHOLE_PIXELS else None)
    return limit if limit and max(size) > limit else None


def largest_piece(size: tuple[int, int], tile_px: int | None) -> tuple[int, int]:
    """Return the (height, width) that no piece of a frame of ``size`` exceeds.

    It is what to open an engine for. tile_px: --tile.
    """
    limit = piece_limit(size, tile_px)
    return size if limit is None else (min(size[0], limit), min(size[1], limit))


@dataclass(frozen=True)
class Span:
    """One piece along one axis, in pixels of the whole: what is read and what is kept of it."""

    start: int
    length: int
    keep_from: int
    keep_to: int

    @property
    def kept(self) -> slice:
        """What is kept, counted from the piece's own start."""
        return slice(self.keep_from - self.start, self.keep_to - self.start)


def spans(length: int, limit: int, reach: Reach) -> list[Span]:
    """Cover ``length`` by as few pieces of one length as the network's reach allows.

    They are at most ``limit`` long and begin at multiples of the network's cells. The last one ends
    where the whole does, so that the network repeats the same edge; the others are cut there as the
    whole is, and an unfinished cell at their end counts as unseen. Raises UsageError if the limit
    leaves nothing between the margins.
    """
    if length <= limit:
        return [Span(0, length, 0, length)]
    cell, rest = reach.cell_px, length % reach.cell_px
    unseen = 2 * reach.margin_px + rest
    longest = (limit - rest) // cell * cell + rest
    if longest <= unseen:
        raise UsageError(
            f"--tile {limit}: this network sees {reach.margin_px} pixels far; "
            f"at least {unseen + cell} are needed."
        )
    count = -(-(length - longest) // (longest - unseen)) + 1
    even = -(-(length + (count - 1) * unseen) // count)
    # As long as it must be, and like the whole in its last cell.
    piece = -(-(even - rest) // cell) * cell + rest
    step = piece - unseen
    starts = [step * index for index in range(count - 1)] + [length - piece]
    borders = [0, *(start + reach.margin_px for start in starts[1:]), length]
    return [Span(start, piece, *borders[index : index + 2]) for index, start in enumerate(starts)]


class NetworkPieces:
    """Runs ``engine`` on one frame after the other, in pieces where frames are large.

    Pieces are of at most ``tile_px`` where that is given and frames are larger, or ``by_itself``
    above ``WHOLE_PIXELS``. Use from one thread, in the engine's place; it may be replaced between
    frames.
    """

    def __init__(self, engine: Engine, tile_px: int | None = None, by_itself: bool = True) -> None:
        self.engine, self._tile_px, self._by_itself = engine, tile_px, by_itself

    def pieces(self, size: tuple[int, int]) -> tuple[list[Span], list[Span]] | None:
        """Return the rows and columns of pieces of a frame of (height, width) ``size``.

        None if it is painted whole. Raises UsageError for --tile with a network of which it is not
        known how far it sees, and with one that takes statistics of the frame in an engine that
        cannot be given them.
        """
        limit = piece_limit(size, self._tile_px)
        if limit is None or not (self._tile_px or self._by_itself):
            return None
        model, reach = self.engine.model, reach_of(self.engine.model)
        if self._tile_px is None and (reach is None or reach.statistics):
            return None
        if reach is None:
            raise UsageError(
                f"--tile: {model.name} is a network of the family {model.family!r}, of which it is "
                "not known how far it sees. Leave --tile out, or make the picture smaller with "
                "--size."
            )
        kind = (self.engine.name, self.engine.precision)
        if reach.statistics and kind != ("onnxruntime", "fp32"):
            raise UsageError(
                f"--tile: {model.name} takes statistics of the whole frame, which only one engine "
                "can be given for its pieces. Type: --engine onnxruntime --precision fp32"
            )
        return spans(size[0], limit, reach), spans(size[1], limit, reach)

    def piece_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the (height, width) of what the network is given of a frame of ``size``."""
        pieces = self.pieces(size)
        return size if pieces is None else (pieces[0][0].length, pieces[1][0].length)

    def prepare(self, size: tuple[int, int]) -> None:
        """Specialise the engine to what it is given of frames of (height, width) ``size``."""
        self.engine.prepare(self.piece_size(size))

    def start(
        self, frame: P, style: np.ndarray, canvas: np.ndarray | None = None
    ) -> Callable[[], P]:
        """Begin to paint as ``Engine.start`` does, and return what waits for the result.

        frame: (H, W, 3) uint8, one frame. style: (S,) float32. canvas: (C, h, w) float32, of models
        that take one; absent: as the engine draws it. The result is (H, W, 3) uint8.
        """
        taken = self.engine.model.canvas
        if canvas is None and taken is not None:
            canvas = taken.draw((frame.shape[0], frame.shape[1]), style[None])[0]
        pieces = self.pieces((frame.shape[0], frame.shape[1]))
        if pieces is not None:
            with self._engine_for_pieces(frame, style) as engine:
                result = _in_pieces(engine, frame, style, canvas, *pieces)
            return lambda: result
        return _start_one(self.engine, frame, style, canvas)

    @contextmanager
    def _engine_for_pieces(self, frame: Pixels, style: np.ndarray) -> Iterator[Engine]:
        engine = self.engine
        reach = reach_of(engine.model)
        if reach is None or not reach.statistics:
            yield engine
            return
        from engines.fixed_statistics import fix_statistics  # loads onnx, which others do without

        size = (frame.shape[0], frame.shape[1])
        scale = min(1.0, math.sqrt(_STATISTICS_PIXELS / (size[0] * size[1])))
        smaller = np.ascontiguousarray(Scaler().resize(on_host(frame), scaled(size, scale)))
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / f"{engine.model.name}.onnx"
            model = fix_statistics(
                engine.model, smaller, style, target, engine.options.threads or cpu_threads()
            )
            with open_alike(engine, self.piece_size(size), model) as fixed:
                yield fixed


def _start_one(
    engine: Engine, frame: P, style: np.ndarray, canvas: np.ndarray | None
) -> Callable[[], P]:
    """Begin to paint one picture (H, W, 3) that fits the network."""
    painted = engine.start(frame[None], style[None], None if canvas is None else canvas[None])
    return lambda: painted()[0]  # type: ignore[return-value]  # of the kind that it was given


def _in_pieces(
    engine: Engine,
    frame: P,
    style: np.ndarray,
    canvas: np.ndarray | None,
    rows: list[Span],
    columns: list[Span],
) -> P:
    painting = copy.deepcopy(frame)
    started: deque[tuple[Span, Span, Callable[[], P]]] = deque()
    for row in rows:
        for column in columns:
            piece = frame[
                row.start : row.start + row.length, column.start : column.start + column.length
            ]
            noise = _canvas_of(engine, canvas, row, column)
            started.append((row, column, _start_one(engine, piece, style, noise)))
            if len(started) == engine.in_flight:
                _keep(painting, *started.popleft())
    for part in started:
        _keep(painting, *part)
    return painting


def _canvas_of(
    engine: Engine, canvas: np.ndarray | None, row: Span, column: Span
) -> np.ndarray | None:
    """Return the part of ``canvas`` (C, h, w) that belongs to a piece; pieces begin at cells."""
    taken = engine.model.canvas
    if canvas is None or taken is None:
        return None
    down, across = canvas_shape((row.length, column.length), taken.cell_px)
    top, left = row.start // taken.cell_px, column.start // taken.cell_px
    return canvas[:, top : top + down, left : left + across]


def _keep(painting: P, row: Span, column: Span, painted: Callable[[], P]) -> None:
    """Put a painted piece into the whole, without its margins."""
    inner = painted()[row.kept, column.kept]
    painting[row.keep_from : row.keep_to, column.keep_from : column.keep_to] = inner
