from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from engines import EngineOptions, Models, find_model, open_engine
from engines.errors import UnknownStyle
from engines.runtimes.passthrough import Passthrough
from realtime.frame import Frame
from realtime.look import Look
from realtime.picture.layers import LookPictures
from realtime.picture.resample import Scaler
from realtime.stylizer import Stylizer
from tests.conftest import moving_square

NEGATIVE = (("negative", 1.0),)


class Arithmetic(Passthrough):
    """What ``tiny_model`` computes, without a runtime, and how often it was asked."""

    def __init__(self, model) -> None:
        super().__init__(model, EngineOptions())
        self.sizes: list[tuple[int, int]] = []

    def _infer(self, frames, conditions):
        self.sizes.append(frames.shape[1:3])
        style = conditions["style"]
        gain, offset = style @ [1, -1, 0.5], style @ [0, 255, 0]
        return np.rint(frames * gain[:, None, None, None] + offset[:, None, None, None]).astype(
            np.uint8
        )


@pytest.fixture
def engine(tiny_model):
    return Arithmetic(tiny_model)


def frame_of(pixels: np.ndarray) -> Frame:
    return Frame(pixels, 0)


SQUARE = moving_square(3, (480, 500))


def test_a_frame_at_480_lines_goes_through_as_it_is(engine):
    out = Stylizer(engine, Look(NEGATIVE)).stylize(frame_of(SQUARE), 0.0)
    np.testing.assert_array_equal(out, 255 - SQUARE)


def test_the_tiny_model_computes_the_same_in_a_real_runtime(tiny_model, engine):
    look = Look((("negative", 1.0), ("dim", 1.0)), 0.8)
    with open_engine("onnxruntime", tiny_model, size=(480, 500)) as runtime:
        real = Stylizer(runtime, look).stylize(frame_of(SQUARE), 0.0)
    np.testing.assert_allclose(
        real.astype(int), Stylizer(engine, look).stylize(frame_of(SQUARE), 0.0), atol=1
    )


def test_strength_0_is_the_frame_bit_for_bit_and_asks_no_engine(engine):
    frame = moving_square(1, (33, 47))
    out = Stylizer(engine, Look(NEGATIVE, strength=0.0)).stylize(frame_of(frame), 0.0)
    np.testing.assert_array_equal(out, frame)
    assert out is not frame
    assert engine.sizes == []


@pytest.mark.parametrize("size", [(1, 1), (33, 47), (720, 1280), (960, 640)])
def test_every_size_comes_back_at_its_own(engine, size):
    frame = moving_square(1, size)
    stylizer = Stylizer(engine, Look(NEGATIVE))
    out = stylizer.stylize(frame_of(frame), 0.0)
    assert (out.shape, out.dtype) == ((*size, 3), np.uint8)
    assert engine.sizes == [stylizer.inference_size] == [stylizer.plan_size(size)]
    assert np.abs(out - (255.0 - frame)).mean() < 3


def test_the_same_picture_at_two_sizes_gets_the_same_look(engine):
    stylizer = Stylizer(engine, Look((("dim", 1.0),)))
    large = moving_square(5, (960, 1280))
    small = large.reshape(480, 2, 640, 2, 3).mean((1, 3)).astype(np.uint8)
    painted_large = stylizer.stylize(frame_of(large), 0.0).reshape(480, 2, 640, 2, 3).mean((1, 3))
    assert np.abs(painted_large - stylizer.stylize(frame_of(small), 0.0)).mean() < 2


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """(1080, 1080, 3) uint8 RGB: a photo with a face in it."""
    from PIL import Image

    found = find_spec("skimage")
    path = Path(found.origin).parent / "data" / "astronaut.png" if found else None
    if path is None or not path.exists():
        pytest.skip("the photo comes with scikit-image, which is not installed")
    return np.asarray(
        Image.open(path).convert("RGB").resize((1080, 1080), Image.Resampling.BICUBIC)
    )


@pytest.mark.parametrize("number", [1, 2])
def test_a_painting_has_the_same_look_on_480_and_1080_lines(photo, number):
    model, scaler = find_model(None, []), Scaler()
    small = scaler.resize(photo, (480, 480))
    with open_engine("onnxruntime", model, EngineOptions(precision="fp32"), (480, 480)) as runtime:
        stylizer = Stylizer(runtime, Look(((model.style_names[number], 1.0),)))
        painted = stylizer.stylize(frame_of(small), 0.0).astype(int)
        painted_large = stylizer.stylize(frame_of(photo), 0.0)
    assert np.abs(painted - small).mean() > 20  # it is painted at all
    assert np.abs(painted - scaler.resize(painted_large, (480, 480))).mean() < 12


