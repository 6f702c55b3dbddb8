"""Two moments of a scene with the motion between them.

They are photos under motion that is drawn, so exactly known, and real clips.
"""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from engines.canvas import View, draw_canvas
from training.clips import Clip
from training.config import TrainingConfig
from training.data import read_photo, resize_short_side
from training.faces import FaceFinder
from training.motion import estimate_motion, warp

_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
# Frames are shown at the scale at which they are stylised: 480 lines, give or take what people film
# closer or wider. A config may ask for others.
_SHORT_SIDE_PX = (340.0, 640.0)
_CLIP_GAPS = (1, 1, 2, 4, 8)  # frames between the two moments; neighbours are what flickers most
_SAME_POINT = 0.15  # of 1: a point of the scene changes by less between two frames
_FACE_TRIES = 8
# Photos of faces are drawn at up to so many times the size: those in front of a webcam are large.
_CLOSER = 2.0
_NOISE = (0.0005, 0.035)  # from what a good camera leaves after compression to a webcam at night
_SOFT_SHARE, _SOFT_PX = (
    0.65,
    (0.5, 2.0),
)  # a clip has a third of a photo's fine detail: small lenses, focus, compression
_SATURATION, _BRIGHTNESS, _CAST, _GAMMA = (0.2, 1.2), 0.15, 0.07, 0.35
_LOST_SHARE = 0.1  # of the canvases do not follow the camera
_CELL_PX = 8  # where a config does not say otherwise
_EVERY_PX = 8  # the camera's motion is looked at
_LIGHT_PX = 15  # light changes over areas, noise from pixel to pixel


@dataclass(frozen=True)
class Pair:
    """A batch of scenes at two moments.

    before, after: (N, 3, H, W) fp32 RGB 0..1. flow: (N, 2, H, W) fp32, from pixels of ``after`` to
    where they were in ``before``, right and down. visible: (N, 1, H, W), 1 where that is known and
    was not covered. luminance_change: (N, 1, H, W), how much brighter ``after`` is along the motion
    by light, noise not counted. face: (N, 1, H, W), 1 where ``before`` shows a face. canvas_before,
    canvas_after: (N, C, h, w) at the network's cells, carried along with the camera.
    """

    before: Tensor
    after: Tensor
    flow: Tensor
    visible: Tensor
    luminance_change: Tensor
    face: Tensor
    canvas_before: Tensor
    canvas_after: Tensor


_Drawn = tuple[np.ndarray, ...]  # one sample: the fields of ``Pair`` without N


class BatchSampler:
    """Draws ``Pair`` batches for ever, with ``ahead`` on a thread of its own.

    Close it when done. Repeatable for a seed. What a batch is, ``_draw`` says.

    Ahead is for training on a GPU. Where the step itself uses every core, each thread beside it
    holds all of them up.
    """

    kind: type[Pair] = Pair
    """What its batches are."""

    def __init__(self, config: TrainingConfig, seed: int, ahead: bool) -> None:
        self._config = config
        self._random = np.random.default_rng(seed)
        self._ready: queue.Queue[Pair | BaseException] = queue.Queue(maxsize=4)
        self._closing = threading.Event()
        self._thread = (
            threading.Thread(target=self._fill, name="pair-sampler", daemon=True) if ahead else None
        )
        if self._thread:
            self._thread.start()

    def next(self) -> Pair:
        """Return the next batch, or raise whatever went wrong while it was drawn."""
        drawn = self._ready.get() if self._thread else self._draw_batch()
        if isinstance(drawn, BaseException):
            raise drawn
        return drawn

    def close(self) -> None:
        """End the thread that draws ahead."""
        self._closing.set()
        if self._thread:
            self._thread.join(timeout=10)

    def _fill(self) -> None:
        while not self._closing.is_set():
            try:
                pair = self._draw_batch()
            except BaseException as error:  # noqa: BLE001 (``next`` raises it)
                pair = error
            while not self._closing.is_set():
                try:
                    self._ready.put(pair, timeout=0.2)
                    break
                except queue.Full:
                    continue

    def _draw_batch(self) -> Pair:
        drawn = [self._draw() for _ in range(self._config.batch)]
        columns = zip(*drawn, strict=True)
        return self.kind(*(torch.from_numpy(np.stack(column)) for column in columns))

    def _draw(self) -> _Drawn:
        raise NotImplementedError


