"""A picture of string players at their bows: textured figures, a stirring bystander, a shaking camera.

The arms follow the bows that play the notes, so that sound and picture belong together, and the true place of each
bowing arm is known in every frame.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from avfront.extras import extra
from avfront.media import Frame, Image
from avfront.motion.regions import Box
from avfront.synth.bowing import Bowing
from avfront.synth.drawing import Strip, cut, drift, lay, texture

Array = npt.NDArray[np.float64]
Masks = npt.NDArray[np.bool_]  # (J, height, width)

_REACH = 0.34  # of a player's width: how far the hand goes to either side
_MARGIN = 12  # pixels around the picture that shaking may show


@dataclass(frozen=True)
class _Limb(Strip):
    """A strip, and whose bowing arm it is part of."""

    player: int | None = None


class Stage:
    """Players side by side, frame by frame.

    Parameters
    ----------
    bows : sequence of Bowing
        One per player, from left to right.
    size : (width, height)
        Pixels.
    rate : float
        Frames per second.
    seed : int
        Of looks, sway and shake.
    bystander : bool
        Someone between the players waves, in no time with any sound.
    shake : float
        Pixels by which the camera shakes (standard deviation).
    delay : float
        Seconds by which the picture is late.
    """

    def __init__(
        self,
        bows: Sequence[Bowing],
        *,
        size: tuple[int, int] = (640, 360),
        rate: float = 25.0,
        seed: int = 0,
        bystander: bool = False,
        shake: float = 0.0,
        delay: float = 0.0,
    ) -> None:
        rng = np.random.default_rng([seed, 11])
        self._bows, self._size, self.rate, self._delay = bows, size, rate, delay
        self._seats = len(bows) + bystander
        self._wide = size[0] / self._seats
        seats = list(range(self._seats))
        self._empty = seats.pop(self._seats // 2) if bystander else None
        self._places = seats
        self._background = texture(rng, size[1] + 2 * _MARGIN, size[0] + 2 * _MARGIN, 6.0, 60)
        self._looks = [[texture(rng, 40, 90, 2.2, 110) for _ in range(5)] for _ in range(self._seats)]
        self._sway = [rng.uniform(0, 6, 4) for _ in range(self._seats)]
        self._shake = shake * drift(rng, max(2, round(len(bows[0].times) / 240 * rate) + 2))
        self._wave = drift(rng, 4096)[:, 0]

    def __len__(self) -> int:
        return int(len(self._bows[0].times) / 240 * self.rate)

    @property
    def boxes(self) -> list[Box]:
        """The box of each player, and of the bystander at last."""
        height = self._size[1]
        places = [*self._places, *([] if self._empty is None else [self._empty])]
        return [Box(self._wide * place + 2, 0.05 * height, self._wide - 4, 0.93 * height) for place in places]

    def frames(self) -> Iterator[Frame]:
        """All pictures, in colour."""
        for k in range(len(self)):
            yield Frame(k / self.rate, self.picture(k))

    def picture(self, k: int) -> Image:
        """Frame k, (height, width, 3)."""
        image = self._background.copy()
        for part in self._parts(k):
            lay(image, part)
        return self._shaken(image, k)

    def masks(self, k: int) -> Masks:
        """Where each player's bowing arm and bow are visible in frame k."""
        owner = np.zeros((*self._background.shape[:2], 1), np.uint8)
        for part in self._parts(k):
            value = 0 if part.player is None else part.player + 1
            flat = np.full((*part.texture.shape[:2], 1), value, np.uint8)
            lay(owner, Strip(flat, part.begin, part.end))
        seen = self._shaken(owner, k, smooth=False)
        return np.asarray(seen.reshape(seen.shape[:2]) == np.arange(1, len(self._bows) + 1)[:, None, None])

    def _parts(self, k: int) -> Iterator[_Limb]:
        time = k / self.rate - self._delay
        for j, place in enumerate(self._places):
            yield from self._player(j, place, time)
        if self._empty is not None:
            yield from self._bystander(self._empty, k)

    def _body(self, place: int, time: float) -> tuple[Array, Iterator[_Limb]]:
        """The shoulder of someone who sways a little, and torso and head."""
        height, sway = self._size[1], self._sway[place]
        centre = np.array([(place + 0.57) * self._wide + _MARGIN, 0.0])
        centre += [1.5 * np.sin(0.9 * time + sway[0]), 0.8 * np.sin(1.3 * time + sway[1])]
        look = self._looks[place]
        hips, neck = centre + (0, 0.97 * height + _MARGIN), centre + (0, 0.4 * height + _MARGIN)
        head = centre + (0, 0.2 * height + _MARGIN)
        torso = _Limb(cut(look[0], 0.42 * self._wide, 0.57 * height), hips, neck)
        skull = _Limb(cut(look[1], 0.2 * self._wide, 0.18 * height), neck - (0, 4), head)
        return neck + (-0.2 * self._wide, 0.06 * height), iter((torso, skull))

    def _player(self, j: int, place: int, time: float) -> Iterator[_Limb]:
        shoulder, body = self._body(place, time)
        yield from body
        bow, height, look = self._bows[j], self._size[1], self._looks[place]
        at = np.interp(time, bow.times, bow.position) / 30  # -1…1
        tilt = np.deg2rad(8 + 0.5 * np.interp(time, bow.times, bow.inclination))
        along = np.array([np.cos(tilt), np.sin(tilt)])
        bridge = shoulder + (0.16 * self._wide, 0.25 * height)
        hand = bridge + _REACH / 2 * self._wide * (at - 0.35) * along
        elbow = _elbow(shoulder, hand, min(0.24 * height, 0.42 * self._wide))
        yield _Limb(cut(look[2], 20, 0.25 * height), shoulder, elbow, j)
        yield _Limb(cut(look[3], 16, 0.25 * height), elbow, hand, j)
        yield _Limb(cut(look[4], 7, 0.4 * self._wide), hand - 6 * along, hand + 0.4 * self._wide * along, j)

    def _bystander(self, place: int, k: int) -> Iterator[_Limb]:
        shoulder, body = self._body(place, k / self.rate)
        yield from body
        look, height = self._looks[place], self._size[1]
        angle = 0.6 + 1.1 * self._wave[k % len(self._wave)]
        hand = shoulder + 0.4 * height * np.array([np.sin(angle) * 0.5, np.cos(angle)])
        yield _Limb(cut(look[2], 22, 0.4 * height), shoulder, hand)

    def _shaken(self, image: Image, k: int, smooth: bool = True) -> Image:
        cv2 = extra("cv2")
        dx, dy, turn = self._shake[k]
        angle = turn * 0.002
        c, s = np.cos(angle), np.sin(angle)
        middle = np.array(self._size) / 2
        move = np.array([[c, -s, 0], [s, c, 0]])
        move[:, 2] = middle + np.clip([dx, dy], -_MARGIN, _MARGIN) - move[:, :2] @ (middle + _MARGIN)
        flags = cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST
        return np.asarray(cv2.warpAffine(image, move, self._size, flags=flags, borderMode=cv2.BORDER_REFLECT))


def _elbow(shoulder: Array, hand: Array, bone: float) -> Array:
    """Where two bones of one length meet, outwards."""
    half = (hand - shoulder) / 2
    reach = float(np.hypot(*half))
    out = np.sqrt(max(bone**2 - reach**2, 4.0))
    normal = np.array([-half[1], half[0]]) / max(reach, 1e-6)
    return np.asarray(shoulder + half + out * normal)
