"""`python -m training add-style PAINTING`: one's own style, from one picture, in minutes."""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from engines.errors import ModelError, UsageError
from engines.folders import user_models_dir
from engines.style_row import ENDING
from training.commands.flags import add_device, add_vgg, check_device

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from engines.predictor import Predictor
    from training.config import StyleConfig, TrainingConfig
    from training.filmed import Filmed
    from training.loop import Trainer
    from training.vgg import Vgg16

USER_MODEL = "user"
_MINUTES = 6.0
_TIMED_STEPS = 8  # they tell how many more fit into the minutes
_PREVIEWS = 12
_WEIGHED_STEPS = 20  # between two looks at how far it is
_MOST_PHOTOS = 200  # more would not be seen in these minutes, only decoded
_PREVIEW_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
_RELIGHT_SHARE = 0.8
_ROW_RATE = 20.0  # times the network's rate: nothing else moves
_VGG_SCALES = (
    0.5,
    0.75,
    0.75,
)  # with the network kept, the finest detail comes out clean without being looked at
_NAME = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command and its flags."""
    add = commands.add_parser(
        "add-style",
        help="a style of your own from one picture",
        description="Train a style from one picture and add it to your own model, "
        f"{USER_MODEL}.onnx.",
    )
    add.add_argument("painting", type=Path, help="a picture of the painting, without its frame")
    add.add_argument("--name", help="the style's name (default: from the file's)")
    add.add_argument(
        "--minutes", type=float, default=_MINUTES, help=f"time to train (default: {_MINUTES:g})"
    )
    add.add_argument(
        "--photos",
        type=Path,
        metavar="DIR|CLIP",
        help="photos like what you film, ten are enough, or a clip "
        "(default: seven that scikit-image and matplotlib carry)",
    )
    add.add_argument(
        "--strokes",
        type=float,
        default=1.0,
        metavar="0.5..3",
        help="2 makes strokes twice as broad (default: 1)",
    )
    add.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="NAME.row",
        help="write the style as a file that can be given to others, again and again while it gets "
        "better, and leave your own model as it is",
    )
    add.add_argument(
        "--preview",
        type=Path,
        help="picture that shows how it comes along (default: NAME_preview.jpg here)",
    )
    add_vgg(add)
    add_device(add)
    add.set_defaults(run=run)


@dataclass(frozen=True)
class Base:
    """What the new style is added to.

    weights: the file; header: its own; styles: as the header lists them, with ``original``.
    """

    weights: Path
    header: dict[str, str]
    styles: list[dict[str, str]]

    @property
    def names(self) -> list[str]:
        """Return the styles' names, ``original`` first."""
        return [style["name"] for style in self.styles]


def run(args: argparse.Namespace) -> None:
    """Train a style from one picture and add it to the user's model.

    Raises UsageError, SourceError, TrainingError or ExportError.
    """
    _check(args)
    from export.pictures import read_pictures
    from training.balance import in_words
    from training.filmed import Filmed
    from training.photos import gather_photos
    from training.vgg import load_vgg

    base = find_base(own=args.output is None)
    named = args.painting if args.output is None else args.output
    name = args.name or re.sub(r"[^a-z0-9]+", "_", named.stem.lower()).strip("_")
    _check_name(name, base.names if args.output is None else [])
    check_device(args.device)
    phases = 4 if args.output is None else 3
    _say_phase(1, phases, "reading the painting and the photos")
    vgg = load_vgg(args.vgg)
    with tempfile.TemporaryDirectory(prefix="livebrush-") as folder:
        photos = gather_photos(args.photos, Path(folder) / "photos")
        config = style_config(name, args.painting, photos, args.strokes)
        trainer = build_trainer(config, photos.parent, vgg, Path(folder) / "run", args.device, base)
        pictures = read_pictures(photos if args.photos else None, 4)
        filmed = Filmed(trainer)
        begin(trainer, base, filmed, lambda text: _say_phase(2, phases, text))
        preview = args.preview or Path(f"{name}_preview.jpg")
        _say_phase(
            3,
            phases,
            f"training for {args.minutes:g} minutes on {len(trainer.files)} photos; {preview} "
            "shows how it comes along",
        )
        row = args.output
        keep = partial(save_row, trainer, row, args.painting) if row else lambda: None
        train(trainer, filmed, args.minutes * 60, preview, keep)
        result = in_words(filmed.measure())
        if row:
            print(f"{name} is {result}.")
            print(f"wrote {row}. Try: python run_cam.py -s {row}")
            return
        _say_phase(
            4, phases, "writing the model, and checking that it paints the same in every engine"
        )
        weights = Path(folder) / f"{USER_MODEL}.safetensors"
        save_merged(base, trainer, weights)
        target = install(weights, pictures)
    print(f"{name} is {result}.")
    print(f"{target} has it, beside {len(base.names) - 1} others. Try: python run_cam.py -s {name}")