@pytest.mark.parametrize("size", [(480, 480), (1080, 1080), (240, 240)])
@pytest.mark.parametrize("strength", [0.001, 0.25, 0.6])
def test_strength_mixes_with_the_frame_itself_at_every_size(engine, size, strength):
    noise = np.random.default_rng(0).integers(
        0, 256, (*size, 3), dtype=np.uint8
    )  # nothing of it outlives a resampling
    full = Stylizer(engine, Look(NEGATIVE)).stylize(frame_of(noise), 0.0)
    out = Stylizer(engine, Look(NEGATIVE, strength)).stylize(frame_of(noise), 0.0)
    np.testing.assert_allclose(
        out, (1 - strength) * noise + strength * full.astype(float), atol=1.6
    )


def test_what_is_left_of_the_original_keeps_its_noise_at_every_size(engine):
    """Noise is taken out for the network, not for the frame."""
    for size in ((480, 480), (600, 600)):
        stylizer = Stylizer(engine, Look(NEGATIVE, 0.02))
        frames = [
            np.random.default_rng(n).normal(128, 3, (*size, 3)).astype(np.uint8) for n in range(6)
        ]
        last = [stylizer.stylize(frame_of(frame), 0.0) for frame in frames][-1]
        assert last.std() > 0.9 * frames[-1].std()


def test_a_fade_to_the_original_does_not_pop(engine):
    frame = moving_square(3, (1080, 1200))
    stylizer = Stylizer(engine, Look(NEGATIVE))
    stylizer.set_look(Look((("original", 1.0),)), fade_s=1.0, now_s=0.0)
    last, after = (stylizer.stylize(frame_of(frame), time_s).astype(int) for time_s in (0.99, 1.0))
    np.testing.assert_array_equal(after, frame)
    assert np.abs(last - after).max() <= 1


def test_the_brush_changes_the_size_of_the_network(engine):
    stylizer = Stylizer(engine, Look(NEGATIVE, brush=2.0))
    stylizer.stylize(frame_of(SQUARE), 0.0)
    stylizer.set_look(Look(NEGATIVE, brush=1.0))
    stylizer.stylize(frame_of(SQUARE), 0.0)
    assert engine.sizes == [(240, 250), (480, 500)]


def test_an_inference_size_that_is_fixed_holds(engine):
    stylizer = Stylizer(engine, Look(NEGATIVE), inference_size=(120, 160))
    stylizer.stylize(frame_of(SQUARE), 0.0)
    stylizer.set_inference_size(None)
    stylizer.stylize(frame_of(SQUARE), 0.0)
    assert engine.sizes == [(120, 160), (480, 500)]


def test_styles_cross_fade_smoothly_and_arrive(engine):
    grey = np.full((480, 480, 3), 100, np.uint8)
    stylizer = Stylizer(engine, Look(NEGATIVE))
    stylizer.set_look(Look((("dim", 1.0),)), fade_s=1.0, now_s=10.0)
    levels = [
        int(stylizer.stylize(frame_of(grey), 10.0 + t)[0, 0, 0])
        for t in (0.0, 0.1, 0.5, 0.9, 1.0, 5.0)
    ]
    assert levels[0] == 155
    assert levels[-2:] == [50, 50]
    assert levels == sorted(levels, reverse=True)
    assert abs(levels[2] - 102) <= 1
    assert levels[0] - levels[1] < 5  # smoothstep starts slowly


def test_a_fade_that_is_interrupted_goes_on_from_where_it_is(engine):
    grey = np.full((480, 480, 3), 100, np.uint8)
    stylizer = Stylizer(engine, Look(NEGATIVE))
    stylizer.set_look(Look((("dim", 1.0),)), fade_s=1.0, now_s=0.0)
    before = stylizer.stylize(frame_of(grey), 0.5)[0, 0, 0]
    stylizer.set_look(Look(NEGATIVE), fade_s=1.0, now_s=0.5)
    assert stylizer.stylize(frame_of(grey), 0.5)[0, 0, 0] == before


