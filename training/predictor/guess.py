"""Teaching a small network to see what VGG16 sees: it ships, VGG16 does not."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from engines.networks.predictor import PictureToRow, PictureToStatistics, colours_of
from training.checkpoint import load_checkpoint, save_checkpoint
from training.loop import rate_factor
from training.predictor.loop import PredictorRun
from training.predictor.views import Seen

_BATCH, _SAVE_EVERY = 16, 200
_PEAK_RATE, _WARM_UP, _LAST = 2e-3, 200, 0.01
_LEAST_PX = 160


class Guessing:
    """One run in the folder of ``run``: guess.pt.

    The statistics are learned first; how they are turned into rows comes from ``run`` as it is
    whenever a row is asked for, and counts by what it changes in them.
    """

    def __init__(self, run: PredictorRun, steps: int) -> None:
        self.run, self.steps, self.step = run, steps, 0
        seen, scale = run.seen, run.scale
        with torch.no_grad():
            self.targets = run.whitening(seen.statistics[scale].to(run.device)).cpu()
        self.network = PictureToStatistics(self.targets.shape[1]).to(run.device)
        self.optimizer = torch.optim.AdamW(self.network.parameters(), weight_decay=0.02)
        self._path: Path = run.folder / "guess.pt"

    def fit(self, minutes: float, on_step: Callable[[int, float], None] = lambda *_: None) -> None:
        """Train to the last step, for at most so many ``minutes`` now; goes on from what is kept.

        on_step: is given the step and its loss.
        """
        self._resume()
        torch.manual_seed(self.step)
        end_s = time.monotonic() + 60 * minutes
        self.network.train()
        self.run.code.eval()  # its dropout would be noise in what is to be met
        while self.step < self.steps and time.monotonic() < end_s:
            factor = rate_factor(self.step, self.steps, _WARM_UP, _LAST)
            for group in self.optimizer.param_groups:
                group["lr"] = _PEAK_RATE * factor
            chosen = torch.randint(len(self.targets), (_BATCH,))
            wanted = self.targets[chosen].to(self.run.device)
            pictures = self.run.seen.pictures[chosen]
            whole = colours_of(pictures.to(self.run.device).float() / 255)
            loss = self._loss(_varied(pictures).to(self.run.device), wanted, whole)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            self.step += 1
            on_step(self.step, float(loss.detach()))
            if self.step % _SAVE_EVERY == 0:
                self._save()
        self._save()

    def _loss(self, pictures: Tensor, wanted: Tensor, colours: Tensor) -> Tensor:
        guessed = self.network(pictures)
        with torch.no_grad():
            row = self.run.row(self.run.code(wanted), colours)
        near = self.run.row(self.run.code(guessed), colours)
        spread = self.run.row.spread + 1e-3
        return F.mse_loss(guessed, wanted) + ((near - row) / spread).square().mean()

    def result(self) -> PictureToRow:
        """Return what ships, in evaluation mode."""
        return PictureToRow(self.network, self.run.code, self.run.row).eval()

    def _save(self) -> None:
        state = {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}
        save_checkpoint(self._path, {**state, "step": self.step})

    def _resume(self) -> None:
        if not self._path.exists():
            return
        state = load_checkpoint(self._path)
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]


def _varied(pictures: Tensor) -> Tensor:
    """Return pictures (N, 3, H, W) uint8 in 0..1, mirrored and cut as their statistics allow."""
    image = pictures.float() / 255
    if torch.rand(1).item() < 0.5:
        image = image.flip(3)
    side = int(torch.randint(_LEAST_PX // 16, image.shape[2] // 16 + 1, ()).item()) * 16
    top, left = (int(torch.randint(0, image.shape[2] - side + 1, ()).item()) for _ in range(2))
    return image[:, :, top : top + side, left : left + side]


def error_of(network: PictureToStatistics, run: PredictorRun, seen: Seen) -> float:
    """Return the share of the statistics' variance that the guess misses in ``seen``."""
    with torch.no_grad():
        wanted = run.whitening(seen.statistics[run.scale].to(run.device))
        guessed = network.eval()(seen.pictures.to(run.device).float() / 255)
    return float(F.mse_loss(guessed, wanted) / wanted.square().mean())
