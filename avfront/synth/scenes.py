"""What happens in a made clip: who sounds when, who is seen when, and what the label says. Nothing is drawn here."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avfront.manifest import SPLITS, Split
from avfront.synth.kinds import KINDS
from avfront.synth.signals import Array


@dataclass(frozen=True)
class Recipe:
    """How a set is made. Shares are probabilities.

    Attributes
    ----------
    train, validation, test : int
        Clips.
    seconds : float
        Of a clip.
    size : (width, height)
        Pixels.
    rate : int
        Frames per second.
    pairs : float
        Share of clips in which two classes sound.
    imbalance : float
        Clips to learn from of the most frequent class for one of the rarest; the other splits are balanced.
    label_noise : float
        Share of clips to learn from with a wrong label: one that is missing, or one too many.
    off_screen : float
        Share of sounding classes of which nothing is to be seen.
    asynchronous : float
        Share of the others that are seen at a time of its own, not when they sound.
    silent : float
        Share of clips with an object of another class in view that makes no sound.
    noise_db : (float, float)
        Range of the signal-to-noise ratio against the background noise.
    seed : int
        Another seed, another set.
    """

    train: int = 320
    validation: int = 96
    test: int = 144
    seconds: float = 10.0
    size: tuple[int, int] = (320, 240)
    rate: int = 10
    pairs: float = 0.4
    imbalance: float = 20.0
    label_noise: float = 0.05
    off_screen: float = 0.2
    asynchronous: float = 0.5
    silent: float = 0.35
    noise_db: tuple[float, float] = (3.0, 18.0)
    seed: int = 0


@dataclass(frozen=True)
class Event:
    """A piece of a take that is heard."""

    kind: str
    take: int  # among those of its split
    begin: float  # s
    length: float  # s at most
    entry: float  # 0…1: where in the take the piece begins
    speed: float  # at which the take is played
    gain_db: float


@dataclass(frozen=True)
class Actor:
    """An object that is seen; of no class where `kind` is None."""

    kind: str | None
    sounding: bool
    enters: float  # s
    leaves: float
    home: tuple[float, float]  # centre, in shares of the picture
    size: float  # root of its area, in shares of the picture's height
    seed: int


@dataclass(frozen=True)
class Scene:
    """One clip. `labels` is what the manifest says, `kinds` what sounds."""

    name: str
    split: Split
    kinds: tuple[str, ...]
    labels: tuple[str, ...]
    events: tuple[Event, ...]
    actors: tuple[Actor, ...]
    noise: int
    noise_db: float
    seed: int


def plan(recipe: Recipe) -> list[Scene]:
    """The scenes of a set, the same ones for the same recipe.

    >>> scenes = plan(Recipe(train=40, validation=12, test=12))
    >>> len(scenes), scenes[0].split, scenes[-1].name
    (64, 'train', 'test-0011')
    >>> all(scene.labels == scene.kinds for scene in scenes if scene.split == "test")
    True
    """
    names = list(KINDS)
    np.random.default_rng([recipe.seed, 31]).shuffle(names)
    found = []
    for number, split in enumerate(SPLITS):
        count = getattr(recipe, split)
        weights = recipe.imbalance ** -np.linspace(0, 1, len(names)) if split == "train" else np.ones(len(names))
        rng = np.random.default_rng([recipe.seed, 32, number])
        firsts = rng.permutation(np.repeat(names, _portions(weights, count)))
        for k, first in enumerate(firsts):
            found.append(_scene(f"{split}-{k:04d}", split, str(first), names, weights, recipe, [number, k]))
    return found


def _portions(weights: Array, count: int) -> list[int]:
    """Whole numbers from 1 on that add up to `count`, as the weights have it."""
    if count < len(weights):
        raise ValueError(f"a split of {count} clips is too small: give each at least {len(weights)}, one per class.")
    found = np.maximum(np.round(weights / weights.sum() * count).astype(int), 1)
    while found.sum() > count:
        found[np.argmax(found)] -= 1
    for missing in range(count - int(found.sum())):
        found[missing % len(found)] += 1
    return [int(n) for n in found]


def _scene(
    name: str,
    split: Split,
    first: str,
    names: Sequence[str],
    weights: Array,
    recipe: Recipe,
    place: list[int],
) -> Scene:
    rng = np.random.default_rng([recipe.seed, 33, *place])
    others = np.where(np.array(names) == first, 0, weights)
    kinds = [first]
    if rng.random() < recipe.pairs:
        kinds.append(str(rng.choice(names, p=others / others.sum())))
    events: list[Event] = []
    actors: list[Actor] = []
    homes = rng.permutation([(x, y) for x in (0.22, 0.5, 0.78) for y in (0.3, 0.7)])
    for kind in kinds:
        own = _events(kind, rng, recipe)
        events += own
        if rng.random() >= recipe.off_screen:
            sync = rng.random() >= recipe.asynchronous
            actors.append(_actor(kind, True, homes[len(actors)], rng, recipe, own[0] if sync else None))
    if rng.random() < recipe.silent:
        kind = str(rng.choice([name for name in names if name not in kinds]))
        actors.append(_actor(kind, False, homes[len(actors)], rng, recipe, None))
    for _ in range(int(rng.integers(1, 4))):
        actors.append(_actor(None, False, homes[len(actors)], rng, recipe, None))
    order = rng.permutation(len(actors))
    return Scene(
        name,
        split,
        tuple(sorted(kinds)),
        _labels(kinds, names, rng, recipe.label_noise if split == "train" else 0.0),
        tuple(events),
        tuple(actors[k] for k in order),
        int(rng.integers(1 << 30)),
        float(rng.uniform(*recipe.noise_db)),
        int(rng.integers(1 << 30)),
    )


def _events(kind: str, rng: np.random.Generator, recipe: Recipe) -> list[Event]:
    """One or two pieces of one take."""
    count = int(rng.integers(1, 3))
    take, speed, gain = int(rng.integers(1 << 30)), float(rng.uniform(0.9, 1.1)), float(rng.uniform(-6, 3))
    part = recipe.seconds / count
    found = []
    for k in range(count):
        length = float(rng.uniform(0.15, 0.4)) * recipe.seconds
        begin = k * part + float(rng.uniform(0, max(part - length, 0.0)))
        found.append(Event(kind, take, begin, min(length, part), float(rng.random()), speed, gain))
    return found


def _actor(
    kind: str | None,
    sounding: bool,
    home: Array,
    rng: np.random.Generator,
    recipe: Recipe,
    event: Event | None,
) -> Actor:
    if event is None:
        length = float(rng.uniform(0.3, 0.6)) * recipe.seconds
        enters = float(rng.uniform(0, recipe.seconds - length))
    else:
        enters = event.begin - float(rng.uniform(0, 1))
        length = max(event.length + event.begin - enters + float(rng.uniform(0, 1)), 0.3 * recipe.seconds)
    x, y = (float(home[axis]) + float(rng.uniform(-0.05, 0.05)) for axis in (0, 1))
    size = float(rng.uniform(0.28, 0.42) if kind else rng.uniform(0.15, 0.35))
    return Actor(kind, sounding, max(enters, 0.0), enters + length, (x, y), size, int(rng.integers(1 << 30)))


def _labels(kinds: Sequence[str], names: Sequence[str], rng: np.random.Generator, wrong: float) -> tuple[str, ...]:
    """What sounds, or, in the given share of clips, one class less (where there are two) or one too many."""
    labels = list(kinds)
    if rng.random() < wrong:
        if len(labels) > 1:
            labels.pop(int(rng.integers(len(labels))))
        else:
            labels.append(str(rng.choice([name for name in names if name not in kinds])))
    return tuple(sorted(labels))
