"""python -m training: make styles, and find out what they are worth.

python -m training fit training/configs/gallery.yaml --data DATA --vgg VGG16
python -m training add-style painting.jpg --photos my_photos/
python -m training distil cyclegan.pth --photos my_photos/
python -m training unpaired photos/ impressionists/
python -m training predictor --data DATA --vgg VGG16
python -m training grade --data DATA
python -m training refine picture.jpg -o picture.row --photos my_photos/
python -m training evaluate gallery --data DATA --vgg VGG16
python -m training sheet OLD.onnx NEW.onnx --photos *.jpg
python -m training optimise photo.jpg painting.jpg -o painted.png
python -m training optimise photo.jpg sunset.jpg --photoreal
"""

from __future__ import annotations

import argparse
import os

from engines.errors import EngineUnavailable
from engines.install import install_line
from realtime.exits import end_by_exceptions, exit_code
from training.commands import (
    add_style,
    distil,
    evaluate,
    fit,
    grade,
    looks,
    optimise,
    predictor,
    refine,
    sheet,
    unpaired,
)

# Each is a module with its flags (add_parser) and what it does (run).
_COMMANDS = (
    *(fit, add_style, distil, unpaired, looks, predictor, grade, refine, evaluate, sheet, optimise),
)


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    # PyTorch reads it at its first tensor. A step allocates gigabytes anew; in pages of 2 MiB it
    # takes a fifth less time.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    parser = argparse.ArgumentParser(
        prog="python -m training", description="Train Livebrush styles, and measure them."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for command in _COMMANDS:
        command.add_parser(commands)
    args = parser.parse_args(argv)
    return exit_code(lambda: _run(args))


def _run(args: argparse.Namespace) -> None:
    try:
        args.run(args)
    except ImportError as error:
        raise EngineUnavailable(
            f"this needs what is not all installed ({error}). Type: "
            f"{install_line('train', 'evaluate')}   (PyTorch and more, "
            "about 250 MB on a CPU). The first style also downloads VGG16's published weights, 528 "
            "MB, once."
        ) from error


if __name__ == "__main__":
    end_by_exceptions(grace_s=None)  # a checkpoint takes its time
    raise SystemExit(main())
