"""The sheet of a run: held-out pictures of both sets, each translated, and where it looked."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from engines.atomic_write import atomic_write
from engines.networks.families.ugatit import UGatIt
from engines.networks.style_network import StyleNetwork
from training.data import resize_short_side, spread
from training.preview import centre, stylise_photo, write_words

_ROWS, _CELL_PX = 3, 256
_WORDS = ("first", "translated", "second", "back")


def save_preview(
    path: Path, networks: list[StyleNetwork], held: list[list[np.ndarray]], lines_px: int
) -> None:
    """Write three rows: a picture of each set, and what the network of its direction makes of it.

    Networks with a class activation have a heat map behind it: red is where they look.
    """
    columns, words = [], []
    for i, (network, pictures) in enumerate(zip(networks, held, strict=True)):
        shown = [centre(resize_short_side(p, lines_px)) for p in spread(pictures, _ROWS)]
        columns += [shown, [stylise_photo(network, picture, 0, 1) for picture in shown]]
        words += _WORDS[2 * i : 2 * i + 2]
        if isinstance(network, UGatIt):
            columns.append([heat_map(network, picture) for picture in shown])
            words.append("looks at")
    cells = [np.vstack([resize_short_side(p, _CELL_PX) for p in column]) for column in columns]
    sheet = np.hstack(cells)
    for column, word in enumerate(words):
        write_words(sheet, word, (column * _CELL_PX + 8, 22))
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as written:
        cv2.imencode(path.suffix, sheet[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tofile(
            written
        )


def heat_map(network: UGatIt, picture: np.ndarray) -> np.ndarray:
    """Return ``picture``, (H, W, 3) uint8 RGB, under the colours of its class activation."""
    height, width = (side // network.cell_px * network.cell_px for side in picture.shape[:2])
    seen = np.ascontiguousarray(picture[:height, :width])
    device = next(network.parameters()).device
    image = torch.from_numpy(seen).to(device).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        heat = network.trace(image)[2][0, 0].cpu().numpy()
    low, high = float(heat.min()), float(heat.max())
    levels = np.uint8(255 * (heat - low) / max(high - low, 1e-6))
    colours = cv2.applyColorMap(levels, cv2.COLORMAP_JET)[:, :, ::-1]
    size = (picture.shape[1], picture.shape[0])
    colours = cv2.resize(colours, size, interpolation=cv2.INTER_CUBIC)
    return cv2.addWeighted(picture, 0.5, np.ascontiguousarray(colours), 0.5, 0)