class PairSampler(BatchSampler):
    """Draws them from photos and clips."""

    def __init__(
        self, config: TrainingConfig, files: list[Path], clips: list[Clip], seed: int, ahead: bool
    ) -> None:
        self._clips = clips
        # Room for the largest scale drawn; decoded once, since decoding costs more than cropping.
        self._photos = [_shrunk(read_photo(path), config.short_side_px[1]) for path in files]
        self._faces = FaceFinder() if config.face_share else None
        self._marked: dict[int, np.ndarray] = {}
        super().__init__(config, seed, ahead)

    def _draw(self) -> _Drawn:
        random, side, sizes = self._random, self._config.crop_px, self._config.short_side_px
        if self._clips and random.random() < self._config.clip_share:
            clip = self._clips[random.integers(len(self._clips))]
            found = draw_from_clip(clip, side, random, sizes, self._config.cell_px)
            if found is not None:
                return found
        layered = random.random() < self._config.layer_share
        photos = [self._draw_photo() for _ in range(1 + layered)]
        photos = [
            relight(photo, random) if random.random() < self._config.relight_share else photo
            for photo in photos
        ]
        still = self._config.still_share
        return draw_from_photos(photos, side, random, still, sizes, self._config.cell_px)

    def _draw_photo(self) -> np.ndarray:
        """Return a photo and, in its fourth channel, where it shows faces: (H, W, 4).

        In ``face_share`` of the cases it shows some.
        """
        wanted = self._random.random() < self._config.face_share
        for _ in range(_FACE_TRIES if wanted else 1):
            i = int(self._random.integers(len(self._photos)))
            if i not in self._marked:
                self._marked[i] = _with_faces(self._photos[i], self._faces)
            if self._marked[i][..., 3].any():
                break
        return self._marked[i]


def draw_from_photos(
    photos: list[np.ndarray],
    side_px: int,
    random: np.random.Generator,
    still_share: float,
    short_side_px: tuple[float, float] = _SHORT_SIDE_PX,
    cell_px: int = _CELL_PX,
) -> _Drawn:
    """Draw one sample of the first photo (H, W, 4) under drawn motion.

    A second one moves in front of it. They are brought to a size between ``short_side_px``.
    cell_px: side of the canvas's cells.
    """
    motions = [
        np.eye(3) if random.random() < still_share else draw_motion(random, side_px) for _ in photos
    ]
    views = [
        _two_views(photo, motion, side_px, random, short_side_px)
        for photo, motion in zip(photos, motions, strict=True)
    ]
    before, after, flow, visible = _layered(views, motions, side_px, random)
    before, face, after = before[..., :3], before[..., 3], after[..., :3]
    lit = np.clip(after * _draw_light(random), 0, 1)
    change = (lit - after) @ _LUMA
    canvases = _draw_canvases(motions[0], side_px, random, cell_px)
    before, after = degrade(before, random), degrade(lit, random)
    return _sample(before, after, flow, canvases, visible, change, face)


def draw_from_targets(
    pictures: list[np.ndarray],
    side_px: int,
    random: np.random.Generator,
    still_share: float,
    cell_px: int = _CELL_PX,
) -> _Drawn:
    """Draw one sample of a photo and what a teacher made of it, under one drawn motion.

    pictures: (H, W, 6), RGB of both, at the size at which they are seen; a second one moves in
    front. Noise is drawn for the photo alone, and the light does not change: what a teacher would
    make of that is not known. Behind the fields of ``Pair`` come the teacher's two pictures.
    """
    motions = [
        np.eye(3) if random.random() < still_share else draw_motion(random, side_px)
        for _ in pictures
    ]
    views = []
    for picture, motion in zip(pictures, motions, strict=True):
        mirrored = picture[:, ::-1] if random.random() < 0.5 else picture
        room = mirrored.shape[1] - side_px, mirrored.shape[0] - side_px
        first = _placed(np.eye(3), *(int(random.integers(space + 1)) for space in room))
        views.append(tuple(_view(mirrored, way, side_px) for way in (first, first @ motion)))
    before, after, flow, visible = _layered(views, motions, side_px, random)
    canvases = _draw_canvases(motions[0], side_px, random, cell_px)
    filmed = (degrade(seen[..., :3], random) for seen in (before, after))
    nothing = np.zeros(flow.shape[:2], np.float32)
    drawn = _sample(*filmed, flow, canvases, visible, nothing, nothing)
    return *drawn, _chw(before[..., 3:]), _chw(after[..., 3:])


