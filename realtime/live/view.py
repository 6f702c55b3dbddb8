"""What is put on the screen: the painting, alone or beside the original, fitted into the window.

No text, no threads.
"""

from __future__ import annotations

import numpy as np

_DIVIDER_WEIGHT = 0.004  # of the view's width


def compose(
    original: np.ndarray,
    painting: np.ndarray,
    compare: str,
    view_size: tuple[int, int],
    divider: float = 0.5,
    fill: bool = False,
) -> np.ndarray:
    """Return the picture for a window of (height, width) ``view_size``.

    It has black bars where the shapes differ, or with ``fill`` its edges are cut off there.
    original, painting: (H, W, 3) uint8 RGB of one size. ``compare``: one of
    ``controls.COMPARE_MODES``. ``divider``: where the line of a split lies, as
    a share of the view's width, which is also where the mouse is. Returns (view height, view width,
    3) uint8 RGB, never one of the inputs: it may be drawn on.
    """
    if fill:
        height, width = view_size[0], view_size[1] // (2 if compare == "side by side" else 1)
        original, painting = (_cut_to(pixels, height, width) for pixels in (original, painting))
    if compare == "side by side":
        left_width = view_size[1] // 2
        left = _fit(original, (view_size[0], left_width))
        return np.concatenate(
            [left, _fit(painting, (view_size[0], view_size[1] - left_width))], axis=1
        )
    if compare == "split":
        view, middle = _fit(painting, view_size), round(divider * view_size[1])
        view[:, :middle] = _fit(original, view_size)[:, :middle]
        return _draw_divider(view, middle)
    return _fit(painting, view_size)


def fitted_size(size: tuple[int, int], view_size: tuple[int, int]) -> tuple[int, int]:
    """Return the largest (height, width) of the shape of ``size`` inside ``view_size``.

    Within a pixel of the view it is the view itself.
    """
    scale = min(view_size[0] / size[0], view_size[1] / size[1])
    height, width = (max(1, round(side * scale)) for side in size)
    return (
        view_size[0] if abs(view_size[0] - height) <= 1 else height,
        view_size[1] if abs(view_size[1] - width) <= 1 else width,
    )


def _cut_to(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the middle of ``pixels``, as large as can be, of the shape ``height`` by ``width``."""
    wide, high = pixels.shape[1], pixels.shape[0]
    new_high = min(high, round(wide * height / width))
    new_wide = min(wide, round(high * width / height))
    top, left = (high - new_high) // 2, (wide - new_wide) // 2
    return pixels[top : top + max(1, new_high), left : left + max(1, new_wide)]


def _fit(pixels: np.ndarray, view_size: tuple[int, int]) -> np.ndarray:
    import cv2

    height, width = fitted_size(pixels.shape[:2], view_size)
    view = np.empty((*view_size, 3), np.uint8)
    top, left = (view_size[0] - height) // 2, (view_size[1] - width) // 2
    view[:top], view[top + height :] = 0, 0
    view[:, :left], view[:, left + width :] = 0, 0
    inside = view[top : top + height, left : left + width]
    if pixels.shape[:2] == (height, width):
        inside[:] = pixels
    else:
        smaller = height < pixels.shape[0]
        inside[:] = cv2.resize(
            pixels, (width, height), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        )
    return view


def _draw_divider(view: np.ndarray, middle: int) -> np.ndarray:
    """Draw a line that shows on every picture: white between two dark ones."""
    half = max(1, round(view.shape[1] * _DIVIDER_WEIGHT / 2))
    view[:, max(0, middle - 2 * half) : middle + 2 * half] >>= 2
    view[:, max(0, middle - half) : middle + half] = 255
    return view
