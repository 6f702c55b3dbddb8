"""Paints frames that are too large for a network's memory in pieces, which overlap by as far as the
network sees: every pixel comes out as if the whole had been painted at once, so there is no
seam.

Where the network takes statistics of the frame, they are taken of all of it at a smaller size.
"""

from __future__ import annotations

import math
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines import Engine
from engines.base import Pending
from engines.errors import UsageError
from engines.machine import cpu_threads
from engines.opening import open_alike
from engines.reach import Reach, reach_of
from realtime.picture.resample import Scaler
from realtime.picture.sizes import scaled

WHOLE_PIXELS = 2_000_000  # up to here a frame is painted whole; each that is under way takes 150 MB in OpenVINO
SIDE_PX = 1536  # of the pieces of a larger one
TILE_RANGE_PX = (256, 16_384)
_STATISTICS_PIXELS = 1024**2  # of the copy of the frame of which they are taken


def piece_limit(size: tuple[int, int], tile_px: int | None) -> int | None:
    """The longest side of a piece of a frame of (height, width); None if it is painted whole.

    tile_px: --tile.
    """
    limit = tile_px or (SIDE_PX if size[0] * size[1] > WHOLE_PIXELS else None)
    return limit if limit and max(size) > limit else None


def largest_piece(size: tuple[int, int], tile_px: int | None) -> tuple[int, int]:
    """What to open an engine for that shall paint frames of (height, width): no piece exceeds it."""
    limit = piece_limit(size, tile_px)
    return size if limit is None else (min(size[0], limit), min(size[1], limit))


@dataclass(frozen=True)
class Span:
    """Along one axis: read ``start``..``start + length``, keep ``keep_from``..``keep_to``, all in
    pixels of the whole.
    """

    start: int
    length: int
    keep_from: int
    keep_to: int


def spans(length: int, limit: int, reach: Reach) -> list[Span]:
    """Cover ``length`` by as few pieces of one length, at most ``limit``, as the network's reach
    allows.

    They begin at multiples of the network's cells. The last one ends where the whole does, so that
    the network repeats the same edge; the others are cut there as the whole is, and an unfinished
    cell at their end counts as unseen. Raises UsageError if the limit leaves nothing between the
    margins.
    """
    if length <= limit:
        return [Span(0, length, 0, length)]
    cell, rest = reach.cell_px, length % reach.cell_px
    unseen = 2 * reach.margin_px + rest
    longest = (limit - rest) // cell * cell + rest
    if longest <= unseen:
        raise UsageError(
            f"--tile {limit}: this network sees {reach.margin_px} pixels far; at least {unseen + cell} are needed."
        )
    count = -(-(length - longest) // (longest - unseen)) + 1
    even = -(-(length + (count - 1) * unseen) // count)
    piece = (
        -(-(even - rest) // cell) * cell + rest
    )  # as long as it must be, and like the whole in its last cell
    step = piece - unseen
    starts = [step * index for index in range(count - 1)] + [length - piece]
    borders = [0, *(start + reach.margin_px for start in starts[1:]), length]
    return [Span(start, piece, *borders[index : index + 2]) for index, start in enumerate(starts)]


class NetworkPieces:
    """Runs ``engine`` on one frame after the other, in pieces of at most ``tile_px`` where that is
    given and frames are larger, or ``by_itself`` above ``WHOLE_PIXELS``.

    Use from one thread, in the engine's place; it may be replaced between frames.
    """

    def __init__(self, engine: Engine, tile_px: int | None = None, by_itself: bool = True) -> None:
        self.engine, self._tile_px, self._by_itself = engine, tile_px, by_itself

    def pieces(self, size: tuple[int, int]) -> tuple[list[Span], list[Span]] | None:
        """The rows and columns of pieces of a frame of (height, width); None if it is painted
        whole.

        Raises UsageError for --tile with a network of which it is not known how far it sees, and
        with one that takes statistics of the frame in an engine that cannot be given them.
        """
        limit = piece_limit(size, self._tile_px)
        if limit is None or not (self._tile_px or self._by_itself):
            return None
        reach = reach_of(self.engine.model)
        if self._tile_px is None and (reach is None or reach.statistics):
            return None
        if reach is None:
            raise UsageError(
                f"--tile: {self.engine.model.name} is a network of the family {self.engine.model.family!r}, of which it is not "
                "known how far it sees. Leave --tile out, or make the picture smaller with --size."
            )
        if reach.statistics and (self.engine.name, self.engine.precision) != (
            "onnxruntime",
            "fp32",
        ):
            raise UsageError(
                f"--tile: {self.engine.model.name} takes statistics of the whole frame, which only one engine can be given for "
                "its pieces. Type: --engine onnxruntime --precision fp32"
            )
        return spans(size[0], limit, reach), spans(size[1], limit, reach)

    def piece_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """(height, width) of what the network is given of a frame of that."""
        pieces = self.pieces(size)
        return size if pieces is None else (pieces[0][0].length, pieces[1][0].length)

    def prepare(self, size: tuple[int, int]) -> None:
        self.engine.prepare(self.piece_size(size))

    def start(self, frame: np.ndarray, style: np.ndarray) -> Pending:
        """As ``Engine.start``, of one frame (H, W, 3) and style (S,), with the result (H, W, 3)."""
        pieces = self.pieces(frame.shape[:2])
        if pieces is not None:
            with self._engine_for_pieces(frame, style) as engine:
                result = _in_pieces(engine, frame, style, *pieces)
            return lambda: result
        painted = self.engine.start(frame[None], style[None])
        return lambda: painted()[0]

    @contextmanager
    def _engine_for_pieces(self, frame: np.ndarray, style: np.ndarray) -> Iterator[Engine]:
        engine = self.engine
        if not reach_of(engine.model).statistics:
            yield engine
            return
        from engines.fixed_statistics import fix_statistics  # loads onnx, which others do without

        size = frame.shape[:2]
        scale = min(1.0, math.sqrt(_STATISTICS_PIXELS / (size[0] * size[1])))
        thumbnail = np.ascontiguousarray(
            Scaler().resize(frame, size if scale == 1 else scaled(size, scale))
        )
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / f"{engine.model.name}.onnx"
            model = fix_statistics(
                engine.model, thumbnail, style, target, engine.options.threads or cpu_threads()
            )
            with open_alike(engine, self.piece_size(size), model) as fixed:
                yield fixed


def _in_pieces(
    engine: Engine, frame: np.ndarray, style: np.ndarray, rows: list[Span], columns: list[Span]
) -> np.ndarray:
    painting = np.empty_like(frame)
    begun: deque[tuple[Span, Span, Pending]] = deque()
    for row in rows:
        for column in columns:
            piece = frame[
                row.start : row.start + row.length, column.start : column.start + column.length
            ]
            begun.append((row, column, engine.start(piece[None], style[None])))
            if len(begun) == engine.in_flight:
                _keep(painting, *begun.popleft())
    for part in begun:
        _keep(painting, *part)
    return painting


def _keep(painting: np.ndarray, row: Span, column: Span, painted: Pending) -> None:
    inner = painted()[0, _kept(row), _kept(column)]
    painting[row.keep_from : row.keep_to, column.keep_from : column.keep_to] = inner


def _kept(span: Span) -> slice:
    return slice(span.keep_from - span.start, span.keep_to - span.start)
