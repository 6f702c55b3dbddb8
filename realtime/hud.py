"""Text over the picture: figures, help, toasts and notices, in antialiased TrueType on dark panels. Draws; decides nothing.

White on a dark panel reads on every picture; a warning has its own sign beside its colour, so that nobody needs the colour.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

MIN_TEXT_PX = 11
_TEXT_PER_LINE = 0.029  # text size as a share of the picture's height: 14 pixels at 480 lines
_PANEL = (18, 18, 22)
_PANEL_WEIGHT = 0.76  # white keeps a contrast of 7:1 on the panel over a white picture
_WHITE, _SOFT, _AMBER = (255, 255, 255), (214, 218, 224), (255, 190, 70)
_REGULAR, _BOLD = 450, 650


@dataclass(frozen=True)
class Figures:
    """What the HUD tells. Times in milliseconds, ``strength`` 0..1, sizes as (height, width); None where nothing is known yet.

    ``flags``: states to be reminded of, like "frozen"; ``warnings``: what is wrong and what to do about it.
    """

    style: str
    number: int
    total: int
    strength: float
    fps: float = 0.0
    latency_p95_ms: float | None = None
    dropped: int = 0
    due: int = 0
    engine: str = ""
    precision: str = ""
    frame_size: tuple[int, int] | None = None
    inference_size: tuple[int, int] | None = None
    flags: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Line:
    """Pieces of text in columns; ``tabs``: where the second column starts, in text sizes."""

    text: str
    color: tuple[int, int, int] = _WHITE
    weight: int = _REGULAR
    second: str = ""
    tab: float = 0.0


class Hud:
    """Draws onto pictures of (H, W, 3) uint8 RGB, in place. Call from one thread. Rendered text is kept until it changes."""

    def __init__(self) -> None:
        import cv2

        self._cv2 = cv2
        self._font = cv2.FontFace("sans")
        self._tile = lru_cache(maxsize=32)(self._render)

    def draw_figures(self, picture: np.ndarray, figures: Figures) -> None:
        """The panel in the top left corner."""
        margin = text_px(picture.shape[0]) // 2
        self._place(picture, tuple(_figure_lines(figures)), (0.0, 0.0), margin)

    def draw_toast(self, picture: np.ndarray, text: str) -> None:
        """The answer to an action, at the bottom in the middle."""
        margin = text_px(picture.shape[0])
        self._place(picture, (_Line(text, weight=_BOLD),), (1.0, 0.5), margin, scale=1.25)

    def draw_notice(self, picture: np.ndarray, title: str, text: str) -> None:
        """Something that the user must know, in the middle of the picture, which is darkened."""
        np.right_shift(picture, 1, out=picture)
        lines = (_Line(f"! {title}", _AMBER, _BOLD), _Line(text, _WHITE))
        self._place(picture, lines, (0.5, 0.5), 0, scale=1.3)

    def draw_help(self, picture: np.ndarray, rows: list[tuple[str, str]]) -> None:
        """The keys and what they do, in the middle of the picture."""
        lines = [_Line(keys, _AMBER, _BOLD, second=text, tab=6.0) for keys, text in rows]
        self._place(picture, tuple(lines), (0.5, 0.5), 0, scale=1.1)

    def draw_labels(self, picture: np.ndarray, left: str, right: str) -> None:
        """Small names in the bottom corners, for the halves of a comparison."""
        middle, margin = picture.shape[1] // 2, text_px(picture.shape[0]) // 2
        self._place(picture[:, :middle], (_Line(left, _SOFT),), (1.0, 0.0), margin)
        self._place(picture[:, middle:], (_Line(right, _SOFT),), (1.0, 1.0), margin)

    def _place(
        self, picture: np.ndarray, lines: tuple[_Line, ...], where: tuple[float, float], margin: int, scale: float = 1.0
    ) -> None:
        """Put a panel at ``where``, as shares (down, across) of the room that it leaves free."""
        room = (picture.shape[0] - 2 * margin, picture.shape[1] - 2 * margin)
        if min(room) < MIN_TEXT_PX:
            return  # no legible text fits a picture this small
        tile = self._tile(lines, _size_that_fits(text_px(picture.shape[0]) * scale, len(lines), room[0]), room)
        if tile is None:
            return
        height, width = tile.pixels.shape[:2]
        top = margin + round((room[0] - height) * where[0])
        left = margin + round((room[1] - width) * where[1])
        under = picture[top : top + height, left : left + width]
        under[:] = self._cv2.blendLinear(np.ascontiguousarray(under), tile.pixels, tile.rest, tile.weight)

    def _render(self, lines: tuple[_Line, ...], px: int, room: tuple[int, int]) -> _Tile | None:
        """A panel with ``lines`` in text of ``px`` pixels, cut to what ``room`` (height, width) can hold."""
        pad, pitch = _spacing(px)
        lines = lines[: max(1, (room[0] - 2 * pad) // pitch)]
        inner = room[1] - 2 * pad
        if inner < px or room[0] < pitch:
            return None
        lines = [self._cut(line, px, inner) for line in lines]
        width = min(room[1], 2 * pad + max(self._line_width(line, px) for line in lines))
        height = min(room[0], 2 * pad + pitch * (len(lines) - 1) + round(1.16 * px))
        coverage = np.zeros((height, width), np.uint8)
        pixels = np.full((height, width, 3), _PANEL, np.uint8)
        for row, line in enumerate(lines):
            baseline = pad + row * pitch + round(0.92 * px)
            self._write(pixels, coverage, line, px, pad, baseline)
        return _finish(self._cv2, pixels, coverage, radius=max(3, px // 2))

    def _write(self, pixels: np.ndarray, coverage: np.ndarray, line: _Line, px: int, left: int, baseline: int) -> None:
        pieces = [(line.text, left, line.color, line.weight)]
        if line.second:
            pieces.append((line.second, left + round(line.tab * px), _WHITE, _REGULAR))
        for text, x, color, weight in pieces:
            self._cv2.putText(pixels, text, (x, baseline), color, self._font, px, weight)
            self._cv2.putText(coverage, text, (x, baseline), (255,), self._font, px, weight)

    def _line_width(self, line: _Line, px: int) -> int:
        if line.second:
            return round(line.tab * px) + self._text_width(line.second, px, _REGULAR)
        return self._text_width(line.text, px, line.weight)

    def _text_width(self, text: str, px: int, weight: int) -> int:
        left, _, width, _ = self._cv2.getTextSize((0, 0), text, (0, 0), self._font, px, weight)
        return left + width + 1

    def _cut(self, line: _Line, px: int, room: int) -> _Line:
        """The line, shortened with an ellipsis until it fits ``room`` pixels."""
        second = bool(line.second)
        text, weight = (line.second, _REGULAR) if second else (line.text, line.weight)
        free = room - (round(line.tab * px) if second else 0)
        if self._text_width(text, px, weight) <= free:
            return line
        while text and self._text_width(text + "…", px, weight) > free:
            text = text[:-1]
        text = text.rstrip() + "…"
        return _Line(line.text, line.color, line.weight, text, line.tab) if second else _Line(text, line.color, line.weight)


@dataclass(frozen=True)
class _Tile:
    """A rendered panel. pixels: (h, w, 3) uint8 RGB; weight and rest = 1 - weight: (h, w) float32."""

    pixels: np.ndarray
    weight: np.ndarray
    rest: np.ndarray


def _finish(cv2, pixels: np.ndarray, coverage: np.ndarray, radius: int) -> _Tile:
    """Text is opaque, the panel lets the picture through, and its corners are round."""
    height, width = coverage.shape
    radius = min(radius, height // 2, width // 2)
    shape = np.zeros((height, width), np.uint8)
    cv2.rectangle(shape, (radius, 0), (width - 1 - radius, height - 1), 255, -1)
    cv2.rectangle(shape, (0, radius), (width - 1, height - 1 - radius), 255, -1)
    for x in (radius, width - 1 - radius):
        for y in (radius, height - 1 - radius):
            cv2.circle(shape, (x, y), radius, 255, -1, cv2.LINE_AA)
    panel = shape.astype(np.float32) * np.float32(_PANEL_WEIGHT / 255)
    weight = np.maximum(panel, coverage.astype(np.float32) / np.float32(255))
    return _Tile(pixels, weight, 1 - weight)


def text_px(picture_height: int) -> int:
    """Size of the HUD's text for a picture of that height, in pixels."""
    return max(MIN_TEXT_PX, round(picture_height * _TEXT_PER_LINE))


