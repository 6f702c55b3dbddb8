"""Paint one picture by descending on its pixels.

Iterative optimisation (Gatys et al. 2016) on our losses.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engines.errors import TrainingError
from training.losses import (
    CONTENT_LAYER,
    STYLE_LAYERS,
    content_loss,
    gram_matrix,
    range_loss,
    style_loss,
    tv_loss,
)
from training.vgg import Vgg16

_TV_WEIGHT, RANGE_WEIGHT = 1.0, 10.0
_HISTORY = 20  # past gradients from which L-BFGS knows the curvature; each is a picture


@dataclass(frozen=True)
class Step:
    """After ``evaluations`` of the losses. picture: (H, W, 3) uint8 RGB, the best so far."""

    evaluations: int
    losses: dict[str, float]
    picture: np.ndarray


def optimise(
    vgg: Vgg16,
    photo: np.ndarray,
    painting: np.ndarray,
    evaluations: int,
    style_weight: float,
    on_step: Callable[[Step], None] = lambda _: None,
    every: int = 10,
    end_s: float = math.inf,
) -> np.ndarray:
    """Return the photo repainted, by the least content + style_weight * style + total variation.

    Gatys et al. 2016, eq. 7, with the losses of training/losses.py.

    photo, painting: (H, W, 3) uint8 RGB, used at the size they have. end_s: as of ``descend``.
    Returns the photo's shape, uint8 RGB. Raises TrainingError if the losses stop being numbers.
    """
    targets = [gram_matrix(f) for f in seen_by(vgg, painting, STYLE_LAYERS).values()]
    content = seen_by(vgg, photo, STYLE_LAYERS)[CONTENT_LAYER]
    weights = {"content": 1.0, "style": style_weight, "tv": _TV_WEIGHT, "range": RANGE_WEIGHT}
    return descend(
        photo,
        lambda image: _losses(vgg, image, content, targets),
        weights,
        evaluations,
        on_step,
        every,
        end_s,
    )


def descend(
    start: np.ndarray,
    losses: Callable[[Tensor], dict[str, Tensor]],
    weights: dict[str, float],
    evaluations: int,
    on_step: Callable[[Step], None],
    every: int,
    end_s: float = math.inf,
) -> np.ndarray:
    """Return the best of the pictures that L-BFGS tries from ``start`` on (Liu & Nocedal 1989).

    start: (H, W, 3) uint8 RGB. losses: of a (1, 3, H, W) picture in about 0..1, numbers by name,
    of which the sum by ``weights`` is to be small. ``on_step`` is called every so many evaluations.
    end_s: of ``time.monotonic``, when to stop although there are evaluations left. Returns the
    start's shape, uint8 RGB. Raises TrainingError if the losses stop being numbers.
    """
    image = as_tensor(start).requires_grad_()
    search = torch.optim.LBFGS(
        [image],
        max_iter=evaluations,
        history_size=_HISTORY,
        line_search_fn="strong_wolfe",
        tolerance_grad=0,
        tolerance_change=0,
    )
    count, best, best_total = 0, image.detach().clone(), math.inf

    def closure() -> Tensor:
        nonlocal count, best, best_total
        # L-BFGS counts a line search as one, and looks only after it.
        if count == evaluations or (count and time.monotonic() > end_s):
            raise _Enough
        search.zero_grad()
        found = losses(image)
        total = sum((weights[name] * loss for name, loss in found.items()), torch.zeros(()))
        if not torch.isfinite(total):
            raise TrainingError(
                f"the losses became {total.item()} after {count} evaluations. Lower --style-weight."
            )
        total.backward()
        count += 1
        if total.item() < best_total:
            best, best_total = image.detach().clone(), total.item()
        if count % every == 0:
            on_step(Step(count, {k: v.item() for k, v in found.items()}, _picture(best)))
        return total

    with contextlib.suppress(_Enough):
        search.step(closure)
    return _picture(best)


class _Enough(Exception):
    """What was asked for has been done."""


def _losses(vgg: Vgg16, image: Tensor, content: Tensor, targets: list[Tensor]) -> dict[str, Tensor]:
    seen = vgg(image.clamp(0, 1), STYLE_LAYERS)
    return {
        "content": content_loss(seen[CONTENT_LAYER], content).squeeze(0),
        "style": style_loss([gram_matrix(seen[layer]) for layer in STYLE_LAYERS], targets).squeeze(
            0
        ),
        "tv": tv_loss(image).squeeze(0),
        "range": range_loss(image).squeeze(0),
    }


def seen_by(vgg: Vgg16, picture: np.ndarray, layers: tuple[str, ...]) -> dict[str, Tensor]:
    """Return what VGG16 sees in a picture, (H, W, 3) uint8 RGB, as ``Vgg16.forward`` does."""
    with torch.no_grad():
        return vgg(as_tensor(picture), layers)


def as_tensor(picture: np.ndarray) -> Tensor:
    """Return (H, W, 3) uint8 RGB as (1, 3, H, W) float, 0..1."""
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].float().div(255).contiguous()


def _picture(image: Tensor) -> np.ndarray:
    return image[0].clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).numpy()
