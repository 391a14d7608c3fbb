"""A scene as sound and as pictures, with the truth about both."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from avfront import audio
from avfront.media import Frame, Image
from avfront.synth.drawing import drift, paste, texture
from avfront.synth.kinds import KINDS
from avfront.synth.looks import clutter, sprite
from avfront.synth.scenes import Actor, Event, Recipe, Scene
from avfront.synth.signals import Array
from avfront.synth.takes import RATE, Takes, spans

BACKGROUND = "background"
_PEAK = 0.7  # of the mixture
_FADE = 160  # samples at both ends of a piece
_FRAME_SECONDS = 0.1  # in which loudness moves an object

Spans = list[tuple[float, float]]


@dataclass(frozen=True)
class Heard:
    """The sound of a scene: stems (T,) by class and of the background, which add up to the mixture; events (s)."""

    stems: Mapping[str, Array]
    events: Mapping[str, Spans]

    def level(self, kind: str, time: float) -> float:
        """How loud a class is at a time, 0…1 of its loudest."""
        stem = self.stems[kind]
        size = round(_FRAME_SECONDS * RATE)
        now = stem[max(round(time * RATE), 0) :][:size]
        loudest = float(np.abs(stem).max())
        return float(np.sqrt(np.mean(now**2))) / loudest * 3 if len(now) and loudest > 0 else 0.0


def hear(scene: Scene, takes: Takes, seconds: float) -> Heard:
    """The stems of a scene."""
    length = round(seconds * RATE)
    stems = {kind: np.zeros(length) for kind in scene.kinds}
    active = {kind: np.zeros(length, bool) for kind in scene.kinds}
    for event in scene.events:
        samples, sounds = _piece(event, takes, scene)
        first = round(event.begin * RATE)
        count = min(len(samples), length - first)
        stems[event.kind][first : first + count] += samples[:count]
        active[event.kind][first : first + count] |= sounds[:count]
    whole = np.sum(list(stems.values()), axis=0)
    level = np.sqrt(np.square(whole).sum() / max(np.any(list(active.values()), axis=0).sum(), 1))
    backgrounds = takes.noises[scene.split]
    rng = np.random.default_rng(scene.seed)
    samples = backgrounds[scene.noise % len(backgrounds)].samples
    rolled = np.resize(np.roll(samples, -int(rng.integers(len(samples)))), length)
    noise = rolled * (level / np.sqrt(np.mean(rolled**2)) * 10 ** (-scene.noise_db / 20))
    gain = _PEAK / float(np.abs(whole + noise).max())
    stems[BACKGROUND] = noise
    return Heard({name: gain * stem for name, stem in stems.items()}, {kind: spans(on) for kind, on in active.items()})


def _piece(event: Event, takes: Takes, scene: Scene) -> tuple[Array, Array]:
    """Samples of an event and where they sound, cut from the take where it is active."""
    own = takes.kinds[event.kind][scene.split]
    take = own[event.take % len(own)]
    new = round(RATE / event.speed)
    samples = audio.resample(take.samples[None].astype(np.float32), RATE, new)[0].astype(float)
    at = np.minimum((np.arange(len(samples)) * event.speed).astype(int), len(take.active) - 1)
    active = take.active[at]
    inside = np.flatnonzero(active)
    count = round(event.length * RATE)
    last = max(int(inside[-1]) + 1 - count, int(inside[0]))
    first = round(inside[0] + event.entry * (last - inside[0]))
    # A piece begins with a sound: what follows the first active sample from there on.
    first = int(inside[np.searchsorted(inside, first)])
    piece, active = samples[first : first + count].copy(), active[first : first + count]
    ramp = np.linspace(0, 1, _FADE)
    piece[:_FADE] *= ramp[: len(piece)]
    piece[-_FADE:] *= ramp[::-1][-len(piece) :]
    return piece * 10 ** (event.gain_db / 20), active


class Picture:
    """The pictures of a scene, and the box of every object in each of them."""

    def __init__(self, scene: Scene, heard: Heard, recipe: Recipe) -> None:
        rng = np.random.default_rng([scene.seed, 41])
        width, height = recipe.size
        self._recipe, self._scene = recipe, scene
        self._count = round(recipe.seconds * recipe.rate)
        self._background = texture(rng, height, width, rng.uniform(15, 40), rng.uniform(25, 45))
        self._pieces = [_instance(actor, height) for actor in scene.actors]
        times = np.arange(self._count) / recipe.rate
        self._ways = [_way(actor, heard, times, recipe) for actor in scene.actors]  # (T, 3) each: x, y, turn
        # Boxes (x, y, width, height) in pixels of each object in each frame, None where it is out of sight.
        self.boxes: list[list[tuple[int, int, int, int] | None]] = [[None] * self._count for _ in scene.actors]

    def frames(self) -> Iterator[Frame]:
        """All pictures in order; fills in the boxes."""
        for k in range(self._count):
            yield Frame(k / self._recipe.rate, self._draw(k))

    def _draw(self, k: int) -> Image:
        image = self._background.copy()
        time = k / self._recipe.rate
        for j, actor in enumerate(self._scene.actors):
            if actor.enters <= time < actor.leaves:
                piece, cover = self._pieces[j]
                x, y, turn = self._ways[j][k]
                c, s = np.cos(turn), np.sin(turn)
                spin = np.array([[c, -s], [s, c]])
                middle = np.array(cover.shape[::-1]) / 2
                self.boxes[j][k] = paste(image, piece, cover, np.column_stack([spin, (x, y) - spin @ middle]))
        return image


def _instance(actor: Actor, height: int) -> tuple[Image, Image]:
    rng = np.random.default_rng([actor.seed, 42])
    if actor.kind is None:
        return clutter(rng, actor.size * height)
    look = KINDS[actor.kind].look
    return sprite(look, rng, actor.size * height / np.sqrt(look.aspect))


def _way(actor: Actor, heard: Heard, times: Array, recipe: Recipe) -> Array:
    """Centre (pixels) and turn (radians) over time, (T, 3): livelier while the object is loud."""
    rng = np.random.default_rng([actor.seed, 43])
    width, height = recipe.size
    way = np.zeros((len(times), 3))
    way[:, 0], way[:, 1] = actor.home[0] * width, actor.home[1] * height
    way[:, :2] += 3.0 * drift(rng, len(times))[:, :2]
    if actor.kind is None:
        return way
    loud = np.array([heard.level(actor.kind, time) if actor.sounding else 0.0 for time in times])
    lively = 0.35 + np.minimum(loud, 1.0)
    pace, phase = rng.uniform(0.8, 1.2), rng.uniform(0, 6)
    swing = np.sin(2 * np.pi * pace * times + phase)
    step = np.abs(np.sin(2 * np.pi * 2 * pace * times))
    motion = KINDS[actor.kind].motion
    if motion == "walk":
        way[:, 0] += 0.1 * width * np.sin(2 * np.pi * 0.15 * pace * times + phase)
        way[:, 1] -= 6 * lively * step
    elif motion == "hop":
        way[:, 0] += 0.06 * width * np.sin(2 * np.pi * 0.2 * pace * times + phase)
        way[:, 1] -= 18 * lively * step
    elif motion == "drive":
        way[:, 0] += 0.14 * width * np.sin(2 * np.pi * 0.12 * pace * times + phase)
        way[:, 1] += 1.5 * lively * rng.standard_normal(len(times))
    elif motion == "shake":
        way[:, 2] += 0.08 * lively * rng.standard_normal(len(times))
    else:
        way[:, 2] += 0.25 * lively * swing
    return way