@pytest.fixture
def two(engine, inky_model) -> Stylizer:
    """Begins with ``dim`` of the one model; ``sepia`` of the other is its negative."""
    models = Models((engine.model, inky_model))
    stylizer = Stylizer(engine, Look((("dim", 1.0),), denoise=False), models=models)
    stylizer.engines = (engine, Arithmetic(inky_model))
    return stylizer


def test_a_fade_to_another_model_mixes_what_both_paint_and_ends_with_one(two: Stylizer):
    grey = frame_of(np.full((480, 480, 3), 100, np.uint8))
    first, second = two.engines
    assert two.stylize(grey, 0.0)[0, 0, 0] == 50 and not second.sizes
    assert two.engine is first
    two.set_look(Look((("sepia", 1.0),), denoise=False), fade_s=2.0, now_s=10.0)
    assert [model.name for model in two.painting_models(10.0)] == ["tiny", "inky"]
    levels = [int(two.stylize(grey, at)[0, 0, 0]) for at in (10.0, 10.4, 11.0, 11.6, 12.0)]
    assert (levels[0], levels[-1]) == (50, 155) and levels == sorted(levels)
    assert abs(levels[2] - 102) <= 1
    assert (len(first.sizes), len(second.sizes)) == (5, 4), "both at once only while it fades"
    assert two.engine is second
    assert [model.name for model in two.painting_models(12.0)] == ["inky"]


def test_a_fade_between_models_that_is_turned_round_goes_on_from_where_it_is(two: Stylizer):
    grey = frame_of(np.full((480, 480, 3), 100, np.uint8))
    two.set_look(Look((("sepia", 1.0),), denoise=False), fade_s=2.0, now_s=0.0)
    before = two.stylize(grey, 0.7)[0, 0, 0]
    two.set_look(Look((("negative", 1.0),), denoise=False), fade_s=2.0, now_s=0.7)
    assert two.stylize(grey, 0.7)[0, 0, 0] == before
    assert two.stylize(grey, 2.7)[0, 0, 0] == 155
    two.set_look(Look((("sepia", 1.0),), strength=0.5, denoise=False))
    assert abs(int(two.stylize(grey, 3.0)[0, 0, 0]) - 128) <= 1


def test_what_stands_still_is_held_anew_with_another_model(two: Stylizer):
    """As with another style: nothing of the old painting shines through once a fade has ended."""
    two.set_look(Look((("dim", 1.0),)))
    for at in range(4):
        two.stylize(frame_of(SQUARE), at)
    two.set_look(Look((("sepia", 1.0),)), fade_s=1.0, now_s=4.0)
    for at in (4.0, 4.5):
        two.stylize(frame_of(SQUARE), at)
    np.testing.assert_allclose(two.stylize(frame_of(SQUARE), 5.0), 255 - SQUARE, atol=1)


def test_a_look_that_the_model_lacks_changes_nothing(engine):
    stylizer = Stylizer(engine, Look(NEGATIVE))
    with pytest.raises(UnknownStyle):
        stylizer.set_look(Look((("nobody", 1.0),)))
    assert stylizer.look.mix == NEGATIVE


def test_keep_color_takes_the_luma_of_the_painting_and_the_chroma_of_the_frame(engine):
    frame = np.empty((480, 480, 3), np.uint8)
    frame[:] = (120, 100, 90)
    out = (
        Stylizer(engine, Look((("dim", 1.0),), keep_color=True))
        .stylize(frame_of(frame), 0.0)
        .astype(int)[0, 0]
    )
    luma = out @ [0.299, 0.587, 0.114]
    assert luma == pytest.approx(0.5 * (frame[0, 0] @ [0.299, 0.587, 0.114]), abs=1.5)
    assert (out[0] - out[1], out[1] - out[2]) == (20, 10)


