"""`python -m training distil TEACHER`: a slow network, or any tool's pictures, as a live style."""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engines.atomic_write import atomic_write
from engines.errors import UsageError
from engines.folders import user_models_dir
from training.commands.flags import BUNDLED_WEIGHTS, add_device, add_vgg, check_device

if TYPE_CHECKING:
    import numpy as np

    from engines.model_file import ModelFile
    from training.config import StyleConfig
    from training.distil.held_out import HeldOut
    from training.distil.student import Student
    from training.evaluate.steadiness import Steadiness
    from training.vgg import Vgg16

ENOUGH = 0.35
"""Distance to the targets, over that of the untouched pictures, at which a row is enough."""
_MINUTES = 30.0
_PHASES = 4
_TARGET_SHARE = 1 / 3  # of the minutes, for what the teacher paints
_TRIAL_SHARE, _LONGEST_TRIAL_S = 0.08, 150.0
_PREVIEWS = 12
_CHECKED_ON = 12  # pictures that the model file is calibrated and checked on
_EXAMPLES = """
examples:
  python -m training distil cyclegan.pth --photos my_photos/    a network by others, or a model
  python -m training distil cartoon.tflite --photos clip.mp4    on frames of what you film
  python -m training distil --pairs ink/ --name ink             ink/before/ and ink/after/

With --pairs the pictures come from any tool: a filter of Photoshop, a diffusion model, a phone's
app. Each picture in before/ has one of its name in after/, which shows the same in the same place.
200 pairs make a good style.
"""


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command and its flags."""
    parser = commands.add_parser(
        "distil",
        help="a slow network, or pictures of any tool, as a live style",
        description="Train a small steady network to paint as another network does, or as pairs of "
        "pictures show, and put it among your models.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "teacher",
        nargs="?",
        metavar="TEACHER",
        help="a model's or a style's name, or a file as `python -m export import` takes it",
    )
    parser.add_argument(
        "--pairs", type=Path, metavar="DIR", help="folder with before/ and after/, instead"
    )
    parser.add_argument(
        "--photos",
        type=Path,
        metavar="DIR|CLIP",
        help="photos like what you film, 100 are good, or a clip (default: seven that scikit-image "
        "and matplotlib carry)",
    )
    parser.add_argument("--style", help="of a teacher with several (default: its first)")
    parser.add_argument("--name", help="the style's name (default: from the teacher or the folder)")
    parser.add_argument(
        "--minutes",
        type=float,
        default=_MINUTES,
        help="time for the teacher to paint, at most a third, and for the student to learn "
        f"(default: {_MINUTES:g})",
    )
    parser.add_argument("--licence", help="the teacher's, where its file does not say")
    parser.add_argument(
        "--commercial-only",
        action="store_true",
        help="refuse a teacher that is not known to allow commercial use",
    )
    parser.add_argument(
        "--range", metavar="RANGE", help="as of `python -m export import`, if it asks"
    )
    parser.add_argument("--out", type=Path, help="folder of the run (default: runs/NAME)")
    parser.add_argument(
        "--resume", action="store_true", help="go on with the run in its folder, or train longer"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="begin anew although the folder holds a run"
    )
    add_vgg(parser)
    add_device(parser)
    parser.set_defaults(run=run)


@dataclass(frozen=True)
class Lesson:
    """What is to be learnt.

    data: the folder of pairs. teacher: None where only its pictures are known. clip: of what is
    filmed, None without one. about: whom it is learnt from, for the model's metadata.
    """

    style: StyleConfig
    data: Path
    teacher: ModelFile | None
    teacher_style: str
    clip: Path | None
    about: dict[str, str]


def run(args: argparse.Namespace) -> None:
    """Have the teacher paint, train the student, write its model and say how near it is.

    Raises UsageError, SourceError, ModelError, ExportError, EngineError or TrainingError.
    """
    _check(args)
    name = _name(args)
    folder = args.out or Path("runs") / name
    is_mine = (args.resume or args.overwrite) and (folder / "run.json").is_file()
    _clear(folder, args.resume, args.overwrite)
    check_taken(name, is_mine)
    check_device(args.device)
    try:
        lesson = _pairs_lesson(args, name) if args.pairs else _teacher_lesson(args, name, folder)
        student, held_out = _train(args, lesson, folder)
    except (KeyboardInterrupt, SystemExit):
        print(f"{folder} keeps what there is. Go on with the same and --resume.")
        raise
    _say_phase(4, "writing the model, checking it, and measuring how near and how steady it is")
    made = install(student, name)
    report(made, name, lesson, held_out, folder)
    print(f"Try: python run_cam.py -s {name}")


def _train(args: argparse.Namespace, lesson: Lesson, folder: Path) -> tuple[Student, HeldOut]:
    """Return the trained student, and what it can be measured with."""
    from training.distil.held_out import HeldOut
    from training.distil.pictures import find_pairs, read_pair, split_pairs
    from training.vgg import load_vgg

    seconds = 60 * args.minutes
    if lesson.teacher:
        _say_phase(2, f"{lesson.teacher_style} paints what is to be learnt")
        paint_lesson(lesson, args.photos, folder, _TARGET_SHARE * seconds)
    pairs = find_pairs(lesson.data)
    if not lesson.teacher:
        _say_phase(2, f"reading {len(pairs)} pairs")
    learnt, held = split_pairs(pairs)
    pictures = [read_pair(pair) for pair in learnt]
    vgg = load_vgg(args.vgg).to(args.device)
    held_out = HeldOut(held, vgg)
    student = begin(args, lesson, pictures, held_out, vgg, folder, seconds)
    learn(student, held_out, seconds, folder)
    return student, held_out


def _pairs_lesson(args: argparse.Namespace, name: str) -> Lesson:
    from training.config import StyleConfig

    _say_phase(1, f"looking through the pairs in {args.pairs}")
    about = {"pairs": args.pairs.resolve().name, "licence": args.licence or "yours to know"}
    style = StyleConfig(name, "", name, "", "", about["licence"], about["pairs"])
    return Lesson(style, args.pairs, None, "", None, about)


def _teacher_lesson(args: argparse.Namespace, name: str, folder: Path) -> Lesson:
    from export.foreign.asked import Asked, parse_range
    from export.foreign.licence import NOT_STATED
    from training.config import StyleConfig
    from training.teacher import find_teacher

    _say_phase(1, "opening the teacher")
    asked = Asked(
        name=Path(args.teacher).stem,
        licence=args.licence,
        commercial_only=args.commercial_only,
        ranges=parse_range(args.range),
    )
    model, taught = find_teacher(args.teacher, args.style, asked, folder / "teacher.onnx")
    licence = taught.licence or NOT_STATED
    about = {"teacher": taught.source or model.path.name, "licence": licence}
    style = StyleConfig(name, "", name, taught.artist, "", licence, f"taught by {taught.name}")
    clip = args.photos if args.photos and args.photos.is_file() else None
    return Lesson(style, folder / "pairs", model, taught.name, clip, about)


def _say_phase(number: int, text: str) -> None:
    print(f"{number}/{_PHASES} {text}", flush=True)


def _check(args: argparse.Namespace) -> None:
    if (args.teacher is None) == (args.pairs is None):
        raise UsageError(
            "give a TEACHER, such as a file of a network, or --pairs DIR with before/ and after/: "
            "one of them."
        )
    if args.pairs and (args.photos or args.style):
        flag = "--photos" if args.photos else "--style"
        raise UsageError(f"{flag} is for a TEACHER. --pairs brings its pictures. Leave it out.")
    if args.photos and not args.photos.exists():
        raise UsageError(f"--photos {args.photos}: no such folder or clip.")
    if args.pairs and not args.pairs.is_dir():
        raise UsageError(f"--pairs {args.pairs}: no such folder.")
    if args.pairs and args.commercial_only:
        raise UsageError("--commercial-only is for a TEACHER. Whose the pairs are, you know.")
    if not 0.05 <= args.minutes <= 6000:
        raise UsageError(f"--minutes must lie between 0.05 and 6000, not {args.minutes:g}.")
    if args.resume and args.overwrite:
        raise UsageError("--resume goes on with a run, --overwrite begins anew: give one of them.")


def _name(args: argparse.Namespace) -> str:
    from export.foreign.asked import slug

    given: str = args.name or ""
    if args.pairs:
        return slug(given or args.pairs.resolve().name)
    return slug(given or f"{Path(args.style or args.teacher).stem}_live")


def _clear(folder: Path, resume: bool, overwrite: bool) -> None:
    """Remove what a run before has left in ``folder``, if that is asked for."""
    kept = [folder / name for name in ("checkpoint.pt", "run.json", "pairs", "photos", "trial")]
    kept += [folder / f"teacher{ending}" for ending in (".onnx", ".safetensors")]
    if resume or not any(path.exists() for path in kept):
        return
    if not overwrite:
        raise UsageError(
            f"{folder} holds a run already. Go on with --resume, begin anew with --overwrite, or "
            "choose another --out."
        )
    for path in kept:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def check_taken(name: str, is_mine: bool) -> None:
    """Raise UsageError for a name that a style has. is_mine: a run has made one before."""
    from engines.models import installed_models

    for model in installed_models():
        own = [style.name for style in model.styles[: model.own_styles]]
        if name in own and not (is_mine and model.path.stem == name):
            raise UsageError(
                f"the name {name!r} is taken, by {model.path}. Choose another with --name."
            )
    row = user_models_dir() / f"{name}.row"
    if row.exists() and not is_mine:
        raise UsageError(f"the name {name!r} is taken, by {row}. Choose another with --name.")


def paint_lesson(lesson: Lesson, photos: Path | None, folder: Path, seconds: float) -> None:
    """Have the teacher paint photos, as pairs in the lesson's folder; those there are kept."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from training.distil.pictures import paint_targets
    from training.photos import gather_photos
    from training.teacher import open_teacher

    assert lesson.teacher is not None
    kept = folder / "photos"
    source = kept if kept.is_dir() else gather_photos(photos, kept)
    columns = (BarColumn(), TextColumn("{task.fields[count]} pictures"), TimeRemainingColumn())
    with (
        open_teacher(lesson.teacher, lesson.teacher_style) as paint,
        Progress(*columns, refresh_per_second=1) as progress,
    ):
        task = progress.add_task("paint", total=1.0, count=0)

        def show(count: int, share: float) -> None:
            progress.update(task, completed=share, count=count)

        paint_targets(source, paint, lesson.data, seconds, show)


