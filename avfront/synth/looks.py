"""What made objects look like: a few shapes in class-typical colours and cloth, no two instances alike."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from avfront.extras import extra
from avfront.media import Image
from avfront.synth.drawing import texture

Array = npt.NDArray[np.float64]

_CANVAS = 256  # pixels of the side on which a shape is drawn, before it is made small


@dataclass(frozen=True)
class Look:
    """A shape, its colours and its cloth.

    Attributes
    ----------
    shape : tuple
        Parts one over the other: (colour, "disc", x, y, radius, radius) or (colour, "area", x, y, x, y, …), places in
        shares of the width and height, colours as numbers.
    colours : tuple of (hue, saturation, value)
        Degrees, 0…1, 0…1.
    cloth : str
        ``"plain"``, ``"stripes"``, ``"checks"`` or ``"spots"``, over the first colour.
    aspect : float
        Width over height.
    """

    shape: tuple[tuple[Any, ...], ...]
    colours: tuple[tuple[float, float, float], ...]
    cloth: str = "plain"
    aspect: float = 1.0


def sprite(look: Look, rng: np.random.Generator, height: float) -> tuple[Image, Image]:
    """One instance: its picture (rows, columns, 3), black beside it, and what it covers (rows, columns), 0…255.

    Hue, brightness, cloth and the places of the shape's corners vary a little; every other one looks left.

    >>> rng = np.random.default_rng(0)
    >>> piece, cover = sprite(Look(((0, "disc", 0.5, 0.5, 0.4, 0.4),), ((30, 0.8, 0.9),)), rng, 40)
    >>> piece.shape, int(cover[20, 20]), int(cover[0, 0])
    ((40, 40, 3), 255, 0)
    """
    cv2 = extra("cv2")
    shift, bright = rng.normal(0, 7), rng.uniform(0.85, 1.1)
    colours = [_colour((hue + shift) % 360, min(s, 1.0), min(v * bright, 1.0)) for hue, s, v in look.colours]
    canvas = np.zeros((_CANVAS, _CANVAS, 3), np.uint8)
    cover = np.zeros((_CANVAS, _CANVAS), np.uint8)
    first = np.zeros_like(cover)
    for part in look.shape:
        colour, kind, *places = part
        at = (np.array(places, float) + rng.normal(0, 0.012, len(places))) * _CANVAS
        _fill(canvas, kind, at, colours[colour])
        _fill(cover, kind, at, 255)
        _fill(first, kind, at, 255 if colour == 0 else 0)
    shaded = canvas * _cloth(look.cloth, rng, first)[..., None]
    grain = texture(rng, _CANVAS, _CANVAS, 10.0, 40.0).astype(float).mean(axis=2, keepdims=True)
    shaded = np.clip(shaded + (grain - grain.mean()), 0, 255) * (cover[..., None] / 255)
    size = (max(8, round(height * look.aspect)), max(8, round(height)))
    if rng.random() < 0.5:
        shaded, cover = shaded[:, ::-1], cover[:, ::-1]
    small = cv2.resize(np.ascontiguousarray(shaded), size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), cv2.resize(np.ascontiguousarray(cover), size, interpolation=cv2.INTER_AREA)


def clutter(rng: np.random.Generator, height: float) -> tuple[Image, Image]:
    """A thing of no class: a random polygon in a random colour and cloth; as :func:`sprite`."""
    count = int(rng.integers(4, 8))
    angles = 2 * np.pi * (np.arange(count) + rng.uniform(-0.3, 0.3, count)) / count
    radii = rng.uniform(0.3, 0.48, count)
    corners = 0.5 + np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1)
    colour = (rng.uniform(0, 360), rng.uniform(0.1, 0.6), rng.uniform(0.3, 0.8))
    cloth = str(rng.choice(["plain", "stripes", "checks", "spots"]))
    return sprite(Look(((0, "area", *corners.ravel()),), (colour,), cloth, rng.uniform(0.6, 1.6)), rng, height)


def _fill(canvas: Image, kind: str, at: Array, colour: Any) -> None:
    cv2 = extra("cv2")
    if kind == "disc":
        x, y, wide, high = np.round(at).astype(int).tolist()
        cv2.ellipse(canvas, (x, y), (max(wide, 1), max(high, 1)), 0, 0, 360, colour, -1, cv2.LINE_AA)
    else:
        cv2.fillPoly(canvas, [np.round(at.reshape(-1, 2)).astype(np.int32)], colour, cv2.LINE_AA)


def _cloth(name: str, rng: np.random.Generator, where: Image) -> Array:
    """Gains 0.45…1 (rows, columns): the cloth where `where` is set, 1 elsewhere."""
    y, x = np.mgrid[: where.shape[0], : where.shape[1]] / _CANVAS
    waves = 2 * np.pi * rng.uniform(6, 9)
    phase = rng.uniform(0, 6, 2)
    rows, columns = np.sin(waves * y + phase[0]), np.sin(waves * x + phase[1])
    dark = {"plain": rows > 1, "stripes": columns < 0, "checks": rows * columns < 0, "spots": rows * columns > 0.5}
    return np.where((where > 127) & dark[name], 0.45, 1.0)


def _colour(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    """BGR, 0…255."""
    cv2 = extra("cv2")
    hsv = np.array([[[hue / 2, 255 * saturation, 255 * value]]], np.uint8)
    blue, green, red = cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)[0, 0].tolist()
    return (blue, green, red)
