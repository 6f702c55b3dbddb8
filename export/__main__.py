"""From a checkpoint to a model file, and to its int8 sibling: python -m export.

Nothing is written that runtimes disagree on.

python -m export onnx runs/gallery/weights.safetensors -o engines/styles/gallery.onnx
python -m export int8 engines/styles/gallery.onnx --pictures photos/
python -m export import candy.pth -o candy.onnx
python -m export import AnimeGAN.onnx --commercial-only
python -m export people selfie_segmentation_landscape.tflite -o engines/people/person.onnx
python -m export verify engines/styles/gallery.onnx
python -m export measured gallery out/evaluate/gallery/evaluation.json
python -m export tensorrt gallery --size 1280x720
python -m export web gallery -o site/
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from engines.errors import EngineUnavailable, UsageError
from engines.install import install_line
from engines.model_file import user_models_dir
from realtime.exits import exit_code


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line; prints its help and ends the process as argparse does."""
    parser = argparse.ArgumentParser(
        prog="python -m export", description="Turn checkpoints into model files."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    pictures = argparse.ArgumentParser(add_help=False)
    pictures.add_argument(
        "--pictures",
        type=Path,
        metavar="DIR",
        help="photos to check on (default: four that scikit-image carries)",
    )
    output = argparse.ArgumentParser(add_help=False)
    output.add_argument(
        "-o",
        "--output",
        type=Path,
        help="model file to write (default: in your models folder, where styles are found by name)",
    )

    onnx = commands.add_parser("onnx", parents=[pictures, output], help="weights to model file")
    onnx.add_argument("weights", type=Path, help=".safetensors written by training")
    int8 = commands.add_parser("int8", parents=[pictures], help="model file to its int8 sibling")
    int8.add_argument("model", type=Path, help=".onnx written by `onnx`")
    _add_import(commands, [pictures, output])
    tensorrt = commands.add_parser(
        "tensorrt", parents=[pictures, output], help="model file to a TensorRT engine"
    )
    tensorrt.add_argument(
        "model", nargs="?", metavar="MODEL|STYLE", help="a model's or a style's name, or FILE.onnx"
    )
    tensorrt.add_argument(
        "--precision",
        default="fp16",
        metavar="NAME",
        help="fp16, fp32, int8 or fp8 (default: fp16)",
    )
    tensorrt.add_argument(
        "--size",
        default="640x480",
        metavar="WxH|MIN,OPT,MAX",
        help="one frame size, or a range (default: 640x480)",
    )
    tensorrt.add_argument(
        "--gpu",
        default="current",
        metavar="NAME",
        help="current, or sm75, sm80, sm86, sm89, sm120 without having it",
    )
    tensorrt.add_argument("--list", action="store_true", help="show the engines that are built")
    tensorrt.add_argument("--clear", action="store_true", help="remove them all")
    people = commands.add_parser(
        "people", help="a network of MediaPipe that finds people or faces, .tflite to .onnx"
    )
    people.add_argument("tflite", type=Path, help="from @mediapipe/selfie_segmentation, of npm")
    people.add_argument("-o", "--output", type=Path, required=True, help="file to write")
    predictor = commands.add_parser(
        "predictor", help="what finds the row of any picture, .safetensors to .onnx"
    )
    predictor.add_argument("weights", type=Path, help="written by `python -m training predictor`")
    predictor.add_argument("-o", "--output", type=Path, required=True, help="file to write")
    verify = commands.add_parser(
        "verify", parents=[pictures], help="compare the runtimes on a model file"
    )
    verify.add_argument("model", type=Path)
    measured = commands.add_parser(
        "measured", help="write what `python -m training evaluate` found into the model's metadata"
    )
    measured.add_argument("model", help="a model's name, or FILE.onnx")
    measured.add_argument("evaluation", type=Path, help="its evaluation.json")
    web = commands.add_parser("web", help="a page that paints in its visitors' browsers")
    web.add_argument(
        "model",
        nargs="?",
        default="gallery",
        metavar="MODEL",
        help="a model's name, or FILE.onnx (default: gallery)",
    )
    web.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path("site"),
        metavar="DIR",
        help="folder to write (default: site)",
    )
    return parser.parse_args(_join_range(sys.argv[1:] if argv is None else argv))


def _join_range(argv: list[str]) -> list[str]:
    """Return ``argv`` with `--range -1..1` as one word, which argparse takes for two flags."""
    joined: list[str] = []
    for word in argv:
        if joined and joined[-1] == "--range":
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


_IMPORT_EXAMPLES = """
examples:
  python -m export import candy.pth                          a checkpoint of PyTorch
  python -m export import horse2zebra.pth --name zebra       CycleGAN, U-GAT-IT, AnimeGAN, ReCoNet
  python -m export import whitebox.tflite -o cartoon.onnx    ONNX, TFLite, TensorFlow
  python -m export import net.onnx --range 0..1              if two ranges fit, and it asks
  python stylize_video.py clip.mp4 --model zebra             then it is a model as any other

It says what it takes a file for and why. Nothing of a file is run but arithmetic.
"""


