"""Textured pieces laid over a picture, and slow random motion: what made videos are drawn with."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from avfront.extras import extra
from avfront.media import Image

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Strip:
    """A textured strip and where it lies: drawn from one point to another."""

    texture: Image  # (thickness, length, 3), or (thickness, length, 1) to mark whose pixels they are
    begin: Array  # (2,)
    end: Array  # (2,)


def drift(rng: np.random.Generator, count: int) -> Array:
    """Three slow random curves (count, 3) of unit variance."""
    noise = rng.standard_normal((count + 24, 3))
    window = np.hanning(13)
    smooth = np.stack([np.convolve(column, window, "same") for column in noise.T], axis=1)[12 : 12 + count]
    return np.asarray(smooth / np.sqrt(np.square(window).sum()))


def texture(rng: np.random.Generator, rows: int, columns: int, grain: float, contrast: float) -> Image:
    """A cloth of random colour with spots of the given size in pixels."""
    cv2 = extra("cv2")
    spots = cv2.GaussianBlur(rng.standard_normal((rows, columns)), (0, 0), grain / 2)
    spots *= contrast / 2 / spots.std()
    shade = rng.uniform(70, 180, 3) + spots[..., None] * rng.uniform(0.7, 1.0, 3)
    return np.asarray(np.clip(shade, 0, 255), np.uint8)


def cut(texture: Image, thickness: float, length: float) -> Image:
    """A strip of a texture, tiled where it is too short."""
    rows, columns = max(2, round(thickness)), max(2, round(length))
    tiles = (-(-rows // texture.shape[0]), -(-columns // texture.shape[1]), 1)
    return np.tile(texture, tiles)[:rows, :columns]


def lay(image: Any, part: Strip) -> None:
    """Lay the strip over the image, its middle line from `begin` to `end`."""
    rows, columns = part.texture.shape[:2]
    along = (part.end - part.begin) / (columns - 1)
    across = np.array([-along[1], along[0]]) / np.hypot(*along)
    move = np.column_stack([along, across, part.begin - across * (rows - 1) / 2])
    paste(image, part.texture, np.full((rows, columns), 255, np.uint8), move)


def paste(image: Any, piece: Image, cover: Image, move: Array) -> tuple[int, int, int, int] | None:
    """Lay a piece over the image where an affine `move` (2, 3) of its pixels takes it.

    Parameters
    ----------
    image : array (height, width, channels)
        Drawn into.
    piece : array (rows, columns, channels)
        Black where nothing of it is to be seen. One channel is not smoothed: it holds whose pixels they are.
    cover : array (rows, columns)
        255 where the piece is opaque, 0 where nothing of it is to be seen.
    move : array (2, 3)
        From columns and rows of the piece to x and y of the image.

    Returns
    -------
    tuple or None
        The box (x, y, width, height) of what is seen of it; None where that is nothing.
    """
    cv2 = extra("cv2")
    rows, columns = piece.shape[:2]
    corners = np.array([[0, 0], [columns, 0], [0, rows], [columns, rows]]) @ move[:, :2].T + move[:, 2]
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 1, image.shape[1::-1])
    if (low >= high).any():
        return None
    move = np.column_stack([move[:, :2], move[:, 2] - low])
    region = image[low[1] : high[1], low[0] : high[0]]
    size = tuple(int(side) for side in high - low)
    binary = piece.shape[2] == 1
    flags = cv2.INTER_NEAREST if binary else cv2.INTER_LINEAR
    moved = cv2.warpAffine(piece, move, size, flags=flags).reshape(region.shape)
    seen = cv2.warpAffine(cover, move, size, flags=flags)
    alpha = seen[..., None] / 255
    region[...] = np.where(alpha > 0.5, moved, region) if binary else moved + (1 - alpha) * region
    x, y, width, height = cv2.boundingRect(np.asarray(seen > 127, np.uint8))
    return (int(low[0]) + x, int(low[1]) + y, width, height) if width else None
