"""What a network is given beside the frame: the style vector, a row, a canvas."""

from __future__ import annotations

import numpy as np

from engines.model_file import ModelFile


def condition_shapes(
    model: ModelFile, size: tuple[int, int], batch: int = 1
) -> dict[str, tuple[int, ...]]:
    """Return the inputs of ``model`` beside ``frame``, each with its shape.

    size: (height, width) of the frames.
    """
    shapes: dict[str, tuple[int, ...]] = {"style": (batch, model.own_styles)}
    if model.row_length:
        shapes = {"style": (batch, model.own_styles + 1), "row": (batch, model.row_length)}
    if model.canvas:
        shapes["canvas"] = (batch, *model.canvas.shape(size))
    return shapes


def first_conditions(
    model: ModelFile, size: tuple[int, int], batch: int = 1
) -> dict[str, np.ndarray]:
    """Return such as leave the frame as it is, to make a network ready with."""
    style = np.eye(1, model.own_styles, dtype=np.float32).repeat(batch, 0)
    return conditions_of(model, style, size)


def conditions_of(
    model: ModelFile, style: np.ndarray, size: tuple[int, int], canvas: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Return the inputs of ``model`` beside ``frame`` by their names, each C-contiguous.

    style and canvas: as ``Engine.infer`` takes them. Raises ValueError for what does not fit.
    """
    own, batch = model.own_styles, len(style)
    allowed = [(batch, own), *([(batch, own + 1 + model.row_length)] if model.row_length else [])]
    if style.shape not in allowed or style.dtype != np.float32:
        raise ValueError(
            f"style must be {' or '.join(map(str, allowed))} float32, "
            f"got {style.shape} {style.dtype}"
        )
    given = {"style": style}
    if model.row_length:
        whole = np.zeros(allowed[1], np.float32)
        whole[:, : style.shape[1]] = style
        weight, row = whole[:, own : own + 1], whole[:, own + 1 :]
        # The floor only keeps 0/0 away where there is no picture, and so no row.
        given = {"style": whole[:, : own + 1], "row": row / np.maximum(weight, np.float32(1e-6))}
    drawn = _complete_canvas(model, canvas, size, style)
    if drawn is not None:
        given["canvas"] = drawn
    return {name: np.ascontiguousarray(array) for name, array in given.items()}


def _complete_canvas(
    model: ModelFile, canvas: np.ndarray | None, size: tuple[int, int], style: np.ndarray
) -> np.ndarray | None:
    """Return the canvas to paint on, None where the model takes none."""
    taken = model.canvas
    if taken is None:
        if canvas is not None:
            raise ValueError(f"{model.name} takes no canvas")
        return None
    if canvas is None:
        return taken.draw(size, style)
    expected = (len(style), *taken.shape(size))
    if canvas.shape != expected or canvas.dtype != np.float32:
        raise ValueError(f"canvas must be {expected} float32, got {canvas.shape} {canvas.dtype}")
    return canvas
