"""`python -m training unpaired A/ B/`: two sets of pictures, and a translator each way."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines.atomic_write import atomic_write
from engines.errors import UsageError
from engines.folders import user_models_dir
from training.commands.distil import check_taken
from training.commands.flags import add_device, add_vgg, check_device

if TYPE_CHECKING:
    from engines.model_file import ModelFile
    from training.unpaired.trainer import UnpairedTrainer
    from training.vgg import Vgg16

FAMILIES = ("fast", "resnet", "ugatit-light")
_MINUTES = 180.0
_PHASES = 4
_SIZES_PX, _SIZE_STEP_PX = (64, 512), 32
_CHECKED_ON = 12  # pictures that a model file is calibrated and checked on
_TIMED_STEPS = 10  # until it is said how long one takes; the first prepares
_ROUNDS = 200  # over the pictures, of CycleGAN's paper
_TIMED_FRAME = (240, 320)
_FAST_ON_GPU = 8  # pictures a step: one would leave a GPU idle
_EXPECTED = {
    ("fast", False): "palette and texture of the second set on what the first shows; no new "
    "shapes. It tints first; texture takes hours of a CPU. It plays live as it is.",
    ("fast", True): "palette and texture of the second set on what the first shows; no new "
    "shapes. It tints first; texture takes tens of thousands of steps. It plays live as it is.",
    ("resnet", False): "nothing of use on a CPU, where a step takes tens of seconds: weeks for "
    "what hours on a GPU give. For a CPU there is --family fast.",
    ("resnet", True): "palette, texture and small changes of shape, not before some 50,000 steps. "
    "It is heavy and paints frame by frame: for live it goes through `distil`.",
    ("ugatit-light", False): "nothing of use on a CPU, where a step takes tens of seconds: "
    "months for what a day on a GPU gives. For a CPU there is --family fast.",
    ("ugatit-light", True): "changes of shape, too, such as faces to drawn ones, if both sets show "
    "the same kind of thing at the same size. Its authors took 1,000,000 steps; before some 50,000 "
    "little is to be seen. It is heavy and paints frame by frame: for live it goes through "
    "`distil`.",
}
_EXAMPLES = """
examples:
  python -m training unpaired photos/ impressionists/               on a CPU, overnight
  python -m training unpaired photos/ monet/ --minutes 600 --resume it goes on where it was
  python -m training unpaired selfies/ anime/ --family ugatit-light --device cuda

