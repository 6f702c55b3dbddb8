"""Where things stand in the page's plots. Knows numbers and pixels; the template draws."""

from __future__ import annotations

import math
from dataclasses import dataclass

WIDTH, HEIGHT = 760, 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 24, 18, 46
_LETTER_PX, _LINE_PX, _DOT_PX = 6.4, 13, 6


@dataclass
class Dot:
    """One style in the scatter plot, at (x, y) of the drawing.

    Its label begins or ends at (label_x, label_y), as ``anchor`` says: "start" or "end".
    """

    name: str
    of: str
    is_peer: bool
    says: str
    x: float
    y: float
    label_x: float = 0.0
    label_y: float = 0.0
    anchor: str = "start"


@dataclass(frozen=True)
class Tick:
    """A line of the grid at ``at`` pixels of the drawing."""

    text: str
    at: float


@dataclass(frozen=True)
class Scatter:
    """What the template draws a scatter plot from; lengths are pixels of the drawing."""

    dots: list[Dot]
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    top: int = _TOP
    bottom: int = HEIGHT - _BOTTOM


def scatter(points: list[tuple[str, str, bool, float, float]]) -> Scatter | None:
    """Place the points of a scatter plot, both axes from 0; None if there are no points.

    points: (style, whose, is_peer, x, y).
    """
    if not points:
        return None
    x_ticks, x_end = _axis(max(p[3] for p in points))
    y_ticks, y_end = _axis(max(p[4] for p in points))

    def x_at(value: float) -> float:
        return _LEFT + value / x_end * (WIDTH - _LEFT - _RIGHT)

    def y_at(value: float) -> float:
        return HEIGHT - _BOTTOM - value / y_end * (HEIGHT - _TOP - _BOTTOM)

    dots = [
        Dot(n, of, peer, f"{of}, {n}: {x:.2f}, {y:.1f}", x_at(x), y_at(y))
        for n, of, peer, x, y in points
    ]
    _place_labels([dot for dot in dots if not dot.is_peer] + [dot for dot in dots if dot.is_peer])
    return Scatter(
        dots, [Tick(f"{v:g}", x_at(v)) for v in x_ticks], [Tick(f"{v:g}", y_at(v)) for v in y_ticks]
    )


def _axis(largest: float) -> tuple[list[float], float]:
    """Round numbers from 0 to beyond ``largest``, five to ten of them, and the axis' end."""
    size = 10 ** math.floor(math.log10(max(largest, 1e-6)))
    step = next(size * part for part in (0.1, 0.2, 0.5, 1.0, 2.0) if largest / (size * part) <= 8)
    count = math.floor(largest * 1.05 / step) + 1
    return [round(step * i, 6) for i in range(count + 1)], step * count


def _place_labels(dots: list[Dot]) -> None:
    """Put each label beside its dot, right or left.

    It goes to the first height where it covers no other label and no dot.
    """
    taken = [(dot.x - _DOT_PX, dot.y - _DOT_PX, dot.x + _DOT_PX, dot.y + _DOT_PX) for dot in dots]
    for dot in dots:
        length = len(dot.name) * _LETTER_PX
        spots = [(side, shift * _LINE_PX) for shift in (0, -1, 1, -2, 2, -3, 3) for side in (1, -1)]
        boxes = [_label_box(dot, side, shift, length) for side, shift in spots]
        free = [
            i
            for i, box in enumerate(boxes)
            if box[0] >= _LEFT and box[2] <= WIDTH and not any(_meet(box, t) for t in taken)
        ]
        best = free[0] if free else 0
        side, shift = spots[best]
        taken.append(boxes[best])
        dot.label_x, dot.label_y = dot.x + side * (_DOT_PX + 4), dot.y + shift + _LINE_PX * 0.3
        dot.anchor = "start" if side > 0 else "end"


def _label_box(
    dot: Dot, side: int, shift: float, length: float
) -> tuple[float, float, float, float]:
    near, far = dot.x + side * (_DOT_PX + 3), dot.x + side * (_DOT_PX + 4 + length)
    middle = dot.y + shift
    return min(near, far), middle - _LINE_PX / 2 + 1, max(near, far), middle + _LINE_PX / 2 - 1


def _meet(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
