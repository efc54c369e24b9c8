"""Finding the face in a photograph and aligning it, with the MTCNN that keras-facenet brings."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as pillow

from lpel_serving.images.crops import CutFace
from lpel_serving.images.found import Box, FoundFaces
from lpel_serving.support.arrays import Pixels
from lpel_serving.support.errors import NoFaceError
from lpel_serving.support.extras import require
from lpel_serving.support.image_shape import ImageShape
from lpel_serving.support.pictures import to_picture, to_pixels
from lpel_tf.support.quiet import load_tensorflow

LANDMARKS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")
"""The points that MTCNN finds; left is left in the picture."""

TEMPLATE = np.array(
    [[0.327, 0.392], [0.673, 0.392], [0.500, 0.596], [0.347, 0.772], [0.653, 0.772]], np.float64
)
"""Where they lie in a crop, as shares of its side.

The mean over 789 centred 0.48 crops of LFW, made symmetric: so an aligned crop frames a face as the
photographs do that the published decoder was trained on.
"""

MIN_CONFIDENCE = 0.9
MAX_SIDE = 1024
"""Larger photographs are shrunk before detection."""


@dataclass(frozen=True, eq=False)
class Detection:
    """A face in a photograph.

    Attributes
    ----------
    confidence
        How sure the detector is, in [0, 1].
    landmarks
        In pixels, float64, shape (5, 2).
    box
        Where it lies, within the photograph.
    """

    confidence: float
    landmarks: NDArray[np.float64]
    box: Box

    @property
    def eye_distance(self) -> float:
        """Distance between the eyes, in pixels."""
        return float(np.linalg.norm(self.landmarks[1] - self.landmarks[0]))


class AlignedCrop:
    """Finds the largest face in a photograph and turns, moves and scales it into place.

    The face lies in the crop as faces lie in LFW's centred crops, which the published bundle's
    decoder was trained on. It is a `lpel_serving.images.crops.DetectingCrop`; the detector is
    loaded on first use.
    """

    def __init__(self) -> None:
        self._detector: Any = None
        self._loading = threading.Lock()

    def __call__(self, pixels: Pixels, shape: ImageShape) -> Pixels:
        """Align the largest face, in a crop of a shape: see `take`."""
        return self.take(pixels, shape).pixels

    def take(self, pixels: Pixels, shape: ImageShape, face: int = 0) -> CutFace:
        """Align one of the faces, by default the largest: the one whose eyes are farthest apart.

        Of faces of one size the one farther left comes first, then the upper one.

        Raises
        ------
        NoFaceError
            If there is no face.
        FaceChoiceError
            If there are fewer faces.
        """
        faces = sorted(self.detect(pixels), key=_from_the_largest)
        if not faces:
            raise NoFaceError(
                "no face was found: give a photograph with an upright face, at least 40 pixels "
                "wide, or a crop of the face, to be taken whole (crop none)."
            )
        found = FoundFaces(tuple(one.box for one in faces), face)
        return CutFace(align(pixels, faces[face].landmarks, shape), found)

    def detect(self, pixels: Pixels) -> list[Detection]:
        """Find all faces in a photograph, shape (H, W, C)."""
        with self._loading:
            if self._detector is None:
                load_tensorflow()
                self._detector = require("mtcnn", "train").MTCNN()
        scale = min(1.0, MAX_SIDE / max(pixels.shape[:2]))
        height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
        coloured = to_picture(pixels).convert("RGB")
        shrunk = coloured.resize((width, height), pillow.Resampling.BILINEAR)
        found = self._detector.detect_faces(np.asarray(shrunk))
        return [
            Detection(
                float(face["confidence"]),
                np.array([face["keypoints"][name] for name in LANDMARKS], np.float64) / scale,
                _box(face["box"], scale, pixels.shape[:2]),
            )
            for face in found
            if face["confidence"] >= MIN_CONFIDENCE
        ]


def _from_the_largest(face: Detection) -> tuple[float, int, int]:
    return -face.eye_distance, face.box.left, face.box.top


def _box(found: Sequence[float], scale: float, shape: tuple[int, ...]) -> Box:
    """From left, top, width and height in the shrunk photograph to whole pixels of its own."""
    left, top, wide, high = found
    height, width = shape
    across = np.clip(np.rint(np.array([left, left + wide]) / scale), 0, width).astype(int)
    down = np.clip(np.rint(np.array([top, top + high]) / scale), 0, height).astype(int)
    return Box(int(across[0]), int(down[0]), int(across[1]), int(down[1]))


def align(pixels: Pixels, landmarks: NDArray[np.float64], shape: ImageShape) -> Pixels:
    """Cut the face out by the similarity transform that brings its landmarks nearest the template.

    Parameters
    ----------
    pixels
        uint8, shape (H, W, C).
    landmarks
        In pixels, shape (5, 2), in the order of `LANDMARKS`.
    shape
        Of the crop; what lies outside the photograph is black. One that is not square is the middle
        of the square one.
    """
    size = max(shape[:2])
    # Pillow maps from the crop back to the photograph, and would skip pixels where the crop is
    # much smaller: so cut at the photograph's own scale, then resize with antialiasing.
    backwards = similarity_transform(TEMPLATE, landmarks)
    scale = float(np.hypot(*backwards[:, 0]))
    side = int(np.clip(round(scale), size, 4 * size))
    matrix = backwards.copy()
    matrix[:, :2] /= side
    cut = to_picture(pixels).transform(
        (side, side),
        pillow.Transform.AFFINE,
        tuple(matrix.ravel()),
        pillow.Resampling.BICUBIC,
    )
    aligned = to_pixels(cut.resize((size, size), pillow.Resampling.BICUBIC))
    top, left = (size - shape.height) // 2, (size - shape.width) // 2
    return aligned[top : top + shape.height, left : left + shape.width]


def similarity_transform(
    source: NDArray[np.float64], target: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Least-squares rotation, uniform scale and translation from points to points.

    Returns
    -------
    NDArray[np.float64]
        Shape (2, 3): ``target ~ matrix @ [x, y, 1]``.
    """
    source_centre, target_centre = source.mean(axis=0), target.mean(axis=0)
    (x, y), (u, v) = (source - source_centre).T, (target - target_centre).T
    spread = np.sum(x * x + y * y)
    cosine = np.sum(x * u + y * v) / spread  # times the scale, both
    sine = np.sum(x * v - y * u) / spread
    turn = np.array([[cosine, -sine], [sine, cosine]])
    return np.column_stack([turn, target_centre - turn @ source_centre])