The two folders need no pairs: some hundred pictures of one kind, and as many of the other. Two
styles come out, NAME from A to B and NAME_back from B to A.
"""


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command and its flags."""
    parser = commands.add_parser(
        "unpaired",
        help="a style from two folders of pictures without pairs (CycleGAN, U-GAT-IT)",
        description="Train two translators, from the pictures in A to those in B and back, and put "
        "them among your models.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "first", type=Path, metavar="A", help="folder of what there is, such as photos"
    )
    parser.add_argument("second", type=Path, metavar="B", help="folder of what it shall look like")
    parser.add_argument(
        "--family",
        choices=FAMILIES,
        default="fast",
        help="fast: small, trains on a CPU, plays live; resnet: CycleGAN's; ugatit-light: "
        "of U-GAT-IT (default: fast)",
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=_MINUTES,
        help=f"time to learn (default: {_MINUTES:g})",
    )
    parser.add_argument("--name", help="the style's name (default: from the folder B)")
    parser.add_argument(
        "--size",
        type=int,
        metavar="PX",
        help="side of the squares that are learnt from (default: 128 for fast, else 256)",
    )
    parser.add_argument("--seed", type=int, default=0, help="another one draws other squares")
    parser.add_argument("--out", type=Path, help="folder of the run (default: runs/NAME)")
    parser.add_argument(
        "--resume", action="store_true", help="go on with the run in its folder, or train longer"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="begin anew although the folder holds a run"
    )
    add_vgg(
        parser,
        "VGG16 weights, with which `fast` learns several times as much in a step and which measure "
        "at the end how near it comes: Caffe-convention safetensors or torchvision's vgg16 "
        "(default: neither)",
    )
    add_device(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Train both translators, write their models and say what they are worth.

    Raises UsageError, TrainingError, ExportError or EngineError.
    """
    from export.foreign.asked import slug
    from training.vgg import load_vgg

    _check(args)
    name = slug(args.name or args.second.resolve().name)
    names = (name, slug(f"{name[:59]}_back"))
    folder = args.out or Path("runs") / name
    has_run = (folder / "checkpoint.pt").is_file()
    if has_run and not (args.resume or args.overwrite):
        raise UsageError(
            f"{folder} holds a run already. Go on with --resume, begin anew with --overwrite, or "
            "choose another --out."
        )
    for style in names:
        check_taken(style, has_run)
    check_device(args.device)
    # Before hours of training, so that a wrong file is said at once.
    vgg = load_vgg(args.vgg).to(args.device) if args.vgg else None
    trainer = _begin(args, names, folder, vgg)
    try:
        _learn(trainer, 60 * args.minutes)
    except (KeyboardInterrupt, SystemExit):
        print(f"{folder} keeps what there is. Go on with the same and --resume.")
        raise
    _say_phase(4, "writing both models and checking them")
    made = [_install(trainer, way) for way in range(2)]
    _report(trainer, made, vgg)
    _say_next(trainer, made, args)


def _check(args: argparse.Namespace) -> None:
    for folder in (args.first, args.second):
        if not folder.is_dir():
            raise UsageError(f"{folder}: no such folder of pictures.")
    if args.first.samefile(args.second):
        raise UsageError(
            f"{args.second}: is the first folder again. Give two: what there is, and what it shall "
            "look like."
        )
    if not 0.05 <= args.minutes <= 60_000:
        raise UsageError(f"--minutes must lie between 0.05 and 60000, not {args.minutes:g}.")
    low, high = _SIZES_PX
    if args.size is not None and (args.size % _SIZE_STEP_PX or not low <= args.size <= high):
        raise UsageError(
            f"--size must be a multiple of {_SIZE_STEP_PX} between {low} and {high}, "
            f"not {args.size}."
        )
    if args.seed < 0:
        raise UsageError(f"--seed must be 0 or more, not {args.seed}.")
    if args.resume and args.overwrite:
        raise UsageError("--resume goes on with a run, --overwrite begins anew: give one of them.")


def _begin(
    args: argparse.Namespace, names: tuple[str, str], folder: Path, vgg: Vgg16 | None
) -> UnpairedTrainer:
    """Read both sets, say what can be expected, and return the trainer, resumed if asked for."""
    from training.unpaired.augment import SMALL_SET
    from training.unpaired.kinds import KINDS
    from training.unpaired.pictures import read_set
    from training.unpaired.trainer import UnpairedTrainer

    kind = KINDS[args.family]
    size_px = args.size or kind.default_px
    _say_phase(1, f"reading the pictures in {args.first} and {args.second}")
    lines_px = kind.seen_lines_px(size_px)[1]
    sets = (read_set(args.first, lines_px, _say), read_set(args.second, lines_px, _say))
    batch = _FAST_ON_GPU if args.family == "fast" and args.device != "cpu" else 1
    trainer = UnpairedTrainer(
        kind, sets, folder, names, size_px, args.seed, args.device, batch, vgg
    )
    if args.resume:
        trainer.resume()
    counts = " and ".join(f"{len(s.learnt)} of {s.folder}" for s in sets)
    held = " and ".join(str(len(s.held)) for s in sets)
    _say(f"learnt from: {counts}; held out to look at: {held}")
    if trainer.is_small:
        _say(
            f"a set of fewer than {SMALL_SET} is small: what is judged is moved, cut and recoloured"
        )
    _say_phase(2, "what can be expected")
    _say(_EXPECTED[args.family, args.device != "cpu"])
    return trainer


def _say_phase(number: int, text: str) -> None:
    print(f"{number}/{_PHASES} {text}", flush=True)


def _say(text: str) -> None:
    print(f"    {text}", flush=True)


def _learn(trainer: UnpairedTrainer, seconds: float) -> None:
    """Train for what is left of ``seconds``."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    left_s = seconds - trainer.spent_s
    if left_s <= 0 and trainer.step:
        _say(f"the {seconds / 60:g} minutes are spent; with more --minutes it trains longer")
        return
    goes_on = f"goes on after {trainer.step} steps; " if trainer.step else ""
    _say_phase(
        3,
        f"{goes_on}learning for {left_s / 60:.1f} minutes; {trainer.folder}/previews/ and "
        "losses.png show how it comes along",
    )
    first, begun_s = trainer.step, 0.0
    columns = (BarColumn(), TextColumn("{task.fields[words]}"), TimeRemainingColumn())
    with Progress(*columns, refresh_per_second=1) as progress:
        task = progress.add_task("learn", total=seconds, completed=trainer.spent_s, words="")

        def show(step: int, spent_s: float) -> None:
            nonlocal begun_s
            done = step - first
            begun_s = begun_s or time.monotonic()
            if done == 1 + _TIMED_STEPS:
                step_s = (time.monotonic() - begun_s) / _TIMED_STEPS
                pace = _say_pace(trainer, step_s, seconds - spent_s)
                progress.console.print(f"    {pace}", soft_wrap=True, highlight=False)
            progress.update(task, completed=spent_s, words=_say_losses(trainer, step))

        trainer.fit_for(seconds, show)


def _say_pace(trainer: UnpairedTrainer, step_s: float, left_s: float) -> str:
    rounds = _ROUNDS * max(len(pictures.learnt) for pictures in trainer.sets)
    steps = trainer.step + round(left_s / max(step_s, 1e-9))
    return (
        f"a step takes {step_s:.2f} s here: about {steps:,} of them in all; the {_ROUNDS} rounds "
        f"over the pictures of CycleGAN's paper would be {round(rounds / trainer.batch):,}"
    )


def _say_losses(trainer: UnpairedTrainer, step: int) -> str:
    last = trainer.history[-1] if trainer.history else {}
    shown = [f"{name} {value:.2f}" for name, value in last.items() if name in _SHOWN]
    return " ".join([f"step {step:,}", *shown])


_SHOWN = ("adversarial", "cycle", "discriminators")


def _install(trainer: UnpairedTrainer, which: int) -> ModelFile:
    """Put one translator among the user's models, past the gates of every model.

    Raises ExportError.
    """
    from engines.model_file import load_model
    from engines.parity import FEW_SIZES, WITH_STATISTICS
    from export.write import write_model, write_model_and_int8
    from training.unpaired.trainer import DIRECTIONS

    weights = trainer.folder / f"{DIRECTIONS[which]}.safetensors"
    target = user_models_dir() / f"{trainer.names[which]}.onnx"
    pictures = trainer.sets[which].held[:_CHECKED_ON]
    if trainer.kind.is_heavy:
        write_model(weights, target, pictures, _say, FEW_SIZES, WITH_STATISTICS)
    else:
        write_model_and_int8(weights, target, pictures, _say)
    print(f"wrote {target}")
    return load_model(target)


def _report(trainer: UnpairedTrainer, made: list[ModelFile], vgg: Any) -> None:
    """Measure the way from A to B, say it, and write report.json."""
    figures: dict[str, Any] = {"steps": trainer.step, "seconds": trainer.spent_s}
    figures["frame_ms"] = _time_frame(made[0], trainer.names[0])
    if vgg is not None:
        from training.evaluate.kernel_distance import way_gone
        from training.preview import stylise_photo

        photos, paintings = (pictures.held for pictures in trainer.sets)
        network = trainer.settled("there")
        photos = [_at_lines(trainer, photo) for photo in photos]
        translated = [stylise_photo(network, photo, 0, 1) for photo in photos]
        way = way_gone(vgg, photos, translated, paintings)
        figures |= {"untouched": way.untouched, "translated": way.translated, "gone": way.share}
        first, second = (pictures.folder.resolve().name for pictures in trainer.sets)
        print(
            f"{100 * way.share:.0f} % of what lies between untouched {first} and {second} is gone "
            f"(kernel distance of VGG16's relu4_3: {way.untouched:.3f}, now {way.translated:.3f}; "
            f"{len(photos)} and {len(paintings)} held-out pictures)"
        )
    with atomic_write(trainer.folder / "report.json") as written:
        written.write_text(json.dumps(figures, indent=2), encoding="utf-8")


def _at_lines(trainer: UnpairedTrainer, photo: Any) -> Any:
    from training.data import resize_short_side

    return resize_short_side(photo, trainer.kind.painted_px(trainer.size_px))


def _time_frame(model: ModelFile, style: str) -> float:
    """Return what a small frame takes, in ms, the second of two."""
    import numpy as np

    from training.evaluate.steadiness import open_paint

    frame = np.full((*_TIMED_FRAME, 3), 128, np.uint8)
    with open_paint(model, style, _TIMED_FRAME) as paint:
        paint(frame)
        begun_s = time.perf_counter()
        paint(frame)
    return 1000 * (time.perf_counter() - begun_s)


def _say_next(trainer: UnpairedTrainer, made: list[ModelFile], args: argparse.Namespace) -> None:
    there, back = (model.name for model in made)
    if not trainer.kind.is_heavy:
        print(f"Try: python run_cam.py -s {there}   (and back: -s {back})")
        return
    height, width = _TIMED_FRAME
    report = json.loads((trainer.folder / "report.json").read_text(encoding="utf-8"))
    print(
        f"{there} is heavy: {report['frame_ms']:.0f} ms for a frame of {width}x{height} here, and "
        "each frame is painted for itself, so it flickers. A still or a file: python "
        f"stylize_video.py photo.jpg --model {there}\n"
        f"To play it live: python -m training distil {there} --photos {args.first} "
        f"--name {there}_live"
    )
