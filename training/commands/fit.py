"""`python -m training fit CONFIG.yaml`: train the styles of a config."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from engines.errors import UsageError
from training.commands.flags import add_device, add_vgg, check_device

_SHOWN_STEPS, _TOLD_STEPS = 5, 50


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command and its flags."""
    fit = commands.add_parser(
        "fit", help="train the styles of a config", description="Train the styles of a config."
    )
    fit.add_argument(
        "config",
        type=Path,
        help="a YAML file like those in training/configs/, or conf/NAME.yml of fast-neural-style",
    )
    fit.add_argument(
        "--data",
        type=Path,
        default=Path("."),
        help="folder that the config's pictures are relative to (default: here)",
    )
    add_vgg(fit)
    fit.add_argument("--out", type=Path, help="folder of the run (default: runs/NAME)")
    fit.add_argument(
        "--resume", action="store_true", help="go on from the last checkpoint in the run's folder"
    )
    fit.add_argument(
        "--overwrite",
        action="store_true",
        help="begin anew although the run's folder holds a checkpoint",
    )
    fit.add_argument(
        "--from",
        dest="start",
        type=Path,
        metavar="WEIGHTS",
        help="start from a .safetensors of the same family",
    )
    fit.add_argument("--steps", type=int, help="train this many steps instead of the config's")
    add_device(fit)
    fit.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Train what the config says, on from a checkpoint with --resume.

    Raises UsageError or TrainingError.
    """
    from msgspec.structs import replace
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from training.classic import load_any_config
    from training.loop import Trainer
    from training.vgg import load_vgg

    check_device(args.device)
    config = load_any_config(args.config, args.data, print)
    if args.resume and args.start:
        raise UsageError(
            "--resume goes on from the run's own checkpoint, --from begins with other weights: "
            "give one of them."
        )
    if args.steps is not None:
        config = replace(config, steps=args.steps)
    folder = args.out or Path("runs") / config.name
    if (folder / "checkpoint.pt").exists() and not (args.resume or args.overwrite):
        raise UsageError(
            f"{folder} holds a run already. Go on with --resume, begin anew with --overwrite, or "
            "choose another --out."
        )
    trainer = Trainer(config, args.data, load_vgg(args.vgg), folder, args.device)
    if args.resume:
        trainer.resume()
    elif args.start:
        trainer.start_from(args.start)
    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[losses]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, refresh_per_second=1) as progress:
        task = progress.add_task("fit", total=config.steps, completed=trainer.step, losses="")

        def show(step: int, losses: dict[str, float]) -> None:
            words = " ".join(f"{name} {loss:.3g}" for name, loss in losses.items())
            if step % _SHOWN_STEPS == 0:
                progress.update(task, completed=step, losses=words)
            told = step % _TOLD_STEPS == 0 or step == config.steps
            if told and not sys.stdout.isatty():  # where no terminal shows the bar
                print(f"step {step} of {config.steps}: {words}", flush=True)

        trainer.fit(show)
    print(
        f"{folder}: {config.steps} steps done. Next: "
        f"python -m export onnx {folder}/weights.safetensors -o {config.name}.onnx"
    )
