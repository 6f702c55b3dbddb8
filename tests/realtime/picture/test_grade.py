"""Grading: tables, what is remembered, and that nothing flickers."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import engines
from engines.errors import SourceError, UsageError
from engines.grade import GradeNetwork, _limited, grade_view, grid
from realtime.media.reading.grades import grade_of, read_grade
from realtime.picture.grade import Grade, Grader, look_up, resampled, sampled
from tests.small_frame import small_frame

NETWORK = GradeNetwork()
PHOTO = np.asarray(Image.open(Path(engines.__file__).parent / "plans" / "check.jpg"))
WARM = (np.array([1.0, 0.75, 0.45]), np.array([30, 10, 0]))


def graded_photo(gain: np.ndarray, offset: np.ndarray) -> np.ndarray:
    return np.clip(PHOTO * gain + offset, 0, 255).astype(np.uint8)


def reference() -> Grade:
    return grade_of(graded_photo(*WARM), "warm", NETWORK)


def fixed(table: np.ndarray, name: str = "film") -> Grade:
    return Grade(name, name, np.empty(0, np.float32), table)


def test_the_table_that_changes_nothing_changes_nothing():
    frame = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    for size in (2, 13, 33, 65):
        change = np.abs(look_up(frame, grid(size)).astype(int) - frame)
        assert change.max() <= 1 and change.mean() < 0.2


def test_a_table_is_trilinear_and_rounded():
    table = np.random.default_rng(1).random((5, 5, 5, 3)).astype(np.float32)
    frame = np.random.default_rng(2).integers(0, 256, (20, 20, 3), np.uint8)
    r, g, b = (frame[..., c].ravel() / 255 * 4 for c in range(3))
    exact = [
        255 * sampled(table, [np.array([place]) for place in at])[0, 0, 0]
        for at in np.stack([b, g, r], 1)
    ]
    np.testing.assert_allclose(look_up(frame, table).reshape(-1, 3), exact, atol=0.51)


def test_shares_lie_between_the_frame_and_the_grade():
    frame, dark = small_frame(48, 64), fixed(np.zeros((2, 2, 2, 3), np.float32))
    half = Grader().apply(frame, {dark: 0.5})
    np.testing.assert_allclose(half, frame / 2, atol=1.1)


def test_two_grades_fade_into_each_other():
    frame = small_frame(48, 64)
    black, white = fixed(0 * grid(2), "black"), fixed(0 * grid(2) + 1, "white")
    assert np.abs(Grader().apply(frame, {black: 0.5, white: 0.5}).astype(int) - 128).max() <= 1


def test_finer_tables_stay_as_fine():
    table = np.random.default_rng(1).random((65, 65, 65, 3)).astype(np.float32)
    frame = small_frame(48, 64)
    np.testing.assert_array_equal(Grader().apply(frame, {fixed(table): 1.0}), look_up(frame, table))
    assert resampled(table, 65) is table


def test_a_warm_picture_makes_warmer():
    frame = PHOTO[::2, ::2].copy()
    warm = Grader().apply(frame, {reference(): 1.0}).astype(int)
    change = (warm - frame).mean((0, 1))
    assert change[0] > change[2] + 10


def test_a_grey_picture_takes_colour_away():
    grey = np.repeat(PHOTO.mean(2, keepdims=True), 3, 2).astype(np.uint8)
    frame = np.clip(PHOTO[::2, ::2] * (1.2, 0.9, 0.6), 0, 255).astype(np.uint8)
    grade = grade_of(grey, "grey", NETWORK)
    result = Grader().apply(frame, {grade: 1.0}).astype(int)

    def colour(picture: np.ndarray) -> float:
        return float(np.ptp(picture.astype(int), axis=2).mean())

    assert colour(result) < 0.5 * colour(frame)


def test_ramps_have_no_steps():
    """Greys and single colours, by pictures that are far from what is graded."""
    grey = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, 2)
    ramps = [grey, *(grey * (np.arange(3) == channel).astype(np.uint8) for channel in range(3))]
    harsh = np.where(PHOTO > 110, 255, PHOTO // 4).astype(np.uint8)
    pictures = [graded_photo(*WARM), graded_photo(np.array([0.5, 0.7, 1.0]), 0), harsh, 255 - PHOTO]
    for picture in pictures:
        grader, grade = Grader(), grade_of(picture, "x", NETWORK)
        grader.apply(PHOTO, {grade: 1.0})
        for ramp in ramps:
            graded = grader.apply(ramp, {grade: 1.0}, hold=True).astype(int)
            assert np.abs(np.diff(graded, axis=1)).max() <= 2


def test_tables_are_nowhere_too_steep_and_stay_where_they_are_not():
    random = np.random.default_rng(3)
    for table in (0.5 * grid(9) + 0.2, random.random((9, 9, 9, 3)).astype(np.float32)):
        limited = _limited(table)
        lines = [np.diff(limited, axis=axis) for axis in range(3)]
        lines.append(limited[1:, 1:, 1:] - limited[:-1, :-1, :-1])
        assert max(np.abs(line).max() for line in lines) <= 1.5 / 8 + 1e-6
    gentle = 0.5 * grid(9) + 0.2
    np.testing.assert_allclose(_limited(gentle), gentle, atol=1e-6)


def test_what_stands_still_stays_the_same():
    grader, frame, grade = Grader(), small_frame(96, 128), reference()
    shown = [grader.apply(frame, {grade: 1.0}) for _ in range(20)]
    for painting in shown[1:]:
        np.testing.assert_array_equal(painting, shown[0])


def test_noise_is_not_followed():
    """What comes and goes would move all colours to and fro."""
    grader, grade, random = Grader(), reference(), np.random.default_rng(4)
    frame = PHOTO[::2, ::2]
    grader.apply(frame, {grade: 1.0})
    table = grader.table
    for _ in range(12):
        noise = random.normal(0, 4, frame.shape)
        grader.apply(np.clip(frame + noise, 0, 255).astype(np.uint8), {grade: 1.0})
    assert grader.table is table


def test_a_change_is_followed_slowly_and_at_a_cut_at_once():
    day, night = small_frame(96, 128), (small_frame(96, 128) * 0.3).astype(np.uint8)
    grade = reference()
    alone = Grader().apply(night, {grade: 1.0})
    grader = Grader()
    grader.apply(day, {grade: 1.0})
    first = grader.apply(night, {grade: 1.0})
    later = [grader.apply(night, {grade: 1.0}) for _ in range(200)][-1]
    distance = [np.abs(p.astype(int) - alone).mean() for p in (first, later)]
    assert distance[0] > 2 and distance[1] < 0.5
    grader.apply(day, {grade: 1.0}, state={})
    np.testing.assert_array_equal(grader.apply(night, {grade: 1.0}, state={}), alone)


def test_a_held_grade_does_not_follow():
    day, night = small_frame(96, 128), (small_frame(96, 128) * 0.3).astype(np.uint8)
    grader, grade = Grader(), reference()
    grader.apply(day, {grade: 1.0})
    table = grader.table
    for _ in range(12):
        grader.apply(night, {grade: 1.0}, hold=True)
    np.testing.assert_array_equal(grader.table, table)


def test_another_grader_goes_on_bit_for_bit():
    frames = [np.roll(small_frame(96, 128), 7 * n, 1) // (1 + n % 3) for n in range(24)]
    grader, grade = Grader(), reference()
    whole = [grader.apply(frame, {grade: 1.0}) for frame in frames]
    for cut in range(1, 12):
        first, second = Grader(), Grader()
        for frame in frames[:cut]:
            first.apply(frame, {grade: 1.0})
        rest = [second.apply(frames[cut], {grade: 1.0}, state=first.state())]
        rest += [second.apply(frame, {grade: 1.0}) for frame in frames[cut + 1 :]]
        np.testing.assert_array_equal(rest, whole[cut:])


@pytest.mark.parametrize(
    "picture, says",
    [
        (Image.new("RGB", (90, 60), (2, 2, 2)), "is black"),
        (Image.new("RGB", (90, 60), (200, 40, 40)), "is of one colour"),
        (Image.new("L", (90, 60), 128), "is of one colour"),
    ],
)
def test_what_has_no_light_and_dark_is_refused(tmp_path: Path, picture: Image.Image, says: str):
    picture.save(tmp_path / "flat.png")
    with pytest.raises(SourceError, match=f"flat.png: {says}"):
        read_grade(str(tmp_path / "flat.png"))


def test_other_kinds_of_pictures_are_graded_by(tmp_path: Path):
    """CMYK, 16 bits and palettes are read as what they look like."""
    photo = Image.fromarray(graded_photo(*WARM))
    photo.convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    photo.quantize(64).save(tmp_path / "b.png")
    photo.convert("L").convert("I;16").point(lambda x: x * 256).save(tmp_path / "c.png")
    plain = reference().code
    for name in ("a.jpg", "b.png"):
        code = read_grade(str(tmp_path / name)).code
        assert np.linalg.norm(code - plain) < 0.5 * np.linalg.norm(plain)
    assert np.isfinite(read_grade(str(tmp_path / "c.png")).code).all()


def test_a_missing_file_is_said():
    with pytest.raises(UsageError, match="there is no such file"):
        read_grade("nowhere.jpg")


def test_views_have_one_size():
    for size in ((48, 64), (720, 1280), (3, 2), (1, 900)):
        assert grade_view(np.zeros((*size, 3), np.uint8)).shape == (18, 24, 3)