def _spacing(px: int) -> tuple[int, int]:
    """Padding of a panel, and the distance from line to line."""
    return math.ceil(0.6 * px), math.ceil(1.32 * px)


def _size_that_fits(wanted: float, lines: int, room: int) -> int:
    """The largest text size, up to ``wanted``, at which that many lines fit ``room`` pixels; never below the smallest legible."""
    px = max(MIN_TEXT_PX, round(wanted))
    while px > MIN_TEXT_PX and 2 * _spacing(px)[0] + lines * _spacing(px)[1] > room:
        px -= 1
    return px


def _figure_lines(f: Figures) -> list[_Line]:
    place = f"{f.number}/{f.total}   " if f.number else ""
    latency = "" if f.latency_p95_ms is None else f"  ·  p95 {f.latency_p95_ms:.0f} ms"
    share = f" ({100 * f.dropped / f.due:.0f} %)" if f.dropped and f.due else ""
    sizes = [f"{size[1]}×{size[0]}" for size in (f.frame_size, f.inference_size) if size]
    where = " → ".join(dict.fromkeys(sizes))
    engine = "  ·  ".join(part for part in (f"{f.engine} {f.precision}".strip(), where) if part)
    lines = [
        _Line(f"{place}{f.style}  ·  {100 * f.strength:.0f} %", weight=_BOLD),
        _Line(f"{f.fps:.1f} fps{latency}  ·  dropped {f.dropped}{share}", _SOFT),
        _Line(engine, _SOFT),
    ]
    flags = [_Line("  ·  ".join(f.flags), weight=_BOLD)] if f.flags else []
    return [*lines, *flags, *(_Line(f"! {warning}", _AMBER, _BOLD) for warning in f.warnings)]
