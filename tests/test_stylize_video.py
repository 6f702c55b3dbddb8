"""The program as its user meets it: exit codes, one clear line, and nothing under the final name
after a failure.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

import stylize_video
from engines.errors import EngineRunError, UsageError
from engines.runtimes.passthrough import Passthrough
from realtime import cli
from realtime.files.job import check_encoding
from realtime.media.pipes import STDIO
from realtime.media.reading.video_file import VideoFile
from realtime.media.writing.encoding import Encoding
from tests.realtime.media.test_read_video import damage
from tests.realtime.media.test_write_video import sound, times

ROOT = Path(__file__).parents[1]


@pytest.fixture
def stylize(tiny_model, monkeypatch, capsys):
    """Runs the program in this process on the tiny model; returns exit code, stdout, stderr."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def call(*arguments, engine: str = "passthrough", model: str | None = None):
        flags = ["--model", model or str(tiny_model.path), "--engine", engine, "--brush", "2"]
        monkeypatch.setattr(sys, "argv", ["stylize_video.py", *map(str, arguments), *flags])
        with pytest.raises(SystemExit) as left:
            cli.run(stylize_video.main)
        streams = capsys.readouterr()
        return left.value.code, streams.out, streams.err

    yield call
    for number, handler in handlers.items():
        signal.signal(number, handler)


def visible(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_video_is_painted_beside_its_input(stylize, make_video, tmp_path):
    code, _, err = stylize(make_video(), "-s", "negative", engine="onnxruntime")
    assert code == 0
    assert "10 frames" in err.splitlines()[-1]
    assert visible(tmp_path) == {"clip.mp4", "clip_negative.mp4"}
    with (
        VideoFile(tmp_path / "clip.mp4") as before,
        VideoFile(tmp_path / "clip_negative.mp4") as after,
    ):
        one, two = next(before.frames()).pixels, next(after.frames()).pixels
    assert np.abs((255 - one.astype(int)) - two).mean() < 12


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_frames_times_and_sound_come_through(stylize, make_video, tmp_path, ending):
    pts = [0, 40, 45, 400, 1000, 1500, 1501, 2000]
    source = make_video(f"in.{ending}", pts=pts, tones=2)
    assert stylize(source, "-o", tmp_path / f"out.{ending}")[0] == 0
    assert times(tmp_path / f"out.{ending}") == times(source)
    assert sound(tmp_path / f"out.{ending}") == sound(source)


def test_the_report_has_its_figures(stylize, make_video, tmp_path):
    code, out, _ = stylize(make_video(), "--json", "--report", tmp_path / "r.json")
    report = json.loads((tmp_path / "r.json").read_text())
    assert code == 0
    assert json.loads(out) == report
    assert (report["frames_in"], report["frames_out"], report["dropped"]) == (10, 10, 0)
    assert (report["engine"], report["style"], report["size"]) == (
        "passthrough",
        "negative",
        "320x240",
    )
    assert set(report["stage_ms"]) == {"decode", "infer", "encode"}
    assert report["fps"] > 0 < report["latency_ms"]["p95"]


def test_the_time_of_loading_the_program_counts_for_the_first_file(
    stylize, make_video, monkeypatch
):
    monkeypatch.setattr(stylize_video, "STARTED_S", time.perf_counter() - 1000)
    first, second = json.loads(stylize(make_video("a.mp4"), make_video("b.mp4"), "--json")[1])[
        "items"
    ]
    assert min(first["wall_s"], first["startup_s"]) > 1000 > second["wall_s"]


def test_a_rotated_video_comes_out_upright(stylize, make_video, tmp_path):
    assert stylize(make_video(rotation=(90, False, False)), "-o", tmp_path / "out.mp4")[0] == 0
    with av.open(str(tmp_path / "out.mp4")) as container:
        frame = next(container.decode(video=0))
    assert (frame.height, frame.width, frame.rotation) == (64, 48, 0)


def test_a_picture_becomes_a_picture(stylize, tmp_path):
    from realtime.media.writing.picture_file import encode_picture
    from tests.conftest import moving_square

    (tmp_path / "photo.png").write_bytes(encode_picture(moving_square(0, (47, 63)), ".png"))
    assert stylize(tmp_path / "photo.png", "--strength", "0")[0] == 0
    with VideoFile(tmp_path / "photo_negative.png") as picture:
        np.testing.assert_array_equal(next(picture.frames()).pixels, moving_square(0, (47, 63)))


@pytest.mark.parametrize("ending", ["png", "jpg"])
def test_a_picture_keeps_the_profile_that_its_colours_are_meant_in(stylize, tmp_path, ending):
    from PIL import Image, ImageCms

    from tests.conftest import moving_square

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pixels = moving_square(0, (48, 64))
    Image.fromarray(pixels).save(tmp_path / f"rgb.{ending}", icc_profile=profile)
    of_grey = profile[:16] + b"GRAY" + profile[20:]
    Image.fromarray(pixels[..., 0]).save(tmp_path / f"grey.{ending}", icc_profile=of_grey)
    for name, kept in (("rgb", profile), ("grey", None)):
        assert stylize(tmp_path / f"{name}.{ending}")[0] == 0
        with Image.open(tmp_path / f"{name}_negative.{ending}") as painted:
            assert painted.info.get("icc_profile") == kept


@pytest.mark.parametrize(("flag", "size"), [("32x100", (24, 32)), ("32x32!", (32, 32))])
def test_size(stylize, make_video, tmp_path, flag, size):
    assert stylize(make_video(), "-o", tmp_path / "out.mp4", "--size", flag)[0] == 0
    with VideoFile(tmp_path / "out.mp4") as video:
        assert video.info.size == size


def failure(stylize, *arguments, **options) -> tuple[int, str]:
    code, _, err = stylize(*arguments, **options)
    assert len(err.strip().splitlines()) == 1, err
    assert err.startswith("error: ")
    return code, err


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (None, 3, "no such file"),
        (b"", 3, "is empty"),
        (b"this is not a video\n" * 300, 3, "not a video"),
        (b"\x00\x00\x00\x18ftypmp42" + bytes(2000), 3, "not a video"),
    ],
)
def test_inputs_that_cannot_be_read(stylize, tmp_path, content, code, message):
    if content is not None:
        (tmp_path / "in.mp4").write_bytes(content)
    before = visible(tmp_path)
    left, line = failure(stylize, tmp_path / "in.mp4")
    assert left == code
    assert message in line
    assert visible(tmp_path) == before


