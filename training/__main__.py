"""python -m training: make styles, and find out what they are worth.

python -m training fit training/configs/gallery.yaml --data ../shared/data --vgg ../shared/vgg16/vgg16_conv1_1-conv4_3.safetensors
python -m training add-style painting.jpg --photos my_photos/
python -m training evaluate gallery --data ../shared/data --vgg ../shared/vgg16/vgg16_conv1_1-conv4_3.safetensors
python -m training optimise photo.jpg painting.jpg -o painted.png
"""

from __future__ import annotations

import argparse

from engines.exits import exit_code
from training import add_style, fit, optimise
from training.evaluate import command as evaluate

_COMMANDS = (
    fit,
    add_style,
    evaluate,
    optimise,
)  # each a module with its flags (add_parser) and what it does (run)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m training", description="Train Livebrush styles, and measure them.")
    commands = parser.add_subparsers(dest="command", required=True)
    for command in _COMMANDS:
        command.add_parser(commands)
    args = parser.parse_args(argv)
    return exit_code(lambda: args.run(args))


if __name__ == "__main__":
    raise SystemExit(main())
