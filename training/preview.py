"""Pictures of a run: a sheet of fixed photos in every style, and the losses as curves."""

from __future__ import annotations

import copy
from pathlib import Path

import cv2
import numpy as np
import torch

from engines.atomic_write import atomic_write
from engines.canvas import draw_canvas
from engines.networks.frame_graph import FrameGraph
from engines.networks.layers import settle_bytes
from engines.networks.style_network import StyleNetwork
from training.data import read_photo, resize_short_side, spread

_LINES = 480
_DARK = 24


def stylise_photo(
    network: StyleNetwork, photo: np.ndarray, painting: int, paintings: int, strength: float = 1.0
) -> np.ndarray:
    """Return one (H, W, 3) uint8 RGB photo in the style of one painting, the same shape.

    painting: its number; 0 is the first. strength: of the canvas, where the network has one.
    """
    device = next(network.parameters()).device
    style = torch.zeros(1, 1 + paintings, device=device)
    style[0, 1 + painting] = 1
    frame = torch.from_numpy(np.ascontiguousarray(photo))[None].to(device)
    was_training = network.training
    network.eval()
    with torch.no_grad():
        if network.canvas_channels:
            noise = draw_canvas(photo.shape[:2], network.cell_px)
            canvas = strength * torch.tensor(noise, device=device)[None]
            painted = network(frame.permute(0, 3, 1, 2) / 255, style[:, 1:], canvas)
            out = (painted.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1)
        else:
            out = FrameGraph(network)(frame, style)
    network.train(was_training)
    return out[0].cpu().numpy()


def save_preview(
    path: Path, network: StyleNetwork, photos: list[Path], names: list[str], cell_px: int = 320
) -> None:
    """Write a sheet with a row for each photo and a column for each style.

    They are stylised at 480 lines and shown ``cell_px`` high.
    """
    rows = []
    for file in photos:
        photo = _frame(file)
        pictures = [
            photo,
            *(stylise_photo(network, photo, k, len(names)) for k in range(len(names))),
        ]
        rows.append(np.hstack([resize_short_side(p, cell_px) for p in pictures]))
    sheet = np.vstack(rows)
    for column, name in enumerate(["input", *names]):
        write_words(sheet, name, (column * cell_px + 6, 20))
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imencode(".jpg", sheet[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tofile(path)


def save_style_preview(
    path: Path,
    network: StyleNetwork,
    photos: list[Path],
    painting: Path,
    lines: list[str],
    cell_px: int = 360,
) -> None:
    """Write the painting beside up to three photos, each with its painted version below it.

    ``lines``, small letters of ASCII, stand below the painting. Replaced in one rename.
    """
    first = centre(resize_short_side(read_photo(painting), cell_px))
    words = np.full_like(first, _DARK)
    for number, line in enumerate(lines):
        write_words(words, line, (16, 40 + 30 * number))
    write_words(first, "painting", (8, 22))
    columns = [np.vstack([first, words])]
    for file in spread(photos, 3):
        photo = _frame(file)
        painted = stylise_photo(settle_bytes(copy.deepcopy(network)), photo, 0, 1)
        pair = [resize_short_side(picture, cell_px).copy() for picture in (photo, painted)]
        for picture, word in zip(pair, ("photo", "painted"), strict=True):
            write_words(picture, word, (8, 22))
        columns.append(np.vstack(pair))
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as written:
        cv2.imencode(path.suffix, np.hstack(columns)[:, :, ::-1])[1].tofile(written)


def save_pairs_preview(
    path: Path,
    pairs: list[np.ndarray],
    painted: list[np.ndarray],
    line: str = "",
    cell_px: int = 300,
) -> None:
    """Write up to three rows of a picture, what it shall become, and what it becomes.

    pairs: (H, W, 6) uint8 RGB, both in one. painted: (H, W, 3) of each. ``line``, small letters of
    ASCII, stands in the first. Replaced in one rename.
    """
    rows = []
    for pair, picture in zip(pairs[:3], painted[:3], strict=True):
        three = (pair[..., :3], pair[..., 3:], picture)
        rows.append(np.hstack([resize_short_side(centre(p), cell_px) for p in three]))
    sheet = np.vstack(rows)
    for column, word in enumerate(("before", "after", "learnt")):
        write_words(sheet, word, (column * cell_px + 8, 22))
    write_words(sheet, line, (8, cell_px - 10))
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as written:
        cv2.imencode(path.suffix, sheet[:, :, ::-1])[1].tofile(written)


def save_curves(path: Path, history: list[dict[str, float]]) -> None:
    """Write the losses over the steps, each on a logarithmic axis of its own; not what is 0."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = [n for n in history[0] if n != "step" and any(h[n] > 0 for h in history)]
    figure, axes = pyplot.subplots(
        len(names), 1, figsize=(8, 2 * len(names)), sharex=True, squeeze=False
    )
    for axis, name in zip(axes[:, 0], names, strict=True):
        axis.semilogy([h["step"] for h in history], [h[name] for h in history], linewidth=1)
        axis.set_ylabel(name)
        axis.grid(alpha=0.3)
    axes[-1, 0].set_xlabel("step")
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    pyplot.close(figure)


def write_words(picture: np.ndarray, text: str, at: tuple[int, int]) -> None:
    """Write ``text`` with its baseline from (x, y) ``at``: white with a dark edge, in place."""
    for color, thickness in (((0, 0, 0), 4), ((255, 255, 255), 1)):
        cv2.putText(picture, text, at, cv2.FONT_HERSHEY_DUPLEX, 0.55, color, thickness, cv2.LINE_AA)


def _frame(file: Path) -> np.ndarray:
    return centre(resize_short_side(read_photo(file), _LINES))


def centre(photo: np.ndarray) -> np.ndarray:
    """Return the square in the middle of ``photo``, (H, W, 3)."""
    side = min(photo.shape[:2])
    top, left = (photo.shape[0] - side) // 2, (photo.shape[1] - side) // 2
    return photo[top : top + side, left : left + side]