def _say_phase(number: int, phases: int, text: str) -> None:
    print(f"{number}/{phases} {text}", file=sys.stderr, flush=True)


def _check(args: argparse.Namespace) -> None:
    if not args.painting.is_file():
        raise UsageError(f"{args.painting}: no such picture.")
    if args.photos and not args.photos.exists():
        raise UsageError(f"--photos {args.photos}: no such folder or clip.")
    if not 0.05 <= args.minutes <= 600:
        raise UsageError(f"--minutes must lie between 0.05 and 600, not {args.minutes:g}.")
    if not 0.5 <= args.strokes <= 3:
        raise UsageError(f"--strokes must lie between 0.5 and 3, not {args.strokes:g}.")
    if args.output and args.output.suffix != ENDING:
        raise UsageError(f"-o {args.output}: a style's row is called NAME{ENDING}.")
    if args.preview and args.preview.suffix.lower() not in _PREVIEW_SUFFIXES:
        raise UsageError(
            f"--preview {args.preview}: its name must end in one of {', '.join(_PREVIEW_SUFFIXES)}."
        )


def _check_name(name: str, taken: list[str]) -> None:
    if name in taken:
        raise UsageError(
            f"the name {name!r} is taken. Choose another with --name. Taken: {', '.join(taken)}."
        )
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"the name {name!r} must be small letters and digits with _ between. Choose another "
            "with --name."
        )


def find_base(own: bool = True) -> Base:
    """Return the user's own model if there is one, else the bundled; that one without ``own``.

    Raises ModelError if it has no weights beside it.
    """
    from engines.model_file import load_model
    from engines.models import find_model
    from engines.networks.weights import load_weights

    users = user_models_dir() / f"{USER_MODEL}.onnx"
    model = load_model(users) if own and users.is_file() else find_model("gallery", [])
    if model.weights_path is None:
        raise ModelError(
            f"{model.path}: has no .safetensors weights beside it, so no style can be added to it."
        )
    header = load_weights(model.weights_path)[1]
    return Base(model.weights_path, header, json.loads(header["styles"]))


def style_config(name: str, painting: Path, photos: Path, texture: float) -> TrainingConfig:
    """Return the run: the gallery's losses on the user's photos, with one row learnt.

    The network is kept. Sizes are the base network's.
    """
    from msgspec.structs import replace

    from training.config import StyleConfig, load_config

    gallery = load_config(Path(__file__).parents[1] / "configs" / "gallery.yaml")
    style = StyleConfig(
        name,
        str(painting.resolve()),
        name,
        "yours",
        "",
        "yours to know",
        painting.name,
        1.0,
        texture,
    )
    return replace(
        gallery,
        name=USER_MODEL,
        styles=(style,),
        photos=photos.name,
        exclude_licence=(),
        clips=(),
        previews=(),
        relight_share=_RELIGHT_SHARE,
        vgg_scales=_VGG_SCALES,
        row_rate=_ROW_RATE,
        rows_only=True,
        blend_share=0.0,
        smoothing=(0.0, 0.1),
    )


def build_trainer(
    config: TrainingConfig, data: Path, vgg: Vgg16, folder: Path, device: str, base: Base
) -> Trainer:
    """Return a trainer of a network of the base's size, on 200 photos at most."""
    from msgspec.structs import replace

    from training.data import spread
    from training.loop import Trainer

    trainer = Trainer(
        replace(config, network=json.loads(base.header["config"])), data, vgg, folder, device
    )
    trainer.files = spread(trainer.files, _MOST_PHOTOS)
    return trainer


def begin(
    trainer: Trainer, base: Base, filmed: Filmed, say: Callable[[str], None] = lambda _: None
) -> None:
    """Give the trainer the base's network, and a row to begin with.

    It is the row that is predicted from the painting. The predictor knows the bundled network
    alone; on another one it is the row of the style that is nearest to the painting already.
    """
    from engines.networks.weights import load_weights, network_hash
    from engines.predictor import Predictor

    network = load_weights(base.weights)[0]
    predictor = Predictor()
    if predictor.network == network_hash(network):
        say("predicting how it is painted, to begin with that")
        row = _predicted(predictor, trainer.config.styles[0])
    else:
        say(f"finding the nearest of {len(base.names) - 1} styles, to begin with it")
        row = _nearest(trainer, network.state_dict(), filmed)
    trainer.network.load_state_dict({**network.state_dict(), "rows": row[None]})


def _predicted(predictor: Predictor, style: StyleConfig) -> Tensor:
    """Return the row (R,) that paints like the style's picture, its strokes as broad as asked."""
    import torch

    from engines.predictor import SCALE_RANGE, predictor_view
    from training.data import read_photo

    low, high = SCALE_RANGE
    view = predictor_view(read_photo(Path(style.image)), min(max(style.texture, low), high))
    return torch.from_numpy(predictor.predict(view).copy())


