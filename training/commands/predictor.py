"""`python -m training predictor`: any picture as a style, in the row that paints like it."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from engines.errors import UsageError
from training.commands.flags import (
    BUNDLED_WEIGHTS,
    PREDICTOR_CONFIG,
    add_device,
    add_vgg,
    check_device,
)

if TYPE_CHECKING:
    from training.config import TrainingConfig
    from training.predictor.guess import Guessing
    from training.predictor.loop import PredictorRun
    from training.predictor.views import Seen
    from training.vgg import Vgg16

_HELD_SEED, _SAY_EVERY = 1, 50


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command and its flags."""
    predictor = commands.add_parser(
        "predictor",
        help="any picture as a style: train what finds its row",
        description="Train the network that finds, for any picture, the row of the bundled network "
        "that paints like it. Runs in slices: --resume goes on where the last one ended.",
    )
    predictor.add_argument(
        "--config",
        type=Path,
        default=PREDICTOR_CONFIG,
        help="default: training/configs/predictor.yaml",
    )
    predictor.add_argument(
        "--data",
        type=Path,
        default=Path("."),
        help="folder that holds content/, paintings/ and clips/ (default: here)",
    )
    predictor.add_argument(
        "--from",
        dest="bundled",
        type=Path,
        default=BUNDLED_WEIGHTS,
        metavar="WEIGHTS",
        help="the network that the rows are for (default: the bundled one)",
    )
    predictor.add_argument("--out", type=Path, help="folder of the run (default: runs/predictor)")
    predictor.add_argument(
        "--keep",
        type=Path,
        metavar="PREDICTOR.onnx",
        help="train nothing: write into --out what this one becomes for --from, its network after "
        "more training",
    )
    predictor.add_argument(
        "--minutes",
        type=float,
        default=1e6,
        metavar="M",
        help="stop after so long, kept for --resume (default: when everything is done)",
    )
    predictor.add_argument("--resume", action="store_true", help="go on with the run in --out")
    predictor.add_argument(
        "--views",
        type=int,
        default=1600,
        help="views of pictures that are looked at before (default: 1600)",
    )
    predictor.add_argument("--steps", type=int, help="steps of the rows (default: the config's)")
    predictor.add_argument(
        "--guess-steps",
        type=int,
        default=12_000,
        help="steps of the small network that ships instead of VGG16 (default: 12000)",
    )
    add_vgg(predictor)
    add_device(predictor)
    predictor.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Look at views, learn rows, learn to guess; write predictor.safetensors into the folder.

    Raises UsageError or TrainingError.
    """
    from msgspec.structs import replace

    from training.config import load_config
    from training.predictor.guess import Guessing, error_of
    from training.predictor.loop import PredictorRun
    from training.vgg import load_vgg

    if args.keep:
        return _exchange(args)
    check_device(args.device)
    end_s = time.monotonic() + 60 * args.minutes
    left_min = lambda: max(0.0, (end_s - time.monotonic()) / 60)  # noqa: E731
    config = load_config(args.config)
    config = config if args.steps is None else replace(config, steps=args.steps)
    folder = args.out or Path("runs") / config.name
    if folder.exists() and any(folder.iterdir()) and not args.resume:
        raise UsageError(
            f"{folder} holds a run already. Go on with --resume, or choose another --out."
        )
    vgg = load_vgg(args.vgg)
    vgg = vgg.to(args.device)
    seen, held = _look(config, args, vgg, folder, end_s)
    if seen is None or held is None:
        print(f"{folder}: the views are not all looked at yet. Next: the same with --resume")
        return
    predictor = PredictorRun(config, args.data, vgg, folder, seen, args.bundled, args.device)
    if (folder / "checkpoint.pt").exists():
        predictor.resume()
    else:
        predictor.begin_as_mixes()
    predictor.fit(left_min(), _show("rows", config.steps))
    guessing, show_guess = Guessing(predictor, args.guess_steps), _show("guess", args.guess_steps)
    if predictor.step == config.steps:
        guessing.fit(left_min(), lambda step, loss: show_guess(step, {"loss": loss}))
    if guessing.step < args.guess_steps:
        print(f"{folder}: {predictor.step} steps done. Next: the same with --resume")
        return
    _finish(predictor, guessing, folder)
    missed = error_of(guessing.network, predictor, held)
    print(
        f"{folder}: done; {missed:.0%} of what tells held-out pictures apart is missed. Next: "
        f"python -m export predictor {folder}/predictor.safetensors"
    )


def _exchange(args: argparse.Namespace) -> None:
    from training.config import load_config
    from training.data import photo_files
    from training.predictor.exchange import exchange_network

    config = load_config(args.config)
    output = (args.out or Path("runs") / config.name) / "predictor.onnx"
    output.parent.mkdir(parents=True, exist_ok=True)
    photos = photo_files(args.data / config.photos, config.exclude_licence)
    exchange_network(args.keep, args.bundled, photos, output)
    print(f"wrote {output}")


def _look(
    config: TrainingConfig, args: argparse.Namespace, vgg: Vgg16, folder: Path, end_s: float
) -> tuple[Seen | None, Seen | None]:
    """Return what VGG16 sees in the views to learn from and in those held out; None if not yet."""
    from training.data import photo_files
    from training.predictor.pictures import Views, split_paintings
    from training.predictor.views import keep_views

    artists = frozenset(style.artist for style in config.styles)
    learned, held = split_paintings(args.data / "paintings", artists)
    photos = photo_files(args.data / config.photos, config.exclude_licence)
    kept = [
        keep_views(
            folder / name, Views(paintings, photos, seed), vgg, config.vgg_scales, count, end_s
        )
        for name, paintings, seed, count in (
            ("views", learned, config.seed, args.views),
            ("held", held, _HELD_SEED, args.views // 20),
        )
    ]
    return kept[0], kept[1]


def _finish(predictor: PredictorRun, guessing: Guessing, folder: Path) -> None:
    """Write what ships, with the hash of the network that it is for."""
    from safetensors.torch import save_file

    from engines.atomic_write import atomic_write

    network = guessing.result()
    header = {
        "kept": str(guessing.targets.shape[1]),
        "paintings": str(network.row.paintings),
        "values": str(network.row.free.shape[1]),
        "tint_at": str(network.row.tint_at),
        "network": predictor.network_hash,
    }
    with atomic_write(folder / "predictor.safetensors") as written:
        state = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
        save_file(state, str(written), metadata=header)


def _show(name: str, steps: int) -> Callable[[int, dict[str, float]], None]:
    def show(step: int, losses: dict[str, float]) -> None:
        if step % _SAY_EVERY == 0:
            told = "".join(f" {k} {v:.3g}" for k, v in losses.items())
            print(f"{step}/{steps} {name}{told}", flush=True)

    return show
