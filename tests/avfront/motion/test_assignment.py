"""Components given to objects: by motion where timbres are alike, by timbre where motions are, and by both."""

import numpy as np
import pytest
from numpy.typing import NDArray

from avfront.motion.assignment import assign

Array = NDArray[np.float64]
OBJECTS = np.array([0, 1, 0, 1, 1, 0, 0, 1])
RATE = 16000


def activations(seed: int) -> Array:
    """Notes of eight components, (8, 400): each lasts about ten frames."""
    rng = np.random.default_rng(seed)
    notes = rng.random((8, 40)) * (rng.random((8, 40)) < 0.3)
    return np.repeat(notes, 10, axis=1) * rng.uniform(0.8, 1.2, (8, 400)) + 1e-4


def motion(H: Array) -> Array:
    """Of the object of each component, (2, 400): it moves while any of its components sounds."""
    return np.stack([1 - np.exp(-3 * H[j == OBJECTS].sum(axis=0)) for j in range(2)])


def patterns(seed: int, *, tell: bool) -> Array:
    """Of harmonics in eight keys, (257, 8); the second object's fall off faster, if they `tell`."""
    rng = np.random.default_rng(seed)
    bins = np.arange(257)
    pitch = rng.uniform(8, 16, 8)
    comb = np.exp(-((np.minimum(bins[:, None] % pitch, pitch - bins[:, None] % pitch) / 0.7) ** 2)) + 1e-4
    return np.asarray(comb * np.exp(-bins[:, None] / np.where(tell & (OBJECTS == 1), 15, 80)))


@pytest.mark.parametrize("seed", range(4))
def test_motion_decides_between_like_timbres(seed: int) -> None:
    H = activations(seed)
    found = assign(patterns(seed, tell=False), H, motion(H), RATE, seed)
    np.testing.assert_array_equal(found, OBJECTS)


@pytest.mark.parametrize("seed", range(4))
def test_timbre_groups_what_moves_alike(seed: int) -> None:
    """Objects that move as one: which is which cannot be told, but what belongs together can."""
    H = activations(seed)
    both = np.tile(motion(H).mean(axis=0), (2, 1)) + 0.02 * np.random.default_rng(seed).random((2, 400))
    found = assign(patterns(seed, tell=True), H, both, RATE, seed)
    assert found.tolist() in (OBJECTS.tolist(), (1 - OBJECTS).tolist())


@pytest.mark.parametrize("seed", range(4))
def test_components_that_motion_leaves_open_follow_their_timbre(seed: int) -> None:
    """The activation of a component that always sounds says nothing."""
    H = activations(seed)
    H[1] = 0
    M = motion(H)
    H[1] = 1 + 0.01 * np.random.default_rng(seed).random(400)
    np.testing.assert_array_equal(assign(patterns(seed, tell=True), H, M, RATE, seed), OBJECTS)


def test_levels_and_order_do_not_matter() -> None:
    H, W = activations(0), patterns(0, tell=True)
    M = motion(H)
    found = assign(W, H, M, RATE, seed=0)
    np.testing.assert_array_equal(assign(100 * W, H, M * [[3], [0.1]], RATE, seed=0), found)
    np.testing.assert_array_equal(assign(W, H, M[::-1], RATE, seed=0), 1 - found)


def test_silence_and_an_object_without_sound() -> None:
    """A component that never sounds does no harm, and an object that nothing explains gets little."""
    H, W = activations(1), patterns(1, tell=True)
    M = motion(H)
    H[7] = 0
    W[:, 7] = 0
    idle = (np.arange(400) // 50 % 2)[None] * 1.0
    found = assign(W, H, np.concatenate([M, idle]), RATE, seed=0)
    assert (found[:7] == OBJECTS[:7]).mean() > 0.8
    assert assign(W, H[:, :5], M[:, :5], RATE, seed=0).shape == (8,)