def _nearest(trainer: Trainer, state: dict[str, Tensor], filmed: Filmed) -> Tensor:
    """Return the one of the rows in ``state`` whose pictures are nearest to the painting."""
    from rich.progress import track

    distances = []
    for row in track(state["rows"], description=""):
        trainer.network.load_state_dict({**state, "rows": row[None]})
        distances.append(filmed.measure().style)
    return state["rows"][min(range(len(distances)), key=distances.__getitem__)]


def train(
    trainer: Trainer,
    filmed: Filmed,
    seconds: float,
    preview: Path,
    keep: Callable[[], None] = lambda: None,
) -> None:
    """Run for about ``seconds``; ``preview`` is replaced a dozen times on the way.

    keep: called then too. Where no terminal shows the bar, lines say how far it is.
    """
    from msgspec.structs import replace
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from training.balance import Balance, in_words
    from training.preview import save_style_preview

    balance = Balance()
    painting = Path(trainer.config.styles[0].image)
    started_s, shown = 0.0, 0
    with Progress(
        BarColumn(),
        TextColumn("{task.fields[words]}"),
        TimeRemainingColumn(),
        refresh_per_second=1,
    ) as progress:
        task, words = progress.add_task("add-style", total=seconds, words=""), ""

        def show(step: int, _: dict[str, float]) -> None:
            nonlocal started_s, shown, words
            started_s = started_s or time.monotonic()  # reading the photos does not count
            elapsed_s = time.monotonic() - started_s
            if step % _TIMED_STEPS == 0:  # again and again: other programs come and go
                steps = step + round((seconds - elapsed_s) * (step - 1) / elapsed_s)
                trainer.config = replace(trainer.config, steps=max(step, steps))
            if step % _WEIGHED_STEPS == 1:
                now = filmed.measure()
                balance.see(now)
                trainer.style_weights.fill_(balance.style_weight)
                trainer.face_weight, trainer.smoothing_weight = (
                    balance.face_weight,
                    balance.smoothing_weight,
                )
                words = in_words(now)
                progress.update(task, words=words)
            if elapsed_s >= shown * seconds / _PREVIEWS or step == trainer.config.steps:
                after = f"{elapsed_s / 60:.1f} of {seconds / 60:g} minutes"
                lines = [trainer.config.styles[0].name, after, *words.split(", ")]
                save_style_preview(preview, trainer.network, trainer.files, painting, lines)
                keep()
                if not sys.stderr.isatty():  # at each preview: on slow machines steps are far apart
                    done = min(100, 100 * elapsed_s / seconds)
                    print(f"trained {done:.0f} %: {words}", file=sys.stderr, flush=True)
                shown = 1 + int(elapsed_s * _PREVIEWS / seconds)
            progress.update(task, completed=elapsed_s)

        trainer.fit(show)


def save_row(trainer: Trainer, path: Path, painting: Path) -> None:
    """Write the row as it is now to ``path``, as a style that is called like the file."""
    from hashlib import sha256

    from engines.networks.weights import network_hash
    from engines.style import Style
    from engines.style_row import StyleRow, write_row

    values = trainer.network.rows.detach()[0].cpu().float().numpy()
    style = Style(
        path.stem, painting.stem.replace("_", " "), source="trained on a picture of yours"
    )
    digest = sha256(values.tobytes()).hexdigest()
    write_row(path, StyleRow(style, values, network_hash(trainer.network), digest))


def save_merged(base: Base, trainer: Trainer, path: Path) -> None:
    """Write the base's weights with the trained row as one more style to ``path``."""
    import torch

    from engines.networks import build_network
    from engines.networks.layers import settle_bytes
    from engines.networks.weights import load_weights, save_weights

    state = load_weights(base.weights)[0].state_dict()
    state["rows"] = torch.cat([state["rows"], trainer.network.rows.detach().cpu()])
    family, network_config = base.header["family"], json.loads(base.header["config"])
    network = build_network(family, len(base.styles), **network_config)
    network.load_state_dict(state)
    trained = trainer.metadata()
    history = json.loads(base.header.get("training", "{}"))
    history["added"] = [*history.get("added", []), json.loads(trained["training"])]
    styles = [*base.styles, json.loads(trained["styles"])[1]]
    metadata = {"name": USER_MODEL, "styles": json.dumps(styles), "training": json.dumps(history)}
    if "canvas" in base.header:
        metadata["canvas"] = base.header["canvas"]
    save_weights(path, settle_bytes(network), family, network_config, metadata)


def install(weights: Path, pictures: list[np.ndarray]) -> Path:
    """Write ``user.onnx`` and its int8 sibling into the user's models folder.

    Each has to pass its parity gate on ``pictures``, (H, W, 3) uint8 RGB. Returns the former.
    """
    from export.write import write_model_and_int8

    target = user_models_dir() / f"{USER_MODEL}.onnx"
    write_model_and_int8(weights, target, pictures, print)
    return target
