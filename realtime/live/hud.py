"""Text over the picture: figures, help, toasts and notices, in antialiased TrueType on dark panels.

It draws and decides nothing. White on a dark panel reads on every picture; a warning has its own
sign beside its colour, so that nobody needs the colour.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from realtime.picture.lettering import BOLD, MIN_TEXT_PX, REGULAR, Lettering

_TEXT_PER_LINE = 0.029  # text size as a share of the picture's height: 14 pixels at 480 lines
_PANEL = (18, 18, 22)
_PANEL_WEIGHT = 0.76  # white keeps a contrast of 7:1 on the panel over a white picture
_WHITE, _SOFT, _AMBER = (255, 255, 255), (214, 218, 224), (255, 190, 70)
_RED = (255, 96, 88)
_KEYS_GAP_EM = 0.9  # from the keys on the help card to what they do, in text sizes


@dataclass(frozen=True)
class Figures:
    """What the HUD tells; None where nothing is known yet."""

    style: str
    number: int
    """Of the style, from 1; 0 for the original."""
    total: int
    strength: float
    """0..1."""
    fps: float = 0.0
    captured_fps: float = 0.0
    painted_fps: float = 0.0
    latency_p50_ms: float | None = None
    latency_p95_ms: float | None = None
    drops: dict[str, int] = field(default_factory=dict)
    """Frames left out, by cause, of ``due``."""
    due: int = 0
    engine: str = ""
    precision: str = ""
    frame_size: tuple[int, int] | None = None
    """(height, width), like ``inference_size``."""
    inference_size: tuple[int, int] | None = None
    flags: tuple[str, ...] = ()
    """States to be reminded of, like "frozen"."""
    more_flags: tuple[str, ...] = ()
    """Others, for who wants to know everything."""
    recording: str = ""
    """What is being recorded, like "● REC 0:12"."""
    warnings: tuple[str, ...] = ()
    """What is wrong and what to do about it."""


@dataclass(frozen=True)
class _Line:
    """A line of text in one or two columns."""

    text: str
    color: tuple[int, int, int] = _WHITE
    weight: int = REGULAR
    second: str = ""
    """The text of the second column."""
    tab: float = 0.0
    """Where the second column starts, in text sizes."""


class Hud:
    """Draws onto pictures of (H, W, 3) uint8 RGB, in place.

    Call from one thread. Rendered text is kept until it changes.
    """

    def __init__(self) -> None:
        import cv2

        self._cv2 = cv2
        self._letters = Lettering()
        self._panel = lru_cache(maxsize=64)(self._render)

    def draw_figures(self, picture: np.ndarray, figures: Figures, brief: bool = False) -> None:
        """Draw the panel in the top left corner, and what is recorded in the top right one.

        ``brief``: only what everybody wants to know.
        """
        margin = text_px(picture.shape[0]) // 2
        lines = _compose_brief(figures) if brief else _compose_lines(figures)
        self._place(picture, tuple(lines), (0.0, 0.0), margin)
        if figures.recording:
            line = _Line(figures.recording, _RED, BOLD)
            self._place(picture, (line,), (0.0, 1.0), margin, scale=1.1)

    def draw_toast(self, picture: np.ndarray, text: str, bottom: int | None = None) -> None:
        """Draw the answer to an action, in as many lines as it needs, at the bottom in the middle.

        ``bottom``: where the room for it ends, if not with the picture.
        """
        margin = text_px(picture.shape[0])
        px = round(text_px(picture.shape[0]) * 1.25)
        room = picture.shape[1] - 2 * margin - 2 * _measure_spacing(px)[0]
        lines = tuple(_Line(line, weight=BOLD) for line in self._letters.wrap(text, px, room))
        self._place(picture[:bottom], lines, (1.0, 0.5), margin, px=px)

    def draw_hint(self, picture: np.ndarray, text: str) -> None:
        """Draw what a newcomer should know, where answers stand."""
        margin = text_px(picture.shape[0])
        self._place(picture, (_Line(text, _SOFT),), (1.0, 0.5), margin, scale=1.1)

    def draw_start(self, picture: np.ndarray, text: str) -> None:
        """Draw what is waited for, in the middle."""
        self._place(picture, (_Line(text, _SOFT, BOLD),), (0.5, 0.5), 0, scale=1.4)

    def draw_notice(self, picture: np.ndarray, title: str, text: str) -> None:
        """Darken the picture, and draw what the user must know in the middle."""
        np.right_shift(picture, 1, out=picture)
        lines = (_Line(f"! {title}", _AMBER, BOLD), _Line(text, _WHITE))
        self._place(picture, lines, (0.5, 0.5), 0, scale=1.3)

    def draw_warning(self, picture: np.ndarray, text: str) -> None:
        """Draw what is wrong with a picture that does come, low in the middle.

        It is drawn whether figures are shown or not.
        """
        self._place(picture, (_Line(f"! {text}", _AMBER, BOLD),), (0.72, 0.5), 0, scale=1.1)

    def draw_help(self, picture: np.ndarray, rows: list[tuple[str, str]]) -> None:
        """Draw the keys and what they do, in the middle of the picture.

        A picture that is wider than tall has them in two columns.
        """
        columns = 2 if picture.shape[1] > picture.shape[0] else 1
        half = math.ceil(len(rows) / columns)
        rows = rows + [("", "")] * (half * columns - len(rows))  # panels of one height
        room = picture.shape[1] // columns
        px = self._fit_rows(rows, (picture.shape[0], room), half)
        tab = self._measure_keys(rows, px) / px + _KEYS_GAP_EM
        for n in range(columns):
            share = rows[n * half : (n + 1) * half]
            lines = tuple(_Line(keys, _AMBER, BOLD, second=text, tab=tab) for keys, text in share)
            across = 0.5 if columns == 1 else 1.0 - n
            self._place(picture[:, n * room : (n + 1) * room], lines, (0.5, across), 0, px=px)

    def _fit_rows(self, rows: list[tuple[str, str]], room: tuple[int, int], lines: int) -> int:
        """Return the largest text size at which no row is cut, but one that is legible."""
        px = _fit_text_size(text_px(room[0]) * 1.1, lines, room[0])
        while px > MIN_TEXT_PX:
            keys = self._measure_keys(rows, px) + round(_KEYS_GAP_EM * px)
            text = max(self._letters.measure(text, px, REGULAR) for _, text in rows)
            if keys + text + 2 * _measure_spacing(px)[0] <= room[1]:
                break
            px -= 1
        return px

    def _measure_keys(self, rows: list[tuple[str, str]], px: int) -> int:
        return max(self._letters.measure(keys, px, BOLD) for keys, _ in rows)

    def draw_name(self, picture: np.ndarray, top: int, left: int, width: int, text: str) -> None:
        """Draw a name on a thumbnail that lies at ``top``, ``left`` in the picture."""
        px = text_px(picture.shape[0])
        room = picture[top : top + round(2.4 * px), left : left + width]
        self._place(room, (_Line(text),), (0.0, 0.0), 0, px=px)

    def draw_labels(self, picture: np.ndarray, left: str, right: str) -> None:
        """Draw small names in the bottom corners, for the halves of a comparison."""
        middle, margin = picture.shape[1] // 2, text_px(picture.shape[0]) // 2
        self._place(picture[:, :middle], (_Line(left, _SOFT),), (1.0, 0.0), margin)
        self._place(picture[:, middle:], (_Line(right, _SOFT),), (1.0, 1.0), margin)

    def _place(
        self,
        picture: np.ndarray,
        lines: tuple[_Line, ...],
        where: tuple[float, float],
        margin: int,
        scale: float = 1.0,
        text_lines: int = 0,
        px: int = 0,
    ) -> None:
        """Put a panel at ``where``: shares (down, across) of the room that it leaves free.

        ``text_lines``: how many lines the text size shall allow for, if not those that are there;
        ``px``: the text size itself.
        """
        room = (picture.shape[0] - 2 * margin, picture.shape[1] - 2 * margin)
        if min(room) < MIN_TEXT_PX:
            return  # no legible text fits a picture this small
        px = px or _fit_text_size(
            text_px(picture.shape[0]) * scale, text_lines or len(lines), room[0]
        )
        panel = self._panel(lines, px, room)
        if panel is None:
            return
        height, width = panel.pixels.shape[:2]
        top = margin + round((room[0] - height) * where[0])
        left = margin + round((room[1] - width) * where[1])
        under = picture[top : top + height, left : left + width]
        under[:] = self._cv2.blendLinear(
            np.ascontiguousarray(under), panel.pixels, panel.rest, panel.weight
        )

    def _render(self, lines: tuple[_Line, ...], px: int, room: tuple[int, int]) -> _Panel | None:
        """Return a panel with ``lines`` in text of ``px`` pixels.

        It is cut to what ``room``, (height, width), can hold; None if that is no text at all.
        """
        pad, pitch = _measure_spacing(px)
        inner = room[1] - 2 * pad
        if inner < px or room[0] < pitch:
            return None
        fitting = lines[: max(1, (room[0] - 2 * pad) // pitch)]
        cut = [self._cut(line, px, inner) for line in fitting]
        width = min(room[1], 2 * pad + max(self._measure_line(line, px) for line in cut))
        height = min(room[0], 2 * pad + pitch * (len(cut) - 1) + round(1.16 * px))
        coverage = np.zeros((height, width), np.uint8)
        pixels = np.full((height, width, 3), _PANEL, np.uint8)
        for row, line in enumerate(cut):
            baseline = pad + row * pitch + round(0.92 * px)
            self._write(pixels, coverage, line, px, pad, baseline)
        return _round_off(pixels, coverage, radius=max(3, px // 2))

    def _write(
        self,
        pixels: np.ndarray,
        coverage: np.ndarray,
        line: _Line,
        px: int,
        left: int,
        baseline: int,
    ) -> None:
        pieces = [(line.text, left, line.color, line.weight)]
        if line.second:
            pieces.append((line.second, left + round(line.tab * px), _WHITE, REGULAR))
        for text, x, color, weight in pieces:
            self._letters.write(pixels, text, (x, baseline), color, px, weight)
            self._letters.write(coverage, text, (x, baseline), (255,), px, weight)

    def _measure_line(self, line: _Line, px: int) -> int:
        if line.second:
            return round(line.tab * px) + self._letters.measure(line.second, px, REGULAR)
        return self._letters.measure(line.text, px, line.weight)

    def _cut(self, line: _Line, px: int, room: int) -> _Line:
        """Return the line, shortened with an ellipsis until it fits ``room`` pixels."""
        second = bool(line.second)
        text, weight = (line.second, REGULAR) if second else (line.text, line.weight)
        free = room - (round(line.tab * px) if second else 0)
        if self._letters.measure(text, px, weight) <= free:
            return line
        while text and self._letters.measure(text + "…", px, weight) > free:
            text = text[:-1]
        text = text.rstrip() + "…"
        return (
            _Line(line.text, line.color, line.weight, text, line.tab)
            if second
            else _Line(text, line.color, line.weight)
        )


@dataclass(frozen=True)
class _Panel:
    """A rendered panel."""

    pixels: np.ndarray
    """(h, w, 3) uint8 RGB."""
    weight: np.ndarray
    """(h, w) float32, 0..1: how much of the panel is seen."""
    rest: np.ndarray
    """1 - ``weight``."""


def _round_off(pixels: np.ndarray, coverage: np.ndarray, radius: int) -> _Panel:
    """Make the text opaque, let the picture shine through the rest, and round the corners."""
    import cv2

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
    return _Panel(pixels, weight, 1 - weight)


def text_px(picture_height: int) -> int:
    """Return the size of the HUD's text for a picture of that height, in pixels."""
    return max(MIN_TEXT_PX, round(picture_height * _TEXT_PER_LINE))