def test_a_folder_without_videos_is_an_input_error(stylize, tmp_path):
    (tmp_path / "notes.txt").write_text("no video")
    assert failure(stylize, tmp_path)[0] == 3


def test_a_folder_is_mirrored_and_its_results_are_not_painted_again(stylize, make_video, tmp_path):
    (tmp_path / "in" / "day").mkdir(parents=True)
    for name in ("a.mp4", "day/b.mkv"):
        make_video("x.mp4" if name.endswith("mp4") else "x.mkv").rename(tmp_path / "in" / name)
    for again in ([], ["-n"]):
        code, _, err = stylize(
            tmp_path / "in", "--recursive", "-o", f"{tmp_path}/in/painted/", *again
        )
        assert code == 0, err
    assert "2 files: 2 skipped" in err
    found = {str(path.relative_to(tmp_path / "in")) for path in (tmp_path / "in").rglob("*.m*")}
    assert found == {"a.mp4", "day/b.mkv", "painted/a_negative.mp4", "painted/day/b_negative.mkv"}


def test_the_summary_tells_of_every_file(stylize, make_video, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    (tmp_path / "list.txt").write_text(
        f"# mine\n{make_video('good.mp4')}\n\n{tmp_path / 'broken.mp4'}\n"
    )
    code, out, err = stylize(f"@{tmp_path / 'list.txt'}", "-o", f"{tmp_path}/made/", "--json")
    assert code == 1
    assert "2 files: 1 done, 1 failed" in err
    assert "failed (3)" in err
    assert [item.get("exit_code", 0) for item in json.loads(out)["items"]] == [0, 3]
    assert visible(tmp_path / "made") == {"good_negative.mp4"}


def test_nothing_leaks_from_one_file_to_the_next(stylize, make_video, tmp_path):
    """Sound, times, size, steadiness: what a file gets does not depend on what was painted before
    it.
    """
    late = {
        "pts": [700, 740, 800, 2000],
        "tones": 2,
        "size": (64, 48),
        "pixels": lambda index: np.full((64, 48, 3), 90, np.uint8),
    }
    first = make_video(
        "a.mp4", tones=0, pts=[0, 40, 80], pixels=lambda index: np.full((48, 64, 3), 100, np.uint8)
    )
    flags = ("--stability", "1", "-s", "negative", "--json")
    assert (
        stylize(
            first,
            make_video("b.mp4", **late),
            "-o",
            f"{tmp_path}/both/",
            *flags,
            engine="onnxruntime",
        )[0]
        == 0
    )
    assert (
        stylize(tmp_path / "b.mp4", "-o", f"{tmp_path}/alone/", *flags, engine="onnxruntime")[0]
        == 0
    )
    both, alone = tmp_path / "both" / "b_negative.mp4", tmp_path / "alone" / "b_negative.mp4"
    assert both.read_bytes() == alone.read_bytes()


def test_a_truncated_video_is_saved_under_a_partial_name(stylize, make_video, tmp_path):
    source = make_video("in.mkv", pts=list(range(0, 4000, 40)))
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    code, line = failure(stylize, source, "-o", tmp_path / "out.mp4")
    assert code == 6
    assert "out.partial.mp4" in line
    assert visible(tmp_path) == {"in.mkv", "out.partial.mp4"}
    assert len(times(tmp_path / "out.partial.mp4")) > 10


def test_a_video_cut_off_before_its_first_frame_is_unreadable(stylize, make_video, tmp_path):
    source = make_video()
    source.write_bytes(source.read_bytes()[:600])
    assert failure(stylize, source)[0] == 3
    assert visible(tmp_path) == {"clip.mp4"}


def test_unknown_names_are_usage_errors(stylize, make_video, tmp_path):
    source = make_video()
    code, line = failure(stylize, source, "-s", "negatif")
    assert code == 2
    assert "negative" in line
    code, line = failure(stylize, source, engine="quantum")
    assert code == 2
    assert "passthrough" in line
    for flags in (
        ("--strength", "2"),
        ("--stability", "nan"),
        ("--size", "big"),
        ("--ss", "soon"),
        ("--vcodec", "none"),
        ("--preset", "bogus"),
        ("--crf", "99"),
        ("--preset", "bogus", "--dry-run"),
        ("--crf", "99", "--dry-run"),
        ("--to", "0"),
    ):
        code, line = failure(stylize, source, *flags)
        assert (code, flags[0] in line) == (2, True), line
    assert visible(tmp_path) == {"clip.mp4"}


def test_a_missing_model_is_an_engine_error(stylize, make_video):
    assert failure(stylize, make_video(), model="/nowhere/model.onnx")[0] == 4


def test_argparse_errors_and_no_input_are_usage_errors(stylize):
    assert stylize("--wrong")[0] == 2
    assert failure(stylize)[0] == 2


@pytest.mark.parametrize("link", [None, os.symlink, os.link])
def test_the_input_is_never_overwritten(stylize, make_video, tmp_path, link):
    source = make_video()
    content = source.read_bytes()
    target = source
    if link:
        target = tmp_path / "link.mp4"
        link(source, target)
    code, line = failure(stylize, source, "-o", target, "-y")
    assert code == 2
    assert "input" in line
    assert source.read_bytes() == content


def test_an_output_that_exists_is_kept_replaced_or_skipped(stylize, make_video, tmp_path):
    source, target = make_video(), tmp_path / "out.mp4"
    target.write_bytes(b"precious")
    assert failure(stylize, source, "-o", target)[0] == 2
    assert stylize(source, "-o", target, "-n")[0] == 0
    assert json.loads(stylize(source, "-o", target, "-n", "--json")[1])["skipped"] is True
    assert target.read_bytes() == b"precious"
    assert stylize(source, "-o", target, "-y")[0] == 0
    assert len(times(target)) == 10


def test_a_missing_output_folder_is_an_output_error(stylize, make_video, tmp_path):
    assert failure(stylize, make_video(), "-o", tmp_path / "no" / "out.mp4")[0] == 5


@pytest.mark.skipif(
    os.geteuid() != 0 or not sys.platform.startswith("linux"), reason="mounting needs root"
)
def test_a_full_disk_is_an_output_error(stylize, make_video, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (8, 240, 320, 3), dtype=np.uint8)
    source = make_video(
        size=(240, 320), pixels=lambda index: noise[index % 8], pts=list(range(0, 1000, 40))
    )
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(small)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount")
    try:
        code, line = failure(stylize, source, "-o", small / "out.mp4")
        assert (code, "disk is full" in line) == (5, True), line
        assert visible(small) == set()
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_one_failing_does_not_stop_the_others(stylize, make_video, tmp_path):
    sources = [make_video("a.mp4"), tmp_path / "missing.mp4", make_video("c.mp4")]
    code, _, err = stylize(
        *sources, "-o", str(tmp_path / "{stem}_out.{ext}"), "--report", tmp_path / "r.json"
    )
    assert code == 1
    assert "missing.mp4: no such file" in err
    assert {"a_out.mp4", "c_out.mp4"} <= visible(tmp_path)
    report = json.loads((tmp_path / "r.json").read_text())
    assert [item.get("exit_code", 0) for item in report["items"]] == [0, 3, 0]
    assert (report["total"]["frames_out"], report["total"]["failed"]) == (20, 1)


def test_an_engine_that_fails_leaves_the_report_of_what_is_done(
    stylize, make_video, tmp_path, monkeypatch
):
    painted = []

    def infer(self, frames, style, canvas=None):
        painted.append(1)
        if len(painted) > 15:
            raise EngineRunError("the engine broke")
        return frames.copy()

    monkeypatch.setattr(Passthrough, "_infer", infer)
    sources = [make_video(f"{name}.mp4") for name in "abc"]
    code, _, err = stylize(*sources, "--report", tmp_path / "r.json")
    assert (code, "the engine broke" in err.splitlines()[-1]) == (4, True)
    report = json.loads((tmp_path / "r.json").read_text())
    assert [item.get("exit_code", 0) for item in report["items"]] == [0, 4]
    assert (report["total"]["files"], report["total"]["frames_out"]) == (3, 10)


def test_a_name_that_is_too_long_does_not_stop_the_others(stylize, make_video, tmp_path):
    sources = [
        make_video("a.mp4"),
        make_video("b.mp4").rename(tmp_path / f"{'n' * 245}.mp4"),
        make_video("c.mp4"),
    ]
    assert stylize(*sources, "--report", tmp_path / "r.json")[0] == 1
    report = json.loads((tmp_path / "r.json").read_text())
    assert [item.get("exit_code", 0) for item in report["items"]] == [0, 5, 0]


@pytest.mark.parametrize("name", ["clip.mp4", "out.mp4", "link.json"])
def test_the_report_replaces_neither_input_nor_output(stylize, make_video, tmp_path, name):
    source = make_video()
    content = source.read_bytes()
    (tmp_path / "link.json").symlink_to(source)
    code, line = failure(stylize, source, "-o", tmp_path / "out.mp4", "--report", tmp_path / name)
    assert (code, "--report" in line) == (2, True)
    assert source.read_bytes() == content
    assert not (tmp_path / "out.mp4").exists()


def test_strict_makes_concealed_damage_an_error(stylize, make_video, tmp_path):
    source = damage(make_video(pts=list(range(0, 4000, 40)), tones=0, options={"g": "10"}), 51, 75)
    for flags, code in (([], 0), (["--strict"], 1)):
        left, out, _ = stylize(source, "-o", tmp_path / "out.mp4", "-y", "--json", *flags)
        assert (left, json.loads(out)["damaged"]) == (code, 2)
    assert stylize(make_video("whole.mp4"), "--strict")[0] == 0


def test_a_partial_result_keeps_an_earlier_one(stylize, make_video, tmp_path):
    source = make_video("in.mkv", pts=list(range(0, 4000, 40)))
    source.write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    (tmp_path / "out.partial.mp4").write_bytes(b"precious")
    assert failure(stylize, source, "-o", tmp_path / "out.mp4")[0] == 6
    assert (tmp_path / "out.partial.mp4").read_bytes() == b"precious"
    assert visible(tmp_path) == {"in.mkv", "out.partial.mp4", "out.partial-2.mp4"}


def test_a_dry_run_writes_nothing(stylize, make_video, tmp_path):
    code, out, _ = stylize(make_video(), "--dry-run", "--json")
    [plan] = json.loads(out)
    assert code == 0
    assert plan["network_size"] == "320x240"
    assert visible(tmp_path) == {"clip.mp4"}


def test_the_lists_and_the_sheet(stylize, make_video, tmp_path):
    names = {row["engine"] for row in json.loads(stylize("--list-engines", "--json")[1])}
    assert {"passthrough", "onnxruntime", "openvino"} <= names
    styles = json.loads(stylize("--list-styles", "--json")[1])
    assert {"original", "great_wave", "starry_night"} <= {row["name"] for row in styles}
    assert stylize("--sheet", tmp_path / "sheet.png", make_video(), engine="onnxruntime")[0] == 0
    with VideoFile(tmp_path / "sheet.png") as picture:
        assert min(picture.info.size) > 300


def mean_levels(path: Path) -> list[float]:
    with VideoFile(path) as video:
        return [float(frame.pixels.mean()) for frame in video.frames()]


def test_styles_change_at_the_times_of_the_schedule(stylize, make_video, tmp_path):
    gray = make_video(
        pts=list(range(0, 4000, 40)),
        pixels=lambda index: np.full((48, 64, 3), 200, np.uint8),
        tones=0,
    )
    schedule = "0:original 1:negative/0 2:dim/1s"
    assert (
        stylize(
            gray, "-o", tmp_path / "out.mp4", "--style-schedule", schedule, engine="onnxruntime"
        )[0]
        == 0
    )
    levels = mean_levels(tmp_path / "out.mp4")
    assert levels[24] == pytest.approx(200, abs=3)
    assert levels[25] == pytest.approx(55, abs=3)
    assert levels[62] == pytest.approx((55 + 100) / 2, abs=4)
    assert levels[76] == pytest.approx(100, abs=3)
    (tmp_path / "t.txt").write_text(schedule.replace(" ", "\n"))
    flags = ("-o", tmp_path / "cut.mp4", "--ss", "1.5", "--timeline", tmp_path / "t.txt")
    assert stylize(gray, *flags, engine="onnxruntime")[0] == 0
    assert mean_levels(tmp_path / "cut.mp4") == pytest.approx(
        levels[38:], abs=3
    )  # times are the input's


def test_styles_change_at_cuts_and_nothing_is_held_over_them(stylize, make_video, tmp_path):
    levels = (60, 200, 120)
    scenes = make_video(
        pts=list(range(0, 3000, 40)),
        pixels=lambda index: np.full((48, 64, 3), levels[index // 25], np.uint8),
        tones=0,
    )
    flags = (
        "-o",
        tmp_path / "out.mp4",
        "--style-schedule",
        "0:original cut:dim cut:negative",
        "--stability",
        "1",
        "--json",
    )
    code, out, _ = stylize(scenes, *flags, engine="onnxruntime")
    assert (code, json.loads(out)["cuts"], json.loads(out)["style"]) == (0, 2, "timeline")
    painted = mean_levels(tmp_path / "out.mp4")
    assert [painted[index] for index in (24, 25, 49, 50, 74)] == pytest.approx(
        [60, 100, 100, 135, 135], abs=3
    )


def test_a_preview_has_a_name_of_its_own_and_the_first_seconds(stylize, make_video, tmp_path):
    source = make_video(pts=list(range(0, 4000, 40)))
    assert stylize(source, "--preview", "1s", "--ss", "1")[0] == 0
    assert len(times(tmp_path / "clip_negative.preview.mp4")) == 25
    assert failure(stylize, source, "--preview", "soon")[0] == 2


def test_side_by_side_has_the_input_on_the_left(stylize, make_video, tmp_path):
    assert (
        stylize(make_video(), "-o", tmp_path / "out.mp4", "--side-by-side", engine="onnxruntime")[0]
        == 0
    )
    with VideoFile(tmp_path / "clip.mp4") as before, VideoFile(tmp_path / "out.mp4") as after:
        one, two = next(before.frames()).pixels.astype(int), next(after.frames()).pixels.astype(int)
    assert two.shape == (48, 128, 3)
    assert np.abs(two[:, :64] - one).mean() < 8
    assert np.abs(two[:, 64:] - (255 - one)).mean() < 12


def test_a_schedule_with_an_unknown_style_is_a_usage_error(stylize, make_video):
    code, line = failure(stylize, make_video(), "--style-schedule", "0:dim 1:negatif")
    assert (code, "negative" in line) == (2, True)


def test_what_is_behind_a_person_is_replaced(stylize, tmp_path):
    picture, mask = tmp_path / "me.png", tmp_path / "mask.png"
    write_png(picture, np.full((60, 80, 3), 200, np.uint8))
    person = np.zeros((30, 40, 3), np.uint8)  # of another size
    person[:, :20] = 255
    write_png(mask, person)
    out = tmp_path / "out.png"
    flags = ("-s", "negative", "--paint", "background", "--mask", mask, "--behind")
    assert stylize(picture, *flags, "#102030", "-o", out)[0] == 0
    painted = read_png(out)
    assert (painted[:, :38] == 200).all() and (painted[:, 42:] == (16, 32, 48)).all()
    code, _, err = stylize(picture, *flags, mask, "-y", "-o", out)
    assert code == 0 and (read_png(out)[:, 70:] == 0).all(), err
    code, _, err = stylize(picture, *flags, "nowhere.jpg", "-o", out)
    assert code == 2 and "there is no such file" in err and "#1a2b3c" in err
    code, _, err = stylize(picture, "-s", "negative", "--mask", mask, "-y", "-o", out)
    assert code == 2 and "--paint" in err


@pytest.mark.parametrize("ending", ["webm", "mov", "mkv"])
def test_a_person_is_cut_out_of_a_film(stylize, make_video, tmp_path, ending: str):
    mask = np.zeros((48, 64, 3), np.uint8)
    mask[:, :32] = 255
    write_png(tmp_path / "mask.png", mask)
    flags = ("-s", "negative", "--behind", "alpha", "--mask", tmp_path / "mask.png")
    out = tmp_path / f"out.{ending}"
    code, _, err = stylize(
        make_video(pts=list(range(0, 2000, 40))), *flags, "-o", out
    )  # two segments
    assert code == 0 and "white" not in err, err
    with VideoFile(out) as video:
        assert video.info.has_alpha
        frames = list(video.frames())
    assert len(frames) == 50
    for frame in (frames[0], frames[49]):
        assert frame.alpha[:, :28].min() > 250 and frame.alpha[:, 36:].max() < 5


def test_a_person_is_cut_out_of_a_picture_that_is_seen_through(stylize, tmp_path):
    pixels = np.full((60, 80, 4), 200, np.uint8)
    pixels[:30, :, 3], pixels[30:, :, 3] = 255, 100
    write_png(tmp_path / "me.png", pixels)
    mask = np.zeros((60, 80, 3), np.uint8)
    mask[:, :40] = 255
    write_png(tmp_path / "mask.png", mask)
    flags = ("-s", "negative", "--behind", "alpha", "--mask", tmp_path / "mask.png")
    assert stylize(tmp_path / "me.png", *flags, "-o", tmp_path / "out.png")[0] == 0
    with Image.open(tmp_path / "out.png") as picture:
        alpha = np.array(picture)[..., 3]
    assert (alpha[:30, :36] == 255).all() and (alpha[30:, :36] == 100).all()
    assert (alpha[:, 44:] == 0).all()


@pytest.mark.parametrize(
    ("output", "flags"),
    [
        ("out.mp4", ()),
        ("out.mov", ("--vcodec", "libx264")),
        ("out.gif", ()),
        ("out.webm", ("--side-by-side",)),
    ],
)
def test_what_keeps_no_transparency_is_refused(stylize, make_video, tmp_path, output, flags):
    flags = ("-s", "negative", "--behind", "alpha", "-o", tmp_path / output, *flags)
    code, line = failure(stylize, make_video(), *flags)
    assert code == 2 and "--behind alpha" in line and "transparency" in line
    assert not list(tmp_path.glob("out*"))
    with pytest.raises(UsageError, match="--behind alpha: a pipe keeps no transparency"):
        check_encoding(Encoding(keeps_alpha=True), [STDIO])


def test_nobody_in_the_picture_is_said(stylize, tmp_path):
    picture = tmp_path / "wall.png"
    write_png(picture, np.full((60, 80, 3), 90, np.uint8))
    code, _, err = stylize(picture, "-s", "negative", "--paint", "person")
    assert code == 0 and "no person was found in any frame" in err
    np.testing.assert_array_equal(read_png(tmp_path / "wall_negative.png"), read_png(picture))


def write_png(path: Path, pixels: np.ndarray) -> None:
    Image.fromarray(pixels).save(path)


def read_png(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def test_a_style_is_named_as_people_do(stylize, make_video, tmp_path):
    assert stylize(make_video(), "-s", "Nega Tive:2,DIM")[0] == 0
    assert visible(tmp_path) == {"clip.mp4", "clip_negative+dim.mp4"}
    assert stylize(tmp_path / "clip.mp4", "--style-schedule", "0:DIM 1:Negative")[0] == 0


@pytest.mark.parametrize("flags", [("-s", "all"), ("-s", "negative", "-s", "dim", "-s", "Dim")])
def test_several_styles_give_several_outputs(stylize, make_video, tmp_path, flags):
    source = make_video()
    code, out, err = stylize(source, *flags, "--json", engine="onnxruntime")
    assert code == 0
    assert "2 files: 2 done" in err
    assert visible(tmp_path) == {"clip.mp4", "clip_negative.mp4", "clip_dim.mp4"}
    assert [item["style"] for item in json.loads(out)["items"]] == ["negative", "dim"]
    levels = [
        float(np.mean(mean_levels(tmp_path / f"clip{end}.mp4")))
        for end in ("", "_negative", "_dim")
    ]
    assert levels[1] == pytest.approx(255 - levels[0], abs=4)
    assert levels[2] == pytest.approx(levels[0] / 2, abs=4)
    # What a folder holds of it is no input of another style.
    plans = json.loads(stylize(tmp_path, *flags, "-y", "--dry-run", "--json")[1])
    assert {plan["input"] for plan in plans} == {str(source)}


def test_several_styles_never_share_an_output(stylize, make_video, tmp_path):
    both = ("-s", "negative", "-s", "dim")
    code, line = failure(stylize, make_video(), *both, "-o", tmp_path / "out.mp4")
    assert (code, "Put {style} in it" in line) == (2, True)
    assert failure(stylize, tmp_path / "clip.mp4", *both, "-o", "-")[0] == 2
    assert failure(stylize, "-", *both, "-o", tmp_path / "out{style}.mp4")[0] == 2
    code, line = failure(stylize, tmp_path / "clip.mp4", *both, "--style-schedule", "0:dim")
    assert (code, "styles over time" in line) == (2, True)


def test_one_style_that_fails_does_not_stop_the_others(stylize, make_video, tmp_path):
    (tmp_path / "clip_negative.mp4").write_bytes(b"precious")
    code, _, err = stylize(make_video(), "-s", "all")
    assert (code, "exists" in err, (tmp_path / "clip_dim.mp4").exists()) == (1, True, True)


def test_a_gif_keeps_its_times_and_says_what_it_lacks(stylize, make_video, tmp_path):
    pts = [0, 40, 45, 400, 1000]
    code, _, err = stylize(make_video(pts=pts), "-o", tmp_path / "out.gif", "-s", "negative")
    assert (code, "no sound" in err) == (0, True)
    # What is shown for less than two hundredths is left out: browsers would show it far longer.
    assert times(tmp_path / "out.gif") == [pytest.approx(t / 1000) for t in (0, 40, 400, 1000)]
    with VideoFile(tmp_path / "clip.mp4") as before, VideoFile(tmp_path / "out.gif") as after:
        one, two = next(before.frames()).pixels, next(after.frames()).pixels
    assert np.abs(one.astype(int) - two).mean() < 8
    code, line = failure(stylize, tmp_path / "clip.mp4", "-o", tmp_path / "x.gif", "--crf", "20")
    assert (code, "GIF" in line) == (2, True)


def test_a_file_that_is_not_there_is_asked_back(stylize, make_video, tmp_path):
    make_video("holiday.mp4")
    code, line = failure(stylize, tmp_path / "Holliday.mp4")
    assert (code, f"Did you mean {tmp_path / 'holiday.mp4'}?" in line) == (3, True)
    code, line = failure(stylize, "https://youtu.be/x")
    assert (code, "https://youtu.be/x: is an address" in line) == (3, True)


@pytest.mark.parametrize("codec", ["libx265", "libsvtav1"])
def test_encoders_say_nothing_of_their_own(make_video, tmp_path, codec):
    if codec not in av.codecs_available:
        pytest.skip(f"this FFmpeg has no {codec}")
    command = ["stylize_video.py", make_video(), "-o", tmp_path / "out.mkv", "--vcodec", codec]
    done = subprocess.run(
        [sys.executable, *map(str, command), "--engine", "passthrough"],
        cwd=Path(stylize_video.__file__).parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "265 [" not in done.stderr and "Svt[" not in done.stderr
