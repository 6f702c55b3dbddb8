"""The training loop: a transform network against a fixed VGG16.

It sees pairs of views whose motion is known.
"""

from __future__ import annotations

import copy
import dataclasses
import json
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engines.errors import TrainingError
from engines.networks import build_network
from engines.networks.layers import settle_bytes
from engines.networks.style_network import TrainableNetwork
from engines.networks.weights import load_weights, save_weights
from training.checkpoint import load_checkpoint, save_checkpoint
from training.clips import read_clips
from training.config import TrainingConfig
from training.data import photo_files, read_licences
from training.losses import (
    CONTENT_LAYER,
    STYLE_LAYERS,
    calm_loss,
    content_loss,
    contrast_loss,
    even_areas,
    gram_matrix,
    grid_loss,
    likeness_loss,
    range_loss,
    statistics,
    statistics_loss,
    style_loss,
    style_loss_by_region,
    tone_loss,
    tv_loss,
)
from training.muon import MuonAdam
from training.pairs import BatchSampler, Pair, PairSampler
from training.precision import fastest_float
from training.preview import save_curves, save_preview
from training.targets import Targets
from training.temporal import (
    feature_temporal_loss,
    frame_difference_loss,
    output_temporal_loss,
    relative_temporal_loss,
    warp,
)
from training.vgg import Vgg16

CHECKPOINT_EVERY, PREVIEW_EVERY, RECORD_EVERY = 250, 500, 50
_BORDER_PX = 16  # two deep cells
_FULL_CANVAS_SHARE, _CANVAS_STRENGTHS = 0.7, (0.3, 1.3)
_FACE_STYLE = 0.25  # of another region: a face is to be known, too
_WARMUP_STEPS = 200
_LAST_RATE = 0.02