def test_stability_turned_off_and_on_again_brings_no_old_painting_back(engine):
    dim = (("dim", 1.0),)
    stylizer = Stylizer(engine, Look(NEGATIVE, stability=1.0))
    stylizer.stylize(frame_of(SQUARE), 0.0)
    stylizer.set_look(Look(dim))
    stylizer.stylize(frame_of(SQUARE), 1.0)
    stylizer.set_look(Look(dim, stability=1.0))
    np.testing.assert_allclose(stylizer.stylize(frame_of(SQUARE), 2.0), SQUARE // 2, atol=1)


class OnTensors(Arithmetic):
    """Takes tensors as well, and gives one for one."""

    takes_tensors = True

    def _infer(self, frames, conditions):
        painted = super()._infer(np.asarray(frames), conditions)
        return painted if isinstance(frames, np.ndarray) else torch_of(painted)

    def _start_tensor(self, frames, conditions):
        return self._start(frames, conditions)


def torch_of(array: np.ndarray):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    return torch.from_numpy(array)


@pytest.mark.parametrize("look", [Look(NEGATIVE, stability=0.9), Look(NEGATIVE, strength=0.0)])
def test_tensors_become_tensors_and_look_as_arrays_do(tiny_model, look):
    frames = [moving_square(step, (480, 500)) for step in range(3)]
    stylizer, other = (Stylizer(OnTensors(tiny_model), look) for _ in range(2))
    for frame in frames:
        painting = stylizer.begin(frame_of(torch_of(frame)), 0.0)()
        assert type(painting) is type(torch_of(frame))
        np.testing.assert_array_equal(painting.numpy(), other.stylize(frame_of(frame), 0.0))


@pytest.mark.parametrize("before", [{"paint": "person"}, {"grade": "sunset"}])
def test_a_fade_keeps_frames_off_a_gpu_until_it_has_ended(tiny_model, before):
    stylizer = Stylizer(OnTensors(tiny_model), Look(NEGATIVE, **before))
    stylizer.set_look(Look(NEGATIVE), fade_s=1.0, now_s=5.0)
    assert [stylizer.paints_tensors(now_s) for now_s in (5.0, 5.9, 6.0)] == [False, False, True]
    stylizer.set_look(Look(NEGATIVE, stability=0.5))
    assert not stylizer.paints_tensors(9.0)


def test_frames_that_come_to_lie_elsewhere_begin_anew(tiny_model):
    """What is remembered belongs to one kind of pixels."""
    stylizer = Stylizer(OnTensors(tiny_model), Look(NEGATIVE))
    stylizer.stylize(frame_of(SQUARE), 0.0)
    assert stylizer.begun_state()
    stylizer.stylize(frame_of(torch_of(SQUARE // 2)), 0.0)
    np.testing.assert_array_equal(stylizer.begun_state()["mean"], SQUARE // 2)


def half_painted(engine, fixed=True, **look) -> np.ndarray:
    """The square painted where the left half is a person, by a mask that is given."""
    mask = np.zeros((48, 50), np.uint8)
    mask[:, :25] = 255
    backdrop = np.full((10, 10, 3), 77, np.uint8)
    stylizer = Stylizer(
        engine, Look(NEGATIVE, **look), pictures=LookPictures(backdrop, mask if fixed else None)
    )
    try:
        return stylizer.stylize(frame_of(SQUARE), 0.0)
    finally:
        stylizer.close()


LEFT, RIGHT = np.s_[:, :240], np.s_[:, 260:]
DIM = np.rint(SQUARE * 0.5)


@pytest.mark.parametrize(
    ("look", "person", "behind"),
    [
        ({"paint": "person"}, 255 - SQUARE, SQUARE),
        ({"paint": "background"}, SQUARE, 255 - SQUARE),
        ({"behind": "original"}, 255 - SQUARE, SQUARE),
        ({"behind": "dim"}, 255 - SQUARE, DIM),
        ({"paint": "background", "behind": "dim"}, SQUARE, DIM),
        ({"behind": "picture"}, 255 - SQUARE, np.full_like(SQUARE, 77)),
        ({"paint": "background", "behind": "#102030"}, SQUARE, np.full_like(SQUARE, (16, 32, 48))),
        ({"behind": "dim", "strength": 0.5}, np.full_like(SQUARE, 127), np.rint(SQUARE * 0.75)),
    ],
)
def test_a_person_and_what_is_behind_are_painted_apart(engine, look, person, behind):
    out = half_painted(engine, **look).astype(int)
    for side, expected in ((LEFT, person), (RIGHT, behind)):
        # Halves go up, and twice where two paintings are mixed.
        assert np.abs(out[side] - expected[side]).max() <= (2 if "strength" in look else 0)


def test_who_is_painted_is_painted_once(engine):
    half_painted(engine, paint="person")
    assert len(engine.sizes) == 1
    half_painted(engine, behind="dim")
    assert len(engine.sizes) == 3
    half_painted(engine, paint="background", behind="blur")
    assert len(engine.sizes) == 3  # nothing of it is paint


def test_who_is_painted_fades(engine):
    mask = np.full((4, 4), 255, np.uint8)
    stylizer = Stylizer(engine, Look(NEGATIVE), pictures=LookPictures(mask=mask))
    stylizer.set_look(Look(NEGATIVE, paint="background"), fade_s=1.0, now_s=0.0)
    means = [
        abs(stylizer.stylize(frame_of(SQUARE), t) - SQUARE.astype(int)).mean() for t in range(2)
    ]
    halfway = abs(stylizer.stylize(frame_of(SQUARE), 0.5) - SQUARE.astype(int)).mean()
    stylizer.close()
    assert means[1] == 0 and 0.4 * means[0] < halfway < 0.6 * means[0]


def test_nothing_is_behind_a_person_who_is_cut_out(engine):
    mask = np.zeros((480, 500), np.uint8)
    mask[:, :250] = 255
    look = Look(NEGATIVE, behind="alpha")
    stylizer = Stylizer(engine, Look(NEGATIVE), pictures=LookPictures(mask=mask))
    stylizer.stylize(frame_of(SQUARE), 0.0)
    assert stylizer.cutout is None
    stylizer.set_look(look, fade_s=1.0, now_s=0.0)
    out = stylizer.stylize(frame_of(SQUARE), 1.0)
    cutout = stylizer.cutout
    np.testing.assert_array_equal(cutout[LEFT][..., :3], 255 - SQUARE[LEFT])
    assert (cutout[:, :240, 3] == 255).all()
    assert (cutout[:, 260:] == 0).all()  # of the room there is nothing left to be found
    np.testing.assert_array_equal(out[LEFT], 255 - SQUARE[LEFT])
    assert set(np.unique(out[:, 260:])) == {128, 160}  # chequers
    stylizer.set_look(look, now_s=2.0)
    stylizer.set_look(Look(NEGATIVE), fade_s=1.0, now_s=2.0)
    stylizer.stylize(frame_of(SQUARE), 4.0)
    assert stylizer.cutout is None
    stylizer.close()


def test_a_person_appears_as_the_room_goes(engine):
    stylizer = Stylizer(
        engine, Look(NEGATIVE), pictures=LookPictures(mask=np.zeros((4, 4), np.uint8))
    )
    stylizer.set_look(Look(NEGATIVE, behind="alpha"), fade_s=1.0, now_s=0.0)
    stylizer.stylize(frame_of(SQUARE), 0.5)
    np.testing.assert_array_equal(stylizer.cutout[..., :3], 255 - SQUARE)  # as it is, not mixed
    assert (np.abs(stylizer.cutout[..., 3].astype(int) - 128) <= 1).all()
    stylizer.close()


def test_two_paintings_of_a_frame_take_two_of_what_an_engine_has_under_way(engine):
    engine.in_flight = 5
    assert Stylizer(engine, Look(NEGATIVE)).in_flight == 5
    assert Stylizer(engine, Look(NEGATIVE, behind="dim")).in_flight == 2


def test_an_unknown_style_behind_is_refused(engine):
    with pytest.raises(UnknownStyle):
        Stylizer(engine, Look(NEGATIVE, behind="no_such"))


def test_each_number_fades_by_itself(tiny_model):
    """A style that cuts does not end a strength that fades, nor is one faded twice."""
    stylizer = Stylizer(OnTensors(tiny_model), Look(NEGATIVE))
    own_s = {"strength": 4.0, "canvas": 2.0}
    stylizer.set_look(Look(NEGATIVE, strength=0.0, canvas=0.0), 0.4, 10.0, own_s)
    stylizer.set_look(Look((("dim", 1.0),), strength=0.0, canvas=0.0), 0.0, 11.0, own_s)
    half = stylizer._layers_at(12.0)
    assert (half.strength, half.canvas) == (0.5, 0.0) and stylizer.is_fading(13.9)
    dim = Stylizer(OnTensors(tiny_model), Look((("dim", 1.0),)))._layers_at(0.0)
    np.testing.assert_array_equal(half.person_style, dim.person_style)
    assert stylizer._layers_at(11.0).canvas == 0.5 and not stylizer.is_fading(14.0)
    stylizer.set_look(Look((("dim", 1.0),), strength=1.0), 0.4, 12.0)
    assert stylizer._layers_at(12.2).strength == pytest.approx(0.75)  # from where it was
