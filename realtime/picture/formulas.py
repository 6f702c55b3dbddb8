"""The formulas that bring a painting to the frame's size and colours, and their constants.

Three modules compute them: ``realtime.picture.resample`` with NumPy,
``realtime.picture.gpu.scaler`` with PyTorch and ``realtime.files.large_picture`` with libvips. A
test compares the three (tests/realtime/picture/test_one_formula.py). Values are 8-bit levels,
0..255; results are rounded to the nearest level and clipped.

Luma, ITU-R BT.601, full range::

    Y = 0.299 R + 0.587 G + 0.114 B

Guided upsampling brings a painting p to the size of the frame, with the frame's edges::

    out = up(p) + a * (Y - up(y))
    a = up(clip(mean(cov(y, p) / (var(y) + epsilon))))

Y is the frame's luma and y that of the small frame that was painted; up enlarges (bicubic). mean,
cov and var are taken over a square window, edges repeated, at half the size of y. The slope a says
how much each channel of the painting follows the frame's luma nearby. So edges of the frame stay
sharp where the painting kept them, and no photo texture is pasted onto flat paint.

Source: He, Sun, Tang, "Guided Image Filtering", PAMI 2013; the slope is equation 5, its mean over
the windows that hold a pixel is in equation 8.

Keeping colours gives the frame F the luma of the painting p::

    out = F + (Y(p) - Y(F))

The same number is added to red, green and blue, which leaves Cb and Cr as they are.

Mixing takes the share s of the frame F::

    out = s F + (1 - s) p
"""

from __future__ import annotations

LUMA_WEIGHTS = (0.299, 0.587, 0.114)  # of red, green and blue
SLOPE_EPSILON = 60.0  # squared levels; an area of less variance counts as flat: grain stays out
SLOPE_RADIUS = 4  # pixels; the window is 2 * radius + 1 wide
SLOPE_LIMIT = 1.25  # the steepest slope, either way

# Whole numbers are faster where there are bytes: slopes are then bytes in 1 / SLOPE_STEPS, with
# SLOPE_ZERO for 0, and shares are in 1 / MIX_STEPS. Their products fit 16 bits.
SLOPE_STEPS = 64
SLOPE_ZERO = 128
MIX_STEPS = 256


def slope_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the (height, width) at which slopes are taken of a painting of ``size``: half."""
    return max(1, size[0] // 2), max(1, size[1] // 2)