def _layered(
    views: list[tuple[np.ndarray, np.ndarray]],
    motions: list[np.ndarray],
    side_px: int,
    random: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return both moments, the flow between them and where it is visible.

    views: (side, side, C) before and after of each picture. The second, if there is one, moves in
    front of the first in a drawn shape.
    """
    before, after = views[0]
    flow = _flow_of(motions[0], side_px)
    visible = _inside(flow)
    if len(views) > 1:
        covered_before, covered = (mask > 0.5 for mask in _blob_masks(motions[1], side_px, random))
        before = np.where(covered_before[..., None], views[1][0], before)
        after = np.where(covered[..., None], views[1][1], after)
        flow = np.where(covered[..., None], _flow_of(motions[1], side_px), flow)
        share = warp(covered_before.astype(np.float32), flow)
        visible = _inside(flow) & np.where(
            covered, share > 0.99, share < 0.01
        )  # border pixels show both layers
    return before, after, flow, visible


def draw_from_clip(
    clip: Clip,
    side_px: int,
    random: np.random.Generator,
    short_side_px: tuple[float, float] = _SHORT_SIDE_PX,
    cell_px: int = _CELL_PX,
) -> _Drawn | None:
    """Draw one sample of two frames of ``clip``, at a size between ``short_side_px``.

    None where the motion explains less than half of them, as at a cut. cell_px: side of the
    canvas's cells.
    """
    gap = min(_CLIP_GAPS[random.integers(len(_CLIP_GAPS))], len(clip.frames) - 1)
    first = random.integers(len(clip.frames) - gap)
    height, width = clip.frames[0].shape[:2]
    low, high = np.log(short_side_px)
    crop = min(
        height, width, round(side_px * min(height, width) / np.exp(random.uniform(low, high)))
    )
    top, left = random.integers(height - crop + 1), random.integers(width - crop + 1)
    before, after = (
        cv2.resize(
            clip.frames[i][top : top + crop, left : left + crop],
            (side_px, side_px),
            interpolation=cv2.INTER_CUBIC,
        )
        for i in (first, first + gap)
    )
    motion = estimate_motion(after, before)
    before, after = before.astype(np.float32) / 255, after.astype(np.float32) / 255
    difference = after - warp(before, motion.flow)
    # Two frames of different shots pass the forward-backward check by chance; what they show tells
    # them apart.
    visible = motion.visible & (np.abs(difference).max(axis=2) < _SAME_POINT)
    if visible.mean() < 0.5:
        return None
    change = cv2.blur(difference @ _LUMA, (_LIGHT_PX, _LIGHT_PX))
    camera = _camera_of(motion.flow, visible)
    canvases = _draw_canvases(camera, side_px, random, cell_px)
    return _sample(before, after, motion.flow, canvases, visible, change, np.zeros_like(change))


def relight(photo: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return ``photo`` (H, W, 4) as another camera might have it in another light.

    Less or more colour, a cast, brighter or darker, softer or harder shadows. The fourth channel is
    kept.
    """
    saturation = random.uniform(*_SATURATION)
    gains = np.exp(random.normal(0, _BRIGHTNESS) + random.normal(0, _CAST, 3))
    mixed = np.eye(4)
    mixed[:3, :3] = gains[:, None] * (saturation * np.eye(3) + (1 - saturation) * _LUMA)
    curve = np.arange(256) / 255
    curve = (255 * curve ** np.exp(random.normal(0, _GAMMA))).round().astype(np.uint8)
    curves = np.stack([curve, curve, curve, np.arange(256, dtype=np.uint8)], axis=-1)
    return cv2.LUT(cv2.transform(photo, mixed), curves[None])


def draw_motion(random: np.random.Generator, side_px: int) -> np.ndarray:
    """Draw a (3, 3) homography from pixels of the later frame to the earlier.

    Half the time it is a whole-pixel pan, exact without interpolation; else pan, zoom, rotation and
    a little perspective about the centre, as a hand-held camera makes.
    """
    reach = side_px / 16
    if random.random() < 0.5:
        return _placed(np.eye(3), *np.round(random.normal(0, reach / 2, 2)))
    angle, zoom = np.deg2rad(random.normal(0, 1.5)), np.exp(random.normal(0, 0.02))
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    turn[:2] *= zoom
    turn[2, :2] = random.normal(0, 0.03 / side_px, 2)
    centre = side_px / 2
    return (
        _placed(np.eye(3), *(random.normal(0, reach / 2, 2) + centre))
        @ turn
        @ _placed(np.eye(3), -centre, -centre)
    )


def soften(photo: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return ``photo`` (H, W, C) as soft as filmed pictures are, in two cases of three."""
    if random.random() >= _SOFT_SHARE:
        return photo
    return cv2.GaussianBlur(photo, (0, 0), np.exp(random.uniform(*np.log(_SOFT_PX))))


def degrade(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Add what a webcam adds: sensor noise, fine and blotchy, and compression.

    It is drawn anew for each frame. (H, W, 3) fp32 0..1.
    """
    if random.random() < 0.7:
        level = np.exp(random.uniform(*np.log(_NOISE)))
        noise = random.standard_normal(image.shape, np.float32) * level
        if random.random() < 0.5:
            small = (
                random.standard_normal((image.shape[0] // 3, image.shape[1] // 3, 3), np.float32)
                * level
            )
            noise += cv2.resize(small, image.shape[1::-1])
        image = np.clip(image + noise, 0, 1)
    if random.random() < 0.3:
        quality = int(random.integers(35, 90))
        _, coded = cv2.imencode(
            ".jpg", (image * 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality]
        )
        image = cv2.imdecode(coded, cv2.IMREAD_COLOR).astype(np.float32) / 255
    return image


def _sample(
    before: np.ndarray,
    after: np.ndarray,
    flow: np.ndarray,
    canvases: tuple[np.ndarray, np.ndarray],
    *planes: np.ndarray,
) -> _Drawn:
    pictures = (_chw(a) for a in (before, after, flow))
    return *pictures, *(plane[None].astype(np.float32) for plane in planes), *canvases


def _draw_canvases(
    camera: np.ndarray, side_px: int, random: np.random.Generator, cell_px: int = _CELL_PX
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the canvas of both moments.

    camera: (3, 3) homography from pixels of the later to the earlier. Sometimes it is not known.
    """
    if random.random() < _LOST_SHARE:
        camera = np.eye(3)
    # From pixels to short sides from the middle, as views are.
    units = _placed(np.diag([1 / side_px, 1 / side_px, 1]), -0.5, -0.5)
    angle, zoom = random.normal(0, 0.2), np.exp2(random.uniform(-1, 0))  # all between two octaves
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    first = np.eye(3)
    first[:2] = np.column_stack([turn, random.uniform(0, 100, 2)])
    seed, size = int(random.integers(2**31)), (side_px, side_px)
    views = (first, first @ units @ camera @ np.linalg.inv(units))
    return tuple(draw_canvas(size, cell_px, seed, _as_view(view)) for view in views)


def _as_view(matrix: np.ndarray) -> View:
    """Return a (3, 3) homography as a view, without its little perspective."""
    return tuple(tuple(row) for row in (matrix / matrix[2, 2])[:2].tolist())


def _camera_of(flow: np.ndarray, visible: np.ndarray) -> np.ndarray:
    """Return the pan, zoom and rotation that explain most of the visible flow, (3, 3).

    The identity where nothing does.
    """
    places = slice(_EVERY_PX // 2, flow.shape[0], _EVERY_PX)
    grids = np.mgrid[places, places]
    rows, columns = (grid.ravel() for grid in grids)
    seen = visible[rows, columns]
    now = np.stack([columns, rows], axis=-1)[seen].astype(np.float32)
    found = None
    if len(now) >= 8:
        earlier = now + flow[rows, columns][seen]
        found, _ = cv2.estimateAffinePartial2D(now, earlier, ransacReprojThreshold=1.0)
    return np.eye(3) if found is None else np.vstack([found, [0, 0, 1]])


def _two_views(
    photo: np.ndarray,
    motion: np.ndarray,
    side_px: int,
    random: np.random.Generator,
    short_side_px: tuple[float, float],
) -> tuple[np.ndarray, np.ndarray]:
    """Crop ``photo`` at a scale drawn, as soft as filmed pictures are.

    The second crop is seen through ``motion``.
    """
    low, high = np.log(short_side_px)
    high += np.log(_CLOSER) * photo[..., 3].any()
    photo = resize_short_side(photo, max(np.exp(random.uniform(low, high)), side_px * 1.05))
    if random.random() < 0.5:
        photo = np.ascontiguousarray(photo[:, ::-1])
    photo = soften(photo, random)
    first = _placed(np.eye(3), *_crop_corner(photo[..., 3], side_px, random))
    return _view(photo, first, side_px), _view(photo, first @ motion, side_px)


def _crop_corner(face: np.ndarray, side_px: int, random: np.random.Generator) -> tuple[int, int]:
    """Return (left, top) of a crop: anywhere, or if there is a face, with a point of it inside."""
    room = face.shape[1] - side_px, face.shape[0] - side_px
    if not face.any():
        return tuple(int(random.integers(space + 1)) for space in room)
    rows, columns = np.nonzero(face)
    chosen = random.integers(len(rows))
    point = columns[chosen], rows[chosen]
    return tuple(
        int(np.clip(p - random.integers(side_px), 0, space))
        for p, space in zip(point, room, strict=True)
    )


def _with_faces(photo: np.ndarray, faces: FaceFinder | None) -> np.ndarray:
    """Return ``photo`` (H, W, 3) with a fourth channel, 255 inside the boxes of its faces."""
    mask = np.zeros(photo.shape[:2], np.uint8)
    for left, top, right, bottom in faces.find(photo) if faces else ():
        mask[max(0, top) : bottom, max(0, left) : right] = 255
    return np.dstack([photo, mask])


def _blob_masks(
    motion: np.ndarray, side_px: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return what a foreground of drawn shape covers before and after it moved.

    Each is (side, side) fp32 0..1.
    """
    coarse = cv2.resize(
        random.standard_normal((6, 6)).astype(np.float32),
        (2 * side_px, 2 * side_px),
        interpolation=cv2.INTER_CUBIC,
    )
    blob = (coarse > random.uniform(0.2, 0.8)).astype(np.float32)
    first = _placed(np.eye(3), side_px / 2, side_px / 2)
    return tuple(
        cv2.warpPerspective(
            blob, place, (side_px, side_px), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        )
        for place in (first, first @ motion)
    )


def _draw_light(random: np.random.Generator) -> np.ndarray:
    """Draw the gain per channel of the later frame.

    Automatic exposure and white balance are at work in half of the pairs.
    """
    if random.random() < 0.5:
        return np.ones(3, np.float32)
    return np.exp(random.normal(0, 0.05) + random.normal(0, 0.015, 3)).astype(np.float32)


def _flow_of(motion: np.ndarray, side_px: int) -> np.ndarray:
    y, x = np.mgrid[:side_px, :side_px].astype(np.float32)
    mapped = np.stack([x, y, np.ones_like(x)], axis=-1) @ motion.T.astype(np.float32)
    return mapped[..., :2] / mapped[..., 2:] - np.stack([x, y], axis=-1)


def _inside(flow: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[: flow.shape[0], : flow.shape[1]]
    x, y = flow[..., 0] + x, flow[..., 1] + y
    return (x >= 0) & (x <= flow.shape[1] - 1) & (y >= 0) & (y <= flow.shape[0] - 1)


def _placed(matrix: np.ndarray, x: float, y: float) -> np.ndarray:
    moved = matrix.copy()
    moved[:2, 2] += (x, y)
    return moved


def _view(photo: np.ndarray, to_photo: np.ndarray, side_px: int) -> np.ndarray:
    """Return the photo seen through ``to_photo``, mirrored beyond its edges.

    (side, side, C) fp32 0..1.
    """
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    layers = [
        cv2.warpPerspective(
            np.ascontiguousarray(photo[..., first : first + 4]),  # it takes no more channels
            to_photo,
            (side_px, side_px),
            flags=flags,
            borderMode=cv2.BORDER_REFLECT_101,
        )
        for first in range(0, photo.shape[2], 4)
    ]
    return np.concatenate(layers, axis=2).astype(np.float32) / 255


def _shrunk(photo: np.ndarray, short_px: float) -> np.ndarray:
    return resize_short_side(photo, short_px) if min(photo.shape[:2]) > short_px else photo


def _chw(image: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(image.transpose(2, 0, 1), np.float32)
