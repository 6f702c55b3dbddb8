"""Brings high dynamic range to 8 bits: a table from coded BT.2100 colours to BT.709."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

# BT.2408: diffuse white of HDR, which becomes the white of SDR, and the usual peak of masters.
_WHITE_NITS = 203.0
_PEAK_NITS = 1000.0
_DISPLAY_GAMMA = 2.4  # BT.1886

# SMPTE ST 2084.
_M1, _M2, _C1, _C2, _C3 = (
    2610 / 16384,
    2523 / 4096 * 128,
    3424 / 4096,
    2413 / 4096 * 32,
    2392 / 4096 * 32,
)

# BT.2087: linear BT.2020 to linear BT.709.
_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]
)


def tone_mapping_cube(transfer: str, nodes: int = 33) -> Floats:
    """Return display R'G'B' of BT.709 for coded red, green and blue, all in 0..1.

    The table is (nodes, nodes, nodes, 3) float64, indexed by coded red, green and blue. transfer:
    "PQ" or "HLG". Brightness up to about half of diffuse white stays; what is
    brighter is bent, up to the peak at white. The hue stays, since the largest channel is bent and
    the others with it.
    """
    steps = np.linspace(0, 1, nodes)
    coded = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1)
    nits = pq_to_nits(coded) if transfer == "PQ" else _hlg_to_nits(coded)
    largest = nits.max(axis=-1, keepdims=True)
    mapped = nits * (_bend(largest) / np.maximum(largest, 1e-6))
    linear: Floats = np.clip(mapped / _WHITE_NITS @ _TO_BT709.T, 0, 1)
    return np.power(linear, 1 / _DISPLAY_GAMMA)


def pq_to_nits(coded: Floats) -> Floats:
    """Return 0..10000 cd/m2 for coded 0..1: ST 2084, equation 4.1."""
    power = np.power(coded, 1 / _M2)
    return 10_000 * np.power(np.maximum(power - _C1, 0) / (_C2 - _C3 * power), 1 / _M1)


def nits_to_pq(nits: Floats) -> Floats:
    """Return coded 0..1 for 0..10000 cd/m2: the inverse of ``pq_to_nits``."""
    power = np.power(np.clip(nits, 0, 10_000) / 10_000, _M1)
    return np.power((_C1 + _C2 * power) / (1 + _C3 * power), _M2)


def _hlg_to_nits(coded: Floats) -> Floats:
    """Return cd/m2 on a display of 1000 cd/m2 for coded 0..1.

    BT.2100, table 5: the inverse OETF, then the OOTF with gamma 1.2.
    """
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(coded <= 0.5, coded**2 / 3, (np.exp((coded - c) / a) + b) / 12)
    luma = scene @ np.array([0.2627, 0.6780, 0.0593])
    nits: Floats = _PEAK_NITS * scene * np.power(np.maximum(luma, 1e-9), 0.2)[..., None]
    return nits


def _bend(nits: Floats) -> Floats:
    """Bend cd/m2 down to diffuse white: BT.2390, section 5.4.1.

    It is the EETF there, a Hermite spline in PQ from a knee to the target's peak.
    """
    peak = nits_to_pq(np.array(_PEAK_NITS))
    target = nits_to_pq(np.array(_WHITE_NITS)) / peak
    knee = 1.5 * target - 0.5
    coded = np.minimum(nits_to_pq(nits) / peak, 1)
    t = np.clip((coded - knee) / (1 - knee), 0, 1)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (-2 * t**3 + 3 * t**2) * target
    )
    return pq_to_nits(np.where(coded < knee, coded, spline) * peak)
