"""Configs of fast-neural-style in TensorFlow (``conf/NAME.yml``), read as runs of ours.

Keys and their meaning are those of hzy46's code; what a weight of theirs is here was set so that
their usual ones are usual ones of ours.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import msgspec

from engines.errors import TrainingError
from training.config import LossWeights, StyleConfig, TrainingConfig, load_config, read_settings
from training.data import photo_files
from training.losses import CONTENT_LAYER, STYLE_LAYERS

PHOTOS = "train2014"
"""Where such code has its photos."""
STYLE_SHARE = 0.3
"""Our weight of a style loss, for one of theirs: 100 is 30."""
# For one of our style weight, as in the bundled model's config.
_TEMPORAL, _RELATIVE, _GRID, _STATISTICS = 6.7, 0.004, 57.0, 0.1
_NETWORK = {"fine_px": 4, "width": 48, "deep": 64, "blocks": 4, "canvas": 2}
_CELLS_PX = 64  # image_size must be a multiple of
_PASSED_OVER = ("model_path", "loss_model_file", "checkpoint_exclude_scopes")


class ClassicConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of that layout, with its code's usual values."""

    style_image: str
    naming: str
    content_weight: float = 1.0
    style_weight: float = 100.0
    tv_weight: float = 0.0
    image_size: int = 256
    batch_size: int = 4
    epoch: int = 2
    loss_model: str = "vgg_16"
    content_layers: list[str] = msgspec.field(default_factory=list)
    style_layers: list[str] = msgspec.field(default_factory=list)
    model_path: str = ""
    loss_model_file: str = ""
    checkpoint_exclude_scopes: str = ""


def load_any_config(path: Path, data: Path, say: Callable[[str], None]) -> TrainingConfig:
    """Read a config of ours or a classic one, whose photos are those in ``data``.

    What a classic one becomes is told to ``say``. Raises TrainingError.
    """
    raw = read_settings(path)
    if "naming" not in raw and "style_image" not in raw:
        return load_config(path)
    try:
        classic = msgspec.convert(raw, ClassicConfig)
    except msgspec.ValidationError as error:
        known = ", ".join(ClassicConfig.__struct_fields__)
        raise TrainingError(
            f"{path}: is a config of fast-neural-style, but: {error}. Known: {known}."
        ) from error
    _check(path, classic)
    config = _as_ours(path, classic, data)
    weights = config.weights
    say(
        f"{path}: a config of fast-neural-style. {config.steps} steps for epoch {classic.epoch}; "
        f"style_weight {classic.style_weight:g} is {weights.style:g} here, tv_weight "
        f"{classic.tv_weight:g} is {weights.tv:g}; and losses that keep it steady, which it had "
        "not"
    )
    passed_over = [name for name in _PASSED_OVER if name in raw]
    if passed_over:
        say(f"passed over: {', '.join(passed_over)}. --out and --vgg say that here")
    return config


def _check(path: Path, classic: ClassicConfig) -> None:
    if classic.loss_model != "vgg_16":
        raise TrainingError(
            f"{path}: loss_model must be vgg_16, which is what is measured by here, got "
            f"{classic.loss_model!r}."
        )
    if classic.image_size < _CELLS_PX or classic.image_size % _CELLS_PX:
        raise TrainingError(
            f"{path}: image_size must be a multiple of {_CELLS_PX}, such as 256, got "
            f"{classic.image_size}."
        )
    for name, ours in (("content_layers", (CONTENT_LAYER,)), ("style_layers", STYLE_LAYERS)):
        theirs = getattr(classic, name)
        if theirs and sorted(_as_relu(layer) for layer in theirs) != sorted(ours):
            allowed = ", ".join(f"vgg_16/conv{n[4]}/conv{n[4:]}" for n in ours)
            raise TrainingError(f"{path}: {name} must be {allowed}, got {', '.join(theirs)}.")
    for name in ("content_weight", "style_weight", "tv_weight", "batch_size", "epoch"):
        if getattr(classic, name) < (name in ("batch_size", "epoch")):
            raise TrainingError(f"{path}: {name} is too small: {getattr(classic, name):g}.")


def _as_relu(layer: str) -> str:
    return layer.rsplit("/", 1)[-1].replace("conv", "relu")


def _as_ours(path: Path, classic: ClassicConfig, data: Path) -> TrainingConfig:
    places = (Path.cwd(), data, path.resolve().parent.parent, path.resolve().parent)
    found = [place / classic.style_image for place in places]
    image = next((file for file in found if file.is_file()), None)
    if image is None:
        raise TrainingError(
            f"{path}: style_image {classic.style_image} is not there. It is looked for from here, "
            "in --data, and beside the config and one folder above it."
        )
    name = re.sub(r"[^a-z0-9]+", "_", classic.naming.lower()).strip("_")
    if not name or name == "original":
        raise TrainingError(
            f"{path}: naming must have a letter or a digit, and not be original, got "
            f"{classic.naming!r}."
        )
    photos = PHOTOS if (data / PHOTOS).is_dir() else "."
    count = len(photo_files(data / photos, ()))
    style = STYLE_SHARE * classic.style_weight
    about = ("", "", "yours to know", image.name)
    return TrainingConfig(
        name=name,
        family="fast",
        network=dict(_NETWORK),
        styles=(StyleConfig(name, str(image.resolve()), classic.naming, *about),),
        photos=photos,
        previews=(),
        crop_px=classic.image_size,
        painting_px=classic.image_size,
        short_side_px=(classic.image_size * 1.05, classic.image_size * 1.7),
        batch=classic.batch_size,
        steps=max(1, classic.epoch * count // classic.batch_size),
        smoothing=(0.02, 0.2),
        weights=LossWeights(
            content=classic.content_weight,
            style=style,
            statistics=_STATISTICS * style,
            tv=1 + classic.tv_weight,
            temporal=_TEMPORAL * style,
            relative=_RELATIVE * style,
            grid=_GRID * style,
        ),
    )