def _measure_spacing(px: int) -> tuple[int, int]:
    """Return the padding of a panel, and the distance from line to line."""
    return math.ceil(0.6 * px), math.ceil(1.32 * px)


def _fit_text_size(wanted: float, lines: int, room: int) -> int:
    """Return the largest text size, up to ``wanted``, at which ``lines`` fit ``room`` pixels.

    It is never below the smallest legible one.
    """
    px = max(MIN_TEXT_PX, round(wanted))
    while px > MIN_TEXT_PX and 2 * _measure_spacing(px)[0] + lines * _measure_spacing(px)[1] > room:
        px -= 1
    return px


def _compose_lines(f: Figures) -> list[_Line]:
    place = f"{f.number}/{f.total}   " if f.number else ""
    latency = (
        ""
        if f.latency_p95_ms is None
        else f"latency {f.latency_p50_ms:.0f} ms, p95 {f.latency_p95_ms:.0f} ms"
    )
    dropped = sum(f.drops.values())
    causes = ", ".join(f"{cause} {count}" for cause, count in f.drops.items() if count)
    drops = (
        [_Line(f"dropped {dropped} ({100 * dropped / f.due:.0f} %): {causes}", _SOFT)]
        if dropped and f.due
        else []
    )
    sizes = [f"{size[1]}×{size[0]}" for size in (f.frame_size, f.inference_size) if size]
    where = " → ".join(dict.fromkeys(sizes))
    engine = "  ·  ".join(
        part for part in (latency, f"{f.engine} {f.precision}".strip(), where) if part
    )
    lines = [
        _Line(f"{place}{f.style}  ·  {100 * f.strength:.0f} %", weight=BOLD),
        _Line(
            f"{f.fps:.1f} fps  ·  captured {f.captured_fps:.1f}, painted {f.painted_fps:.1f}", _SOFT
        ),
        _Line(engine, _SOFT),
        *drops,
    ]
    flags = (*f.flags, *f.more_flags)
    return [*lines, *_compose_flags(flags), *_compose_warnings(f)]


def _compose_brief(f: Figures) -> list[_Line]:
    parts = (
        f.style,
        f"{100 * f.strength:.0f} %" if f.strength < 1 and f.number else "",
        f"{f.fps:.0f} fps" if f.fps else "",
    )
    title = _Line("  ·  ".join(filter(None, parts)), weight=BOLD)
    return [title, *_compose_flags(f.flags), *_compose_warnings(f)]


def _compose_flags(flags: tuple[str, ...]) -> list[_Line]:
    return [_Line("  ·  ".join(flags), _SOFT, BOLD)] if flags else []


def _compose_warnings(f: Figures) -> list[_Line]:
    return [_Line(f"! {warning}", _AMBER, BOLD) for warning in f.warnings]