def begin(
    args: argparse.Namespace,
    lesson: Lesson,
    pictures: list[np.ndarray],
    held_out: HeldOut,
    vgg: Vgg16,
    folder: Path,
    seconds: float,
) -> Student:
    """Return the student as it goes on learning: a row where a trial shows that to be enough.

    A run that goes on stays what it was.
    """
    from training.distil.student import OWN_NETWORK, Student, read_state, student_config

    def make(rows_only: bool, where: Path) -> Student:
        network = _bundled_size() if rows_only else OWN_NETWORK
        config = student_config(lesson.style, network, rows_only)
        return Student(config, lesson.data, pictures, vgg, where, args.device, lesson.about)

    state = read_state(folder) if args.resume else {}
    if state and (folder / "checkpoint.pt").is_file():
        student = make(bool(state["rows_only"]), folder)
        student.resume()
        student.spent_s = float(state["spent_s"])
        _say_phase(3, f"goes on after {student.spent_s / 60:.1f} minutes")
        return student
    trial_s = min(_TRIAL_SHARE * seconds, _LONGEST_TRIAL_S)
    _say_phase(3, f"trying for {trial_s:.0f} s whether a row of the bundled network is enough")
    student = make(True, folder / "trial")
    begin_nearest(student, held_out)
    student.fit_for(trial_s, lambda *_: None)
    reached = held_out.distance_of(student.settled())
    said = f"a row comes to {reached:.2f} of the way that is left untouched"
    if reached <= ENOUGH:
        print(f"    {said}, at most {ENOUGH:g} is enough: a row it is, for the bundled network")
        student.folder = folder
        return student
    print(f"    {said}, more than {ENOUGH:g}: a network of its own learns it")
    own = make(False, folder)
    own.spent_s = student.spent_s
    return own