def _add_import(commands: Any, parents: list[argparse.ArgumentParser]) -> None:
    """Add the command that takes networks by others."""
    foreign = commands.add_parser(
        "import",
        parents=parents,
        help="a network by somebody else to a model file",
        description="Turn a network by somebody else into a model file.",
        epilog=_IMPORT_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    foreign.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="state dict of PyTorch, ONNX, TFLite, frozen graph, SavedModel, TensorFlow's "
        "variables in a folder, model.json of TensorFlow.js",
    )
    foreign.add_argument(
        "--as", dest="family", metavar="FAMILY", help="take a checkpoint for this layout"
    )
    foreign.add_argument("--name", help="name of the style (default: the file's)")
    foreign.add_argument(
        "--licence", help="its licence, where neither the file nor its folder says one"
    )
    foreign.add_argument(
        "--commercial-only",
        action="store_true",
        help="refuse what is not known to allow commercial use",
    )
    foreign.add_argument(
        "--range",
        metavar="RANGE",
        help="values that a graph takes: 0..255, 0..1, -1..1 or imagenet; TAKEN:GIVEN if they "
        "differ (default: found by trial)",
    )
    foreign.add_argument(
        "--order", choices=("rgb", "bgr"), help="order of a graph's channels (default: rgb)"
    )
    foreign.add_argument(
        "--paintings",
        nargs="+",
        type=Path,
        default=[],
        metavar="PICTURE",
        help="for networks of any style (Magenta's): pictures that shall be its styles",
    )
    foreign.add_argument(
        "--predictor",
        type=Path,
        metavar="FILE",
        help="for the same: the network that looks at them (default: *predict* beside FILE)",
    )


def run(args: argparse.Namespace) -> None:
    """Do what ``args`` asks for and print what came of it."""
    if args.command == "tensorrt":
        _tensorrt(args)
        return
    if args.command == "web":
        from engines.models import find_model
        from export.web import write_site

        write_site(find_model(args.model, []), args.output, print)
        return
    if args.command == "measured":
        from engines.models import find_model
        from export.measured import write_measured

        for path in write_measured(find_model(args.model, []), args.evaluation):
            print(f"wrote {path}")
        return
    if args.command == "people":
        from export.from_tflite import convert_tflite

        convert_tflite(args.tflite, args.output)
        print(f"wrote {args.output}")
        return
    if args.command == "predictor":
        from export.predictor import export_predictor

        export_predictor(args.weights, args.output)
        print(f"wrote {args.output}")
        return
    from export.pictures import read_pictures

    if args.command == "onnx":
        from engines.networks.weights import load_weights

        target = _target(args.output, load_weights(args.weights)[1].get("name", args.weights.stem))
        _write(args.weights, target, read_pictures(args.pictures, 6))
    elif args.command == "import":
        _import(args, read_pictures(args.pictures, 6))
    elif args.command == "int8":
        from export.write import write_int8

        print(f"wrote {write_int8(args.model, read_pictures(args.pictures, 12), print)}")
    else:
        _verify(args.model, read_pictures(args.pictures, 6))


def _write(weights: Path, target: Path, pictures: list) -> None:
    from export.write import write_model

    write_model(weights, target, pictures, print)
    print(f"wrote {target} and {target.with_suffix('.safetensors').name}")


def _import(args: argparse.Namespace, pictures: list) -> None:
    from export.foreign.asked import Asked, parse_range, slug
    from export.foreign.importing import import_file
    from export.foreign.kinds import kind_of

    kind_of(args.file)  # what is no network is said before anything else
    name = args.name or args.file.name.removesuffix("".join(args.file.suffixes[-1:]))
    target = _target(args.output, slug(name))
    asked = Asked(
        name=name,
        family=args.family,
        licence=args.licence,
        commercial_only=args.commercial_only,
        ranges=parse_range(args.range),
        bgr=None if args.order is None else args.order == "bgr",
        paintings=tuple(args.paintings),
        predictor=args.predictor,
    )
    import_file(args.file, target, asked, pictures, print)
    print(f"wrote {target}")
    where = target.stem if target.parent == user_models_dir() else target
    print(f"Try it: python stylize_video.py photo.jpg --model {where}")


def _tensorrt(args: argparse.Namespace) -> None:
    from engines.models import find_model
    from engines.plans.shapes import Shapes
    from export.pictures import read_pictures
    from export.to_tensorrt import build_engine, clear_engines, list_engines

    if args.list or args.clear:
        (clear_engines if args.clear else list_engines)(print)
        return
    if not args.model:
        raise UsageError(
            "no model given. For example: python -m export tensorrt gallery --size 640x480"
        )
    model, shapes = find_model(args.model, []), Shapes.parse(args.size)
    build_engine(
        model, args.precision, shapes, args.gpu, args.output, read_pictures(args.pictures, 4), print
    )


def _verify(path: Path, pictures: list) -> None:
    from engines.model_file import load_model
    from engines.parity import FP32, INT8, require
    from export.write import compare_engines

    model = load_model(path)
    reference = "torch" if model.weights_path else "onnxruntime"
    for precision, tolerance in [("fp32", FP32), *([("int8", INT8)] if model.int8_path else [])]:
        for name, difference in compare_engines(path, precision, pictures, reference).items():
            pair = f"{reference} fp32 and {name} {precision}"
            print(
                f"{pair}: {difference.largest:.0f}/255 at most, {difference.mean:.3f}/255 on "
                "average"
            )
            require(difference, tolerance, pair)
    print("they agree")


def _target(output: Path | None, name: str) -> Path:
    target = output or user_models_dir() / f"{name}.onnx"
    if target.suffix != ".onnx" or target.name.endswith(".int8.onnx"):
        raise UsageError(f"-o {target}: a model file is called NAME.onnx.")
    return target


def main(argv: list[str] | None = None) -> int:
    """Run the command and return its exit code."""
    args = parse_args(argv)
    return exit_code(lambda: _run(args))


def _run(args: argparse.Namespace) -> None:
    try:
        run(args)
    except ImportError as error:
        raise EngineUnavailable(
            f"this needs what is not all installed ({error}). Type: {install_line('train')}"
        ) from error


if __name__ == "__main__":
    raise SystemExit(main())
