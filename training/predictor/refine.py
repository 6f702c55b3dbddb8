"""A better row for one picture: descent on it against the real losses, on what is filmed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from msgspec.structs import replace
from torch import Tensor

from engines.networks.weights import load_weights
from training.config import TrainingConfig
from training.pairs import PairSampler
from training.predictor.loop import PictureTrainer
from training.predictor.views import Targets, look
from training.vgg import Vgg16

# In deviations of the bundled rows, as all that is added: some numbers of a row are far larger than
# others. Steps of 0.3 come nearer in 24 of them; in 40 they are paler, and farther away.
_RATE, _LAST, _WARM_UP = 0.12, 0.1, 5
_MOMENTS = (0.9, 0.98)
_PULL = 2.0  # back to the row that it begins with
_LEAST = 0.01  # deviation; of other numbers nothing is known, so they move by little
_HELD_EVERY, _FEWEST_HELD = 4, 4  # of the photos; of fewer than that, all are looked at anew
_HELD_PAIRS = 3
_STEPS_BETWEEN = 4  # judgements of a row, each of which takes about as long as a step


def refine(
    config: TrainingConfig,
    weights: Path,
    vgg: Vgg16,
    start: np.ndarray,
    view: np.ndarray,
    photos: Path,
    seconds: float,
    on_row: Callable[[Tensor, float], None] = lambda *_: None,
    every_s: float = 2.0,
) -> Tensor:
    """Return a row, (R,), that paints more like the picture than ``start`` does, after ``seconds``.

    config: of the predictor. weights: of the network. view: the picture as
    ``training.predictor.pictures.middle_view`` gives it. photos: a folder of frames, which its
    parent's MANIFEST.tsv need not list. Every fourth is held out, and no row counts that is not
    better there than all before it: such a one ``on_row`` is given, every ``every_s`` seconds at
    most, with its loss over that of ``start``. Raises TrainingError if there are no photos.
    """
    config = replace(
        config,
        photos=photos.name,
        exclude_licence=(),
        previews=(),
        clips=(),
        batch=1,
        blend_share=0,
    )
    trainer = PictureTrainer(config, photos.parent, vgg, photos.parent)
    network, _ = load_weights(weights)
    trainer.keep_network(network)
    spread = network.rows.detach().std(0).clamp(min=_LEAST)
    trainer.step = config.steps  # everything that smooths is in
    image = torch.from_numpy(np.ascontiguousarray(view)).permute(2, 0, 1)[None]
    targets = look(vgg, image, config.vgg_scales).picked(torch.zeros(1, dtype=torch.long), "cpu")
    row = torch.from_numpy(start)[None]
    added, best = torch.zeros_like(row, requires_grad=True), row[0].clone()
    optimizer = torch.optim.Adam([added], betas=_MOMENTS)
    learnt, held = _split(trainer.files)
    sampler = PairSampler(config, learnt, [], config.seed, ahead=False)
    judge = _Judge(trainer, targets, held)
    first = least = judge.loss_of(row)
    begin_s = judged_s = time.monotonic()
    steps = 0
    while (now_s := time.monotonic()) < begin_s + seconds:
        done = (now_s - begin_s) / seconds
        rate = _RATE * (1 - (1 - _LAST) * done) * min(1, (steps + 1) / _WARM_UP)
        optimizer.param_groups[0]["lr"] = rate
        trainer.begin(row + added * spread, targets)
        losses = trainer.losses(sampler.next())
        total = trainer.weighted(losses) + _PULL * added.square().mean()
        optimizer.zero_grad(set_to_none=True)
        total.backward()
        optimizer.step()
        steps += 1
        is_last = time.monotonic() >= begin_s + seconds
        is_due = now_s - judged_s > every_s and steps % _STEPS_BETWEEN == 0
        if is_last or is_due:
            judged_s = now_s
            found = row + added.detach() * spread
            loss = judge.loss_of(found)
            if loss < least:
                least, best = loss, found[0]
                on_row(best, loss / first)
    return best


class _Judge:
    """Judges rows by photos that are not trained on: by the same views of them each time."""

    def __init__(self, trainer: PictureTrainer, targets: Targets, photos: list[Path]) -> None:
        self._trainer, self._targets = trainer, targets
        sampler = PairSampler(trainer.config, photos, [], trainer.config.seed + 1, ahead=False)
        self._pairs = [sampler.next() for _ in range(_HELD_PAIRS)]

    def loss_of(self, row: Tensor) -> float:
        """Return what is minimised, for ``row``, (1, R)."""
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(0)
            self._trainer.begin(row, self._targets)
            losses = [self._trainer.weighted(self._trainer.losses(pair)) for pair in self._pairs]
        return float(torch.stack(losses).mean())


def _split(photos: list[Path]) -> tuple[list[Path], list[Path]]:
    """Return the photos to train on, and those to judge by."""
    if len(photos) < _FEWEST_HELD:
        return photos, photos
    held = photos[::_HELD_EVERY]
    return [path for path in photos if path not in held], held