def _bundled_size() -> dict[str, int]:
    from engines.networks.weights import load_weights

    return dict(json.loads(load_weights(BUNDLED_WEIGHTS)[1]["config"]))


def begin_nearest(student: Student, held_out: HeldOut) -> None:
    """Give a student of a row the bundled network, and its row that is nearest to the targets."""
    from engines.networks.weights import load_weights

    state = load_weights(BUNDLED_WEIGHTS)[0].state_dict()
    rows, distances = state["rows"], []
    for row in rows:
        student.network.load_state_dict({**state, "rows": row[None]})
        distances.append(held_out.distance_of(student.network, most=1))
    nearest = min(range(len(distances)), key=distances.__getitem__)
    student.network.load_state_dict({**state, "rows": rows[nearest][None]})


def learn(student: Student, held_out: HeldOut, seconds: float, folder: Path) -> None:
    """Train for what is left of ``seconds``; preview.jpg is replaced a dozen times on the way."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from training.preview import save_pairs_preview, stylise_photo

    left_s = seconds - student.spent_s
    if left_s <= 0 and student.step:
        student.save()
        return
    left_s = max(1.0, left_s)
    preview = folder / "preview.jpg"
    print(
        f"    learning for {left_s / 60:.1f} minutes from {len(student.pictures)} pairs; {preview} "
        "shows how it comes along"
    )
    shown = 0
    columns = (BarColumn(), TextColumn("{task.fields[words]}"), TimeRemainingColumn())
    with Progress(*columns, refresh_per_second=1) as progress:
        task = progress.add_task("learn", total=left_s, words="")

        def show(step: int, spent_s: float) -> None:
            nonlocal shown
            progress.update(task, completed=spent_s)
            if spent_s < shown * left_s / _PREVIEWS and step < student.config.steps:
                return
            shown = 1 + int(spent_s * _PREVIEWS / left_s)
            network, seen = student.settled(), held_out.pictures
            painted = [stylise_photo(network, p[..., :3], 0, 1) for p in seen]
            words = f"{held_out.distance(painted):.2f} of the way left"
            progress.update(task, words=words)
            line = f"{spent_s / 60:.1f} of {left_s / 60:.1f} minutes, {words}"
            save_pairs_preview(preview, seen, painted, line)

        student.fit_for(left_s, show)


def install(student: Student, name: str) -> ModelFile:
    """Put the student among the user's models, and return what paints it.

    A network past the same parity gates as every model; a row as NAME.row. Raises ExportError.
    """
    from engines.model_file import load_model
    from engines.models import find_model
    from engines.networks.weights import network_hash
    from engines.style import Style
    from engines.style_row import StyleRow, write_row
    from export.pictures import read_pictures
    from export.write import write_model_and_int8

    if not student.config.rows_only:
        target = user_models_dir() / f"{name}.onnx"
        pictures = read_pictures(student.data / student.config.photos, _CHECKED_ON)
        write_model_and_int8(student.folder / "weights.safetensors", target, pictures, print)
        print(f"wrote {target}")
        return load_model(target)
    about = student.config.styles[0]
    style = Style(name, about.title, about.artist, "", about.licence, about.source)
    values = student.network.rows[0].detach().cpu().float().numpy()
    digest = hashlib.sha256(values.tobytes()).hexdigest()
    row = StyleRow(style, values, network_hash(student.network), digest)
    target = user_models_dir() / f"{name}.row"
    target.parent.mkdir(parents=True, exist_ok=True)
    write_row(target, row)
    print(f"wrote {target}: a style beside the bundled ones, which it blends with")
    return find_model("gallery", []).with_rows([row])


def report(made: ModelFile, name: str, lesson: Lesson, held_out: HeldOut, folder: Path) -> None:
    """Measure what was made as the programs show it; say it, and write report.json and .jpg."""
    from training.evaluate.steadiness import measure_steadiness, paint_alone, read_moving
    from training.preview import save_pairs_preview

    painted = paint_alone(made, name, [picture[..., :3] for picture in held_out.pictures])
    distance = held_out.distance(painted)
    moving = read_moving(lesson.clip, held_out.pairs[0].before)
    ours = measure_steadiness(made, name, moving)
    figures: dict[str, Any] = {"distance": distance, **vars(ours)}
    words = [
        f"{distance:.2f} of the way from the pictures to their targets is left",
        _say_steady(ours),
    ]
    if lesson.teacher:
        theirs = measure_steadiness(lesson.teacher, lesson.teacher_style, moving)
        figures["teacher"] = vars(theirs)
        words.append(f"its teacher's: {_say_steady(theirs)}")
    save_pairs_preview(folder / "report.jpg", held_out.pictures, painted, words[0][:40])
    with atomic_write(folder / "report.json") as written:
        written.write_text(json.dumps(figures, indent=2), encoding="utf-8")
    print(f"{name}: {'; '.join(words)} ({folder / 'report.json'}, report.jpg)")
    if distance > ENOUGH:
        print("Longer training brings it nearer: the same with --resume and more --minutes.")


def _say_steady(found: Steadiness) -> str:
    return (
        f"flicker {found.ratio:.1f} times the input's own, still areas change by "
        f"{found.still:.1f} of 255, {found.frame_ms:.0f} ms a frame"
    )
