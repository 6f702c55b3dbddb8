"""What a training run is made of: one YAML file, checked before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints

import yaml

from engines.errors import TrainingError

_LISTS = ("previews", "exclude_licence", "clips", "smoothing", "vgg_scales", "layer_weights")


@dataclass(frozen=True)
class StyleConfig:
    """One painting. image: file, relative to the data folder. weight: of its style loss. texture: its size when its Gram
    matrices are taken, 1 = short side of 480 px, the size that frames have in training; 2 makes strokes twice as broad.
    calm: of its calm loss, for paintings that have even areas. share: how often it is drawn, of 1 for the others. crop: top,
    left, bottom and right of the part that is looked at, in shares of its sides."""

    name: str
    image: str
    title: str
    artist: str
    year: str
    licence: str
    source: str
    weight: float = 1.0
    texture: float = 1.0
    calm: float = 0.0
    share: float = 1.0
    crop: tuple[float, ...] = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class LossWeights:
    """Weights of the losses in training/losses.py and training/temporal.py; all losses are relative or on 0..1 pixels."""

    content: float = 1.0
    structure: float = 0.0
    style: float = 12.0
    statistics: float = 0.0
    contrast: float = 0.0
    tone: float = 2.0
    tv: float = 1.0
    temporal: float = 60.0
    relative: float = 0.0
    features: float = 0.0
    difference: float = 0.0
    grid: float = 500.0
    calm: float = 4000.0
    range: float = 10.0


@dataclass(frozen=True)
class TrainingConfig:
    """photos: folder, relative to the data folder. exclude_licence: photos whose manifest row holds one of these words stay out.

    clips: files in clips/ of the data folder. clip_share: share of the samples that are two frames of a clip; of those from
    photos, layer_share have a second photo moving in front, still_share stand still but for noise and light, and face_share show
    faces, whose content counts face_weight times, and relight_share are in another light: for few photos.
    crop_px: side of the square crops, divisible by 64. vgg_scales: what crops and paintings are scaled by for VGG16, one
    drawn a step; smaller ones see broader strokes at less cost, but nothing of the finest. layer_weights: of the style layers.
    by_region: faces and even areas have a style loss of their own. painting_px: short side of a painting whose texture is 1.
    batch: photos a step, each with
    its own style. blend_share: share of the samples that mix two styles. muon_rate: peak rate of the convolutions;
    learning_rate: of what Adam moves, style rows row_rate times as fast; with rows_only, nothing else moves. smoothing:
    shares of the steps between which the temporal and TV losses come in. previews: photos shown, never trained on.
    """

    name: str
    family: str
    styles: tuple[StyleConfig, ...]
    photos: str
    previews: tuple[str, ...]
    network: dict[str, Any] = field(default_factory=dict)
    exclude_licence: tuple[str, ...] = ()
    clips: tuple[str, ...] = ()
    clip_share: float = 0.25
    still_share: float = 0.25
    layer_share: float = 0.2
    face_share: float = 0.0
    face_weight: float = 4.0
    relight_share: float = 0.0
    crop_px: int = 256
    vgg_scales: tuple[float, ...] = (1.0,)
    layer_weights: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    by_region: bool = False
    painting_px: float = 480.0
    batch: int = 4
    steps: int = 10000
    muon_rate: float = 5e-3
    learning_rate: float = 1e-3
    row_rate: float = 5.0
    rows_only: bool = False
    blend_share: float = 0.15
    smoothing: tuple[float, float] = (0.3, 0.6)
    seed: int = 0
    weights: LossWeights = LossWeights()

    def __post_init__(self) -> None:
        if self.crop_px % 64 or self.crop_px < 64:
            raise TrainingError(f"crop_px must be a multiple of 64 and at least 64, got {self.crop_px}")
        if not self.vgg_scales or any(not 0.5 <= scale <= 1 or self.crop_px * scale % 8 for scale in self.vgg_scales):
            raise TrainingError(
                f"vgg_scales must lie between 0.5 and 1 and bring crop_px to multiples of 8, got {list(self.vgg_scales)}"
            )
        if self.batch < 1 or self.steps < 1:
            raise TrainingError(f"batch and steps must be at least 1, got {self.batch} and {self.steps}")
        names = [style.name for style in self.styles]
        if not names or len(set(names)) < len(names) or "original" in names:
            raise TrainingError(f"styles need different names, at least one and none called original, got {names}")


def load_config(path: Path) -> TrainingConfig:
    """Read and check a config. Raises TrainingError naming the key that is missing, unknown or of the wrong type."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise TrainingError(f"{path}: not a readable YAML file ({error}). Start from one in training/configs/.") from error
    if not isinstance(raw, dict):
        raise TrainingError(f"{path}: must be a mapping of settings. Start from one in training/configs/.")
    styles = tuple(_build(StyleConfig, style, f"{path}: styles") for style in raw.pop("styles", []))
    weights = _build(LossWeights, raw.pop("weights", {}), f"{path}: weights")
    lists = {key: _listed(raw.pop(key), f"{path}: {key}") for key in _LISTS if key in raw}
    return _build(TrainingConfig, {**raw, **lists, "styles": styles, "weights": weights}, str(path))


def _listed(value: Any, where: str) -> tuple:
    if not isinstance(value, list):
        raise TrainingError(f"{where} must be a list, such as [a, b] or [], got {value!r}")
    return tuple(value)


def _build(cls: type, values: Any, where: str) -> Any:
    if not isinstance(values, dict):
        raise TrainingError(f"{where}: must be a mapping of settings, got {values!r}")
    types = get_type_hints(cls)
    unknown = set(values) - set(types)
    if unknown:
        raise TrainingError(f"{where}: unknown {', '.join(sorted(map(str, unknown)))}. Known: {', '.join(sorted(types))}.")
    try:
        return cls(**{key: _typed(value, types[key], f"{where}: {key}") for key, value in values.items()})
    except TypeError as error:
        raise TrainingError(f"{where}: {str(error).split('() ')[-1]}") from error


def _typed(value: Any, wanted: Any, where: str) -> Any:
    """``value`` if it is of the annotated type. A whole number is a float too, and so is 1e-3, which YAML takes for a word."""
    if wanted is float and not isinstance(value, bool):
        try:
            return float(value)
        except (TypeError, ValueError):
            raise TrainingError(f"{where} must be a number, got {value!r}") from None
    if wanted is bool and not isinstance(value, bool):
        raise TrainingError(f"{where} must be true or false, got {value!r}")
    if wanted in (int, str) and (not isinstance(value, wanted) or isinstance(value, bool)):
        raise TrainingError(f"{where} must be a {'whole number' if wanted is int else 'text'}, got {value!r}")
    return value
