"""What a training run is made of: one YAML file, checked before anything is loaded."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import yaml

from engines.canvas import CHANNELS, MOST_STRENGTH
from engines.errors import TrainingError


class StyleConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One painting.

    image: file, relative to the data folder. weight: of its style loss. texture: its size when its
    Gram matrices are taken, 1 = short side of painting_px, the size that frames have in training; 2
    makes strokes twice as broad. calm: of its calm loss, for paintings that have even areas. share:
    how often it is drawn, of 1 for the others. canvas: how strong its canvas is meant to be, at
    most 1.5. crop: top, left, bottom and right of the part that is looked at, in shares of its
    sides.
    """

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
    canvas: float = 1.0
    crop: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        if not 0 <= self.canvas <= MOST_STRENGTH:
            raise TrainingError(
                f"{self.name}: canvas must lie between 0 and {MOST_STRENGTH}, got {self.canvas}"
            )
        top, left, bottom, right = self.crop
        if not (0 <= top < bottom <= 1 and 0 <= left < right <= 1):
            raise TrainingError(
                f"{self.name}: crop must be top, left, bottom and right between 0 and 1, "
                f"got {list(self.crop)}"
            )


class LossWeights(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Weights of the losses in training/losses.py and training/temporal.py.

    All losses are relative or on 0..1 pixels.
    """

    content: float = 1.0
    pixels: float = 0.0
    structure: float = 0.0
    style: float = 12.0
    statistics: float = 0.0
    contrast: float = 0.0
    palette: float = 0.0
    tone: float = 2.0
    likeness: float = 0.0
    tv: float = 1.0
    temporal: float = 60.0
    relative: float = 0.0
    features: float = 0.0
    difference: float = 0.0
    grid: float = 500.0
    calm: float = 4000.0
    range: float = 10.0


class TrainingConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One training run.

    photos: folder, relative to the data folder.

    exclude_licence: photos whose manifest row holds one of these words stay out.

    clips: files in clips/ of the data folder. clip_share: share of the samples that are two frames
    of a clip; of those from photos, layer_share have a second photo moving in front, still_share
    stand still but for noise and light, and face_share show faces, whose content counts face_weight
    times, and relight_share are in another light: for few photos. crop_px: side of the square
    crops, divisible by 32. vgg_scales: what crops and paintings are scaled by for VGG16, one drawn
    a step; smaller ones see broader strokes at less cost, but nothing of the finest. short_side_px:
    sizes between which photos and clips are drawn. painting_px: short side of a painting whose
    texture is 1. layer_weights: of the style layers. by_region: faces and even areas have a style
    loss of their own.

    batch: photos a step, each with its own style. blend_share: share of the samples that mix two
    styles. muon_rate: peak rate of the convolutions; learning_rate: of what Adam moves, style rows
    row_rate times as fast; with rows_only, nothing else moves. smoothing: shares of the steps
    between which the temporal and TV losses come in. previews: photos shown, never trained on.
    """

    name: str
    family: str
    styles: tuple[StyleConfig, ...]
    photos: str
    previews: tuple[str, ...]
    network: dict[str, Any] = msgspec.field(default_factory=dict)
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
    short_side_px: tuple[float, float] = (340.0, 640.0)
    painting_px: float = 480.0
    layer_weights: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    by_region: bool = False
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

    @property
    def cell_px(self) -> int:
        """Side of the network's deep cells."""
        return 2 * self.network.get("fine_px", 4)

    def __post_init__(self) -> None:
        if self.crop_px % 32 or self.crop_px < 64:
            raise TrainingError(
                f"crop_px must be a multiple of 32 and at least 64, got {self.crop_px}"
            )
        if not self.vgg_scales or any(
            not 0.5 <= scale <= 1 or self.crop_px * scale % 8 for scale in self.vgg_scales
        ):
            raise TrainingError(
                f"vgg_scales must lie between 0.5 and 1 and bring crop_px to multiples of 8, "
                f"got {list(self.vgg_scales)}"
            )
        self._check_sizes_and_shares()
        if self.batch < 1 or self.steps < 1:
            raise TrainingError(
                f"batch and steps must be at least 1, got {self.batch} and {self.steps}"
            )
        names = [style.name for style in self.styles]
        if not names or len(set(names)) < len(names) or "original" in names:
            raise TrainingError(
                f"styles need different names, at least one and none called original, got {names}"
            )

    def _check_sizes_and_shares(self) -> None:
        low, high = self.short_side_px
        if not 64 <= low <= high:
            raise TrainingError(
                "short_side_px must be the smallest and the largest, at least 64, "
                f"got {list(self.short_side_px)}"
            )
        if self.painting_px < 64:
            raise TrainingError(f"painting_px must be at least 64, got {self.painting_px}")
        if min(self.layer_weights) < 0 or not any(self.layer_weights):
            raise TrainingError(
                "layer_weights must not be negative, and one must be more than 0, "
                f"got {list(self.layer_weights)}"
            )
        if self.network.get("canvas", 0) not in (0, CHANNELS):
            raise TrainingError(
                f"network: canvas must be 0 or {CHANNELS}, got {self.network['canvas']}"
            )
        if self.crop_px % (8 * self.cell_px):
            raise TrainingError(
                f"crop_px must be a multiple of {8 * self.cell_px} with network: "
                f"fine_px: {self.cell_px // 2}, got {self.crop_px}"
            )


class _Loader(yaml.SafeLoader):
    """Reads 1e-3 as a number, as YAML 1.2 does; PyYAML follows 1.1, where it is a word."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def load_config(path: Path) -> TrainingConfig:
    """Read and check a config.

    ``extends: FILE`` takes what it does not say from the file beside it. Raises TrainingError
    naming the key that is missing, unknown or of the wrong type.
    """
    raw = read_settings(path)
    if base := raw.pop("extends", None):
        raw = {**read_settings(path.parent / str(base)), **raw}
    try:
        return msgspec.convert(raw, TrainingConfig)
    except msgspec.ValidationError as error:
        raise TrainingError(f"{path}: {_explain(str(error), raw)}") from error


def read_settings(path: Path) -> dict[str, Any]:
    """Return a YAML file's settings as they stand there. Raises TrainingError."""
    try:
        raw = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except (OSError, yaml.YAMLError) as error:
        raise TrainingError(
            f"{path}: not a readable YAML file ({error}). Start from one in training/configs/."
        ) from error
    if not isinstance(raw, dict):
        raise TrainingError(
            f"{path}: must be a mapping of settings. Start from one in training/configs/."
        )
    return raw


_FAULT = re.compile(
    r"(?P<kind>Expected|Object missing required field|Object contains unknown field) "
    r"`(?P<name>[^`]+)`(?: of length (?P<length>\d+))?(?:, got [^ ]+)?"
    r"(?: - at `\$\.?(?P<place>[^`]*)`)?"
)
_ALLOWED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "str": "text",
    "array": "a list, such as [a, b] or []",
    "object": "a mapping of settings",
}


def _explain(message: str, raw: dict[str, Any]) -> str:
    """Return what msgspec found in ``raw`` as: which key, what is wrong, what is allowed."""
    fault = _FAULT.fullmatch(message)
    if not fault:
        return message
    kind, name, length, place = fault.group("kind", "name", "length", "place")
    inside = f"{place}: " if place else ""
    if kind == "Object missing required field":
        return f"{inside}{name} is missing"
    if kind == "Object contains unknown field":
        holder = {None: TrainingConfig, "weights": LossWeights}.get(place, StyleConfig)
        return f"{inside}unknown {name}. Known: {', '.join(sorted(holder.__struct_fields__))}."
    allowed = f"a list of {length}" if length else _ALLOWED.get(name, name)
    return f"{place} must be {allowed}, got {_value_at(raw, place)!r}"


def _value_at(raw: Any, place: str) -> Any:
    """Return what ``raw`` holds at ``place``, such as styles[0].weight."""
    for key, index in re.findall(r"(\w+)|\[(\d+)\]", place):
        raw = raw[key] if key else raw[int(index)]
    return raw
