"""`python -m training looks`: the six looks that ship, from filters to one small network."""

from __future__ import annotations

import argparse
from pathlib import Path

from engines.errors import UsageError
from training.commands.flags import add_device, add_vgg, check_device

_MOST, _MINUTES = 240, 90.0
_EXAMPLES = """
examples:
  python -m training looks --photos photos/ --vgg vgg16.safetensors
  python -m training looks --photos photos/ --vgg vgg16.safetensors --minutes 180 --resume
  python -m export onnx runs/looks/weights.safetensors -o engines/styles/looks.onnx
"""


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command and its flags."""
    parser = commands.add_parser(
        "looks",
        help="ink, comic, watercolour, pencil, paper cut and neon, as they ship",
        description="Have slow filters draw photos, and train one small network to draw so.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--photos", type=Path, required=True, metavar="DIR", help="what is drawn")
    parser.add_argument(
        "--most", type=int, default=_MOST, metavar="N", help=f"photos drawn (default: {_MOST})"
    )
    parser.add_argument(
        "--minutes", type=float, default=_MINUTES, help=f"to learn (default: {_MINUTES:g})"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/looks"), help="folder (default: runs/looks)"
    )
    parser.add_argument(
        "--resume", action="store_true", help="go on with the run in its folder, or train longer"
    )
    add_vgg(parser)
    add_device(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Draw the targets that are not there yet, and train. Raises UsageError or TrainingError."""
    from training.distil.student import read_state
    from training.looks.student import begin
    from training.looks.targets import draw_targets, read_targets
    from training.vgg import load_vgg

    if not args.photos.is_dir():
        raise UsageError(f"--photos {args.photos}: no such folder.")
    if not args.resume and (args.out / "checkpoint.pt").is_file():
        raise UsageError(f"{args.out} holds a run already. Go on with --resume, or name another.")
    check_device(args.device)
    vgg = load_vgg(args.vgg).to(args.device)
    print("1/2 the filters draw photos", flush=True)
    targets = args.out / "targets"
    draw_targets(args.photos, targets, args.most)
    student = begin(targets, read_targets(targets), vgg, args.out, args.device)
    if args.resume:
        student.resume()
        student.spent_s = float(read_state(args.out)["spent_s"])
    print(f"2/2 learning for {args.minutes:g} minutes", flush=True)
    try:
        student.fit_for(60 * args.minutes - student.spent_s, lambda *_: None)
    finally:
        student.save()
    print(f"wrote {args.out / 'weights.safetensors'}, after {student.step} steps")
