"""What a call paints: its inputs once for each -s, every batch with the models of its styles."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engines import Models
from engines.errors import UsageError
from realtime.cli import check_lut, models_from
from realtime.controls.show import Show
from realtime.files.crew import Crew
from realtime.files.flags import file_options, models_and_look, open_crew, plan_inputs
from realtime.files.job import Jobs, Result, run_jobs
from realtime.files.options import FileOptions
from realtime.files.summary import tell_results
from realtime.media.pipes import STDIO
from realtime.timeline import Timeline

EVERY_STYLE = "all"


@dataclass(frozen=True)
class Batch:
    """The inputs of a call in one look."""

    models: Models
    """Those that styles may be of."""
    options: FileOptions
    jobs: Jobs = ()

    @property
    def painting(self) -> Models:
        """Those that paint it, that of its first mix first."""
        return self.models.needed_for([name for name, _ in mix] for mix in self.options.mixes)


def plan_looks(
    args: argparse.Namespace, timeline: Timeline, show: Show | None = None
) -> list[Batch]:
    """Return a batch for each -s, each once, without its jobs; one for ``show``.

    Raises UsageError, UnknownStyle or ModelError.
    """
    texts = list(_each_text(args))
    if len(texts) > 1 and timeline.entries:
        raise UsageError("-s: with styles over time it is given once, or not at all.")
    batches: dict[tuple[object, ...], Batch] = {}
    for text in texts:
        own = argparse.Namespace(**{**vars(args), "style": text})
        models, look = models_and_look(own, timeline, show)
        pictures = next((batch.options.pictures for batch in batches.values()), None)
        options = file_options(own, look, timeline.named_by(models), pictures, models.rows, show)
        made_from = tuple(row.digest for row in models.rows)
        made_from += (options.pictures.digest,)
        batch = Batch(models, options)
        batches.setdefault((_paths(batch.painting), look, made_from), batch)
    return list(batches.values())


def plan_batches(args: argparse.Namespace, looks: Sequence[Batch]) -> list[Batch]:
    """Return ``looks`` with the (input, output) of every file.

    Raises SourceError, or UsageError where outputs would have one name.
    """
    labels = [batch.options.label for batch in looks]
    batches = [
        Batch(batch.models, batch.options, plan_inputs(args, batch.options.label, labels))
        for batch in looks
    ]
    if len(looks) > 1 and any(source == STDIO for batch in batches for source, _ in batch.jobs):
        raise UsageError("-: what is piped in can be read once, so one -s.")
    taken: set[Path] = set()
    for batch in batches:
        outputs = {output for _, output in batch.jobs}
        if both := outputs & taken:
            name = min(both)
            if name == STDIO:
                raise UsageError("-o -: standard output takes one video, so one -s.")
            raise UsageError(
                f"{f'-o {args.output}: ' if args.output else ''}several styles would become "
                f"{name}. Put {{style}} in it, or name a folder with -o FOLDER/."
            )
        taken |= outputs
    return batches


def check_luts(batches: Sequence[Batch], args: argparse.Namespace) -> None:
    """Raise UsageError where --save-lut could not be written, or would be written twice."""
    if args.save_lut is None:
        return
    jobs = [job for batch in batches for job in batch.jobs]
    if len(jobs) != 1 or args.cluster is not None:
        raise UsageError(
            "--save-lut: there is a table for each painting, so it takes one INPUT and one -s, and "
            "no --cluster."
        )
    if not batches[0].options.look.grade:
        raise UsageError("--save-lut: there is no grade. For example: -s grade:sunset.jpg")
    if batches[0].options.look.grades_parts:
        raise UsageError("--save-lut: with --grade-parts there are two tables. Leave one of both.")
    check_lut(args.save_lut, [path for job in jobs for path in job])


def paint_batches(
    batches: Sequence[Batch], args: argparse.Namespace, program_started_s: float
) -> list[Result]:
    """Paint all ``batches`` and tell how it went, also when an error or Ctrl-C ends it.

    ``program_started_s``: as for ``run_jobs``. Raises what ends all.
    """
    results: list[Result] = []
    files = sum(len(batch.jobs) for batch in batches)
    crews: dict[tuple[Path, ...], Crew] = {}
    with contextlib.ExitStack() as opened:
        opened.callback(lambda: tell_results(results, files, args.report, args.json))
        for batch in batches:
            painting = batch.painting
            crew = crews.get(_paths(painting))
            if crew is None:
                crew = crews[_paths(painting)] = open_crew(args, painting, batch.jobs)
                opened.callback(crew.close)
            started_s = None if results else program_started_s
            for result in run_jobs(
                batch.jobs, batch.options, crew, started_s, is_all=len(batches) == 1
            ):
                results.append(result)
    return results


def _each_text(args: argparse.Namespace) -> Iterator[str | None]:
    """Yield what each -s says, ``all`` as the styles that it stands for; None without any."""
    for text in args.style or [None]:
        if text != EVERY_STYLE:
            yield text
            continue
        none = argparse.Namespace(**{**vars(args), "style": None})
        yield from models_from(none).style_names[1:]


def _paths(models: Models) -> tuple[Path, ...]:
    return tuple(model.path for model in models.files)