class Trainer:
    """One run in ``folder``.

    It writes checkpoint.pt, weights.safetensors, previews/, history.json and losses.png.

    ``style_weights`` (P,) of the paintings' style losses and ``face_weight`` begin as the config's,
    ``smoothing_weight``, by which what flattens the picture and the grid loss are multiplied, as 1;
    all may be changed between steps.
    """

    def __init__(
        self, config: TrainingConfig, data: Path, vgg: Vgg16, folder: Path, device: str = "cpu"
    ) -> None:
        self.config, self.data, self.folder, self.device = config, data, folder, device
        torch.manual_seed(config.seed)
        self._float = fastest_float(device)
        self.vgg = vgg.to(device=device, dtype=self._float, memory_format=torch.channels_last)
        network = build_network(config.family, len(config.styles), **config.network)
        if not isinstance(network, TrainableNetwork):
            raise TrainingError(
                f"family: {config.family} runs the weights of others; "
                "what is trained here is `fast`."
            )
        self.network = network.to(device=device, memory_format=torch.channels_last)
        if config.rows_only:
            network.requires_grad_(False)
            network.rows.requires_grad_(True)
        self.optimizer = MuonAdam(self.network, **self._peaks())
        self.step = 0
        self.history: list[dict[str, float]] = []
        self._sums: dict[str, list[float]] = {}
        photos = data / config.photos
        self.files = photo_files(photos, config.exclude_licence, config.previews)
        licences = read_licences(photos)
        self.clips = read_clips(data / "clips", config.clips, config.exclude_licence)
        self._licences = Counter(licences.get(path.name, "not listed") for path in self.files)
        self._licences.update(clip.licence for clip in self.clips)
        self.previews = [photos / name for name in config.previews]
        missing = ", ".join(path.name for path in self.previews if not path.is_file())
        if missing:
            raise TrainingError(
                f"previews: {photos} has no {missing}. Name photos that are there, or leave "
                "previews: []."
            )
        self.targets = self._look_at_paintings()
        self._calm = torch.tensor(
            [s.calm for s in config.styles], dtype=torch.float32, device=device
        )
        self.face_weight, self.smoothing_weight = config.face_weight, 1.0
        self.style_weights = torch.tensor(
            [s.weight for s in config.styles], dtype=torch.float32, device=device
        )

    def _look_at_paintings(self) -> dict[float, Targets]:
        return {
            scale: Targets(self.config, self.data, self.vgg, scale, self.device)
            for scale in set(self.config.vgg_scales)
        }

    def resume(self) -> None:
        """Continue from the folder's checkpoint.

        Raises TrainingError if it belongs to another network.
        """
        state = load_checkpoint(self.folder / "checkpoint.pt")
        try:
            if state["styles"] != [style.name for style in self.config.styles]:
                raise ValueError(f"its styles are {', '.join(state['styles'])}")
            self.network.load_state_dict(state["network"])
            self.optimizer.load_state_dict(state["optimizer"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise TrainingError(
                f"{self.folder}: its checkpoint is of another configuration ({error}). "
                "Choose another --out."
            ) from error
        self.step, self.history = state["step"], state["history"]
        torch.set_rng_state(state["rng"])

    def start_from(self, weights: Path) -> None:
        """Begin with the tensors of a weights file instead of noise.

        Paintings that it does not have begin as its average row, a canvas that it does not have
        with strengths of zero.
        """
        source, header = load_weights(weights)
        if header["family"] != self.config.family:
            raise TrainingError(
                f"{weights}: is a {header['family']}, the config asks for {self.config.family}."
            )
        ours, theirs = (
            [s.name for s in self.config.styles],
            [s["name"] for s in json.loads(header["styles"])[1:]],
        )
        state = source.state_dict()
        if "rows" in state:
            mean = state["rows"].mean(0)
            state["rows"] = torch.stack(
                [state["rows"][theirs.index(n)] if n in theirs else mean for n in ours]
            )
            if self.network.canvas_channels and not source.canvas_channels:
                missing = self.network.rows.shape[1] - state["rows"].shape[1]
                state["rows"] = F.pad(state["rows"], (0, max(0, missing)))
        try:
            self.network.load_state_dict(state)
        except RuntimeError as error:
            raise TrainingError(
                f"{weights}: does not fit the config's network ({error})."
            ) from error

    def fit(self, on_step: Callable[[int, dict[str, float]], None]) -> None:
        """Train to the config's last step, saving on the way.

        ``on_step(step, losses)`` is called after each step.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        seed, ahead = self.config.seed * 1_000_003 + self.step, self.device != "cpu"
        sampler = self._open_sampler(seed, ahead)
        self.network.train()
        try:
            while self.step < self.config.steps:
                losses = self._train_step(sampler.next())
                self.step += 1
                self._record(losses)
                on_step(self.step, losses)
                if self.step % CHECKPOINT_EVERY == 0 or self.step == self.config.steps:
                    self.save()
                if self.previews and (
                    self.step % PREVIEW_EVERY == 0 or self.step == self.config.steps
                ):
                    names = [s.name for s in self.config.styles]
                    save_preview(
                        self.folder / "previews" / f"{self.step:06d}.jpg",
                        self._settled(),
                        self.previews,
                        names,
                    )
        except (KeyboardInterrupt, SystemExit):  # SIGTERM is the latter
            self.save()
            raise
        finally:
            sampler.close()

    def _open_sampler(self, seed: int, ahead: bool) -> BatchSampler:
        return PairSampler(self.config, self.files, self.clips, seed, ahead)

    def save(self) -> None:
        """Checkpoint, weights as they ship, history and curves."""
        rng = torch.get_rng_state()
        state = {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict()}
        state["styles"] = [style.name for style in self.config.styles]
        save_checkpoint(
            self.folder / "checkpoint.pt",
            {**state, "step": self.step, "history": self.history, "rng": rng},
        )
        weights = self.folder / "weights.safetensors"
        save_weights(
            weights, self._settled(), self.config.family, self.config.network, self.metadata()
        )
        (self.folder / "history.json").write_text(json.dumps(self.history))
        if self.history:
            save_curves(self.folder / "losses.png", self.history)

    def _settled(self) -> TrainableNetwork:
        """Return the network as it ships: its weights on the steps of their int8 form."""
        return settle_bytes(copy.deepcopy(self.network))

    def metadata(self) -> dict[str, str]:
        """Return what the weights' header and later the model file say of paintings and run."""
        kept = ("name", "title", "artist", "year", "licence", "source")
        styles = [{"name": "original", "title": "the untouched picture"}]
        styles += [{key: getattr(style, key) for key in kept} for style in self.config.styles]
        used = msgspec.to_builtins(self.config)
        weighed = zip(self.config.styles, self.style_weights.tolist(), strict=True)
        kept_of = ("name", "texture", "calm", "share")
        used["face_weight"] = round(self.face_weight, 1)
        used["styles"] = [
            {**{k: getattr(s, k) for k in kept_of}, "weight": round(w, 4)} for s, w in weighed
        ]
        training = {
            "config": used,
            "steps_done": self.step,
            "pictures_by_licence": dict(self._licences.most_common()),
        }
        canvas = {"canvas": json.dumps({s.name: s.canvas for s in self.config.styles})}
        return {
            **(canvas if self.network.canvas_channels else {}),
            "name": self.config.name,
            "styles": json.dumps(styles),
            "training": json.dumps(training),
        }

    def losses(self, pair: Pair) -> dict[str, Tensor]:
        """Return each loss of one batch, unweighted, as the network is now.

        The styles are drawn.
        """
        moved = (getattr(pair, field.name).to(self.device) for field in dataclasses.fields(pair))
        pair = type(pair)(*moved)
        mix = self._draw_mix()
        both = torch.cat([pair.before, pair.after]).contiguous(memory_format=torch.channels_last)
        with torch.autocast(
            self.device, dtype=torch.bfloat16, enabled=self._float == torch.bfloat16
        ):
            raw, features = self.network.paint_traced(
                both, torch.cat([mix, mix]), self._canvas(pair)
            )
        return self._losses(raw.float(), features, pair, mix)

    def _canvas(self, pair: Pair) -> Tensor | None:
        """Return the noise of both moments, mostly at its full strength.

        The strength is the user's to choose.
        """
        if not self.network.canvas_channels:
            return None
        full = torch.rand(1).item() < _FULL_CANVAS_SHARE
        strength = 1.0 if full else torch.empty(1).uniform_(*_CANVAS_STRENGTHS).item()
        return strength * torch.cat([pair.canvas_before, pair.canvas_after])

    def _train_step(self, pair: Pair) -> dict[str, float]:
        self._set_rate()
        losses = self.losses(pair)
        total = self.weighted(losses)
        if not torch.isfinite(total):
            raise TrainingError(
                f"the loss became {total.item()} at step {self.step}. "
                "Lower learning_rate; --resume goes on from the last checkpoint."
            )
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 10.0)
        self.optimizer.step()
        return {name: float(value.detach()) for name, value in losses.items()}

    def weighted(self, losses: dict[str, Tensor]) -> Tensor:
        """Return what is minimised now: the sum of ``losses``, each times its weight."""
        return sum(self.weight_of(name) * loss for name, loss in losses.items())

    def weight_of(self, loss: str) -> float:
        """Return a loss's weight now.

        What flattens the picture comes in gradually: grey would please it best at first.
        """
        weight = getattr(self.config.weights, loss)
        if loss == "grid":
            return weight * self.smoothing_weight
        if loss not in ("temporal", "relative", "features", "difference", "tv"):
            return weight
        begin, full = self.config.smoothing
        come_in = min(
            1.0, max(0.0, self.step / self.config.steps - begin) / max(full - begin, 1e-9)
        )
        return weight * self.smoothing_weight * come_in

    def _losses(self, raw: Tensor, features: Tensor, pair: Pair, mix: Tensor) -> dict[str, Tensor]:
        out = raw.clamp(0, 1)
        before, after = out.chunk(2)
        scale = self.config.vgg_scales[torch.randint(len(self.config.vgg_scales), ()).item()]
        seen = self.vgg(scaled(_inside(before), scale), STYLE_LAYERS)
        with torch.no_grad():
            content = self.vgg(scaled(_inside(pair.before), scale), (CONTENT_LAYER,))[CONTENT_LAYER]
        if self.config.by_region:
            per_sample = self._style_by_region(seen, pair, mix, scale)
        else:
            per_sample = self.style_losses(seen, mix, scale)
        warped = warp(before, pair.flow)
        own = pair.after - warp(pair.before, pair.flow) - pair.luminance_change
        by_place = 1 + (self.face_weight - 1) * pair.face
        # With a structure loss the surface of faces is free; what keeps them is their structure.
        content_place = None if self.config.weights.structure else scaled(_inside(by_place), scale)
        losses = {
            "content": content_loss(seen[CONTENT_LAYER], content, content_place).mean(),
            "style": (per_sample * (mix @ self.style_weights)).mean(),
            "tone": tone_loss(before, pair.before, by_place).mean(),
            "tv": tv_loss(out).mean(),
            "temporal": output_temporal_loss(
                after, warped, pair.visible, pair.luminance_change
            ).mean(),
            "relative": relative_temporal_loss(
                after - pair.luminance_change, warped, own, pair.visible
            ).mean(),
            "grid": grid_loss(raw, self.config.cell_px).mean(),
            "range": range_loss(raw).mean(),
            **self._painting_losses(before, seen, pair, mix, scale),
        }
        if self._calm.any():
            losses["calm"] = (calm_loss(before, pair.before) * (mix @ self._calm)).mean()
        if self.config.weights.features:
            earlier, later = features.chunk(2)
            losses["features"] = feature_temporal_loss(
                later, earlier, pair.flow, pair.visible
            ).mean()
        if self.config.weights.difference:
            losses["difference"] = frame_difference_loss(
                after, before, pair.after, pair.before
            ).mean()
        return losses

    def _painting_losses(
        self, before: Tensor, seen: dict[str, Tensor], pair: Pair, mix: Tensor, scale: float
    ) -> dict[str, Tensor]:
        """Return the losses for painting everywhere; those whose weight is 0 are not computed."""
        losses = {}
        if self.config.weights.structure:
            losses["structure"] = self._structure_loss(before, pair, scale / 2)
        if self.config.weights.statistics:
            found = [statistics(seen[layer]) for layer in STYLE_LAYERS]
            per_sample = statistics_loss(found, self.targets[scale].statistics(mix))
            losses["statistics"] = (per_sample * (mix @ self.style_weights)).mean()
        if self.config.weights.likeness:
            losses["likeness"] = likeness_loss(before, pair.before, pair.face).mean()
        if self.config.weights.contrast:
            losses["contrast"] = contrast_loss(before, pair.before).mean()
        return losses

    def style_losses(self, seen: dict[str, Tensor], mix: Tensor, scale: float) -> Tensor:
        """Return the style losses (N,), unweighted.

        They are of what VGG16 has ``seen`` at ``scale``, one of the config's, to the paintings in
        ``mix`` (N, P).
        """
        grams = [gram_matrix(seen[layer]) for layer in STYLE_LAYERS]
        return style_loss(grams, self.targets[scale].grams(mix), self.config.layer_weights)

    def _style_by_region(
        self, seen: dict[str, Tensor], pair: Pair, mix: Tensor, scale: float
    ) -> Tensor:
        """Return the mean of the style losses of a picture and of its regions, (N,).

        These are faces, even areas, and what is neither. Paintings with a calm loss have even areas
        themselves.
        """
        even = even_areas(pair.before) * (1 - pair.face)
        wanted = ((mix @ self._calm) == 0).float()[:, None, None, None]
        rest = (1 - pair.face) * (1 - even)
        regions = [torch.ones_like(even), pair.face, even * wanted, rest]
        shares = (1.0, _FACE_STYLE, 1.0, 1.0)
        return style_loss_by_region(
            [seen[layer] for layer in STYLE_LAYERS],
            self.targets[scale].grams(mix),
            [(scaled(_inside(r), scale), share) for r, share in zip(regions, shares, strict=True)],
            self.config.layer_weights,
        )

    def _structure_loss(self, before: Tensor, pair: Pair, scale: float) -> Tensor:
        """Return the content loss at a small ``scale``.

        It knows what is where, but nothing of its surface; faces count ``face_weight`` times.
        """
        seen = self.vgg(scaled(_inside(before), scale), (CONTENT_LAYER,))[CONTENT_LAYER]
        with torch.no_grad():
            target = self.vgg(scaled(_inside(pair.before), scale), (CONTENT_LAYER,))[CONTENT_LAYER]
        by_place = 1 + (self.face_weight - 1) * pair.face
        weight = F.adaptive_avg_pool2d(_inside(by_place), seen.shape[-1])
        return content_loss(seen, target, weight).mean()

    def _draw_mix(self) -> Tensor:
        """Draw (batch, P): one painting a sample, in ``blend_share`` of them two."""
        shares = torch.tensor([style.share for style in self.config.styles])
        mix = torch.zeros(self.config.batch, len(shares))
        for row in mix:
            first, second = torch.multinomial(shares, 2, replacement=True).tolist()
            share = torch.rand(1).item() if torch.rand(1).item() < self.config.blend_share else 0.0
            row[first] += 1 - share
            row[second] += share
        return mix.to(self.device)

    def _set_rate(self) -> None:
        """Set the rates: linear warm-up, then a half cosine down to a fiftieth."""
        warm_up = min(_WARMUP_STEPS, self.config.steps // 10 + 1)
        factor = rate_factor(self.step, self.config.steps, warm_up, _LAST_RATE)
        for group in self.optimizer.param_groups:
            group["lr"] = self._peaks()[f"{group['kind']}_rate"] * factor

    def _peaks(self) -> dict[str, float]:
        """Return the peak rates, as the config says now.

        --resume may go on at other rates than the checkpoint was trained at.
        """
        rate = self.config.learning_rate
        return {
            "muon_rate": self.config.muon_rate,
            "adam_rate": rate,
            "rows_rate": rate * self.config.row_rate,
        }

    def _record(self, losses: dict[str, float]) -> None:
        for name, value in losses.items():
            self._sums.setdefault(name, []).append(value)
        if self.step % RECORD_EVERY == 0:
            self.history.append(
                {"step": self.step, **{k: sum(v) / len(v) for k, v in self._sums.items()}}
            )
            self._sums = {}


def rate_factor(step: int, steps: int, warm_up: int, last: float) -> float:
    """Return what the peak rate is multiplied by: linear warm-up, a half cosine down to ``last``.

    Loshchilov & Hutter 2017, eq. 5, without restarts.
    """
    cosine = (1 + math.cos(math.pi * step / steps)) / 2
    return min(1.0, (step + 1) / warm_up) * (last + (1 - last) * cosine)


def _inside(image: Tensor) -> Tensor:
    """Return ``image`` (N, C, H, W) without its border: bars along it would please the loss."""
    return image[:, :, _BORDER_PX:-_BORDER_PX, _BORDER_PX:-_BORDER_PX]


def scaled(image: Tensor, scale: float) -> Tensor:
    """Return ``image`` (N, C, H, W) at ``scale`` times its size, averaged."""
    return (
        image
        if scale == 1
        else F.interpolate(image, scale_factor=scale, mode="bilinear", antialias=True)
    )
