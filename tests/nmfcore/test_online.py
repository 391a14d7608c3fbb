"""Patterns from a stream of spectrograms."""

import copy
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmfcore import nmf
from nmfcore.online import OnlineDictionary

Array = NDArray[Any]


def stream(seed: int = 0, recordings: int = 12) -> tuple[Array, list[Array]]:
    """Sparse patterns (F, 4), and recordings of different lengths that are made of them."""
    rng = np.random.default_rng(seed)
    W = rng.gamma(0.2, size=(40, 4)) + 1e-4
    W /= W.sum(0)
    return W, [W @ rng.gamma(0.2, size=(4, int(rng.integers(50, 300)))) for _ in range(recordings)]


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 2.0])
def test_finds_the_patterns(beta: float, backend: str) -> None:
    truth, recordings = stream()
    learner = OnlineDictionary(4, beta=beta, batch_size=100, half_life=500, n_inner=20, seed=1, backend=backend)
    for _ in range(8):
        for V in recordings:
            learner.partial_fit(V + 1e-6)
    assert learner.n_frames == 8 * sum(V.shape[1] for V in recordings)
    assert learner.W is not None
    np.testing.assert_allclose(learner.W.sum(0), 1, rtol=1e-9)
    unit = learner.W / np.linalg.norm(learner.W, axis=0)
    likeness = (truth / np.linalg.norm(truth, axis=0)).T @ unit
    assert (likeness.max(1) > 0.95).all(), likeness.round(2)


@pytest.mark.parametrize("beta", [0.0, 1.0, 1.5, 3.0])
def test_one_batch_without_memory_is_the_multiplicative_update(beta: float, backend: str) -> None:
    V = stream()[1][0] + 1e-3
    learner = OnlineDictionary(4, beta=beta, batch_size=1000, half_life=0, n_inner=1, seed=1, backend=backend)
    learner.partial_fit(V)
    before = learner.W
    learner.partial_fit(V)
    H = np.broadcast_to(V.sum(0) / 4, (4, V.shape[1]))
    want = nmf(V, beta=beta, W=before, H=H, n_iter=1, normalize=True, backend=backend)
    np.testing.assert_allclose(learner.W, want.W, rtol=1e-7, atol=1e-12)


def test_long_recordings_are_cut(backend: str) -> None:
    V = np.concatenate(stream()[1], axis=1)
    one, other = (OnlineDictionary(4, batch_size=64, seed=2, backend=backend) for _ in range(2))
    one.partial_fit(V)
    for at in range(0, V.shape[1], 64):
        other.partial_fit(V[:, at : at + 64])
    np.testing.assert_array_equal(one.W, other.W)


def test_what_it_keeps_does_not_grow(backend: str) -> None:
    learner = OnlineDictionary(3, seed=0, backend=backend)

    def kept() -> int:
        return sum(value.nbytes for value in vars(learner).values() if isinstance(value, np.ndarray))

    learner.partial_fit(np.ones((20, 10)))
    first = kept()
    learner.partial_fit(np.random.default_rng(0).random((20, 5000)))
    assert kept() == first > 0


def test_forgets(backend: str) -> None:
    """After a change of the source a short memory follows, a long one averages."""
    old, new = np.zeros((2, 10))
    old[:5] = new[5:] = 0.2
    away = []
    for half_life in (20.0, np.inf):
        learner = OnlineDictionary(1, half_life=half_life, batch_size=50, seed=0, backend=backend)
        learner.partial_fit(np.outer(old + 0.01, np.ones(400))).partial_fit(np.outer(new + 0.01, np.ones(400)))
        assert learner.W is not None
        away.append(float(learner.W[:5].sum()))
    assert away[0] < 0.1
    assert 0.3 < away[1] < 0.7


@pytest.mark.parametrize("level", [1e-43, 1e-30, 1.0, 1e30])
def test_levels_silence_and_single_precision(level: float, backend: str) -> None:
    recordings = [np.float32(level) * V.astype(np.float32) for V in stream()[1][:3]]
    recordings[1][:, ::2] = 0
    learner = OnlineDictionary(3, beta=0, seed=0, backend=backend).partial_fit(np.zeros((40, 7), np.float32))
    assert learner.W is None
    for V in recordings:
        V.flags.writeable = False
        learner.partial_fit(V)
    assert learner.W is not None
    assert learner.W.dtype == np.float32
    assert np.isfinite(learner.W).all()
    again = copy.deepcopy(learner)
    np.testing.assert_array_equal(again.partial_fit(recordings[0]).W, learner.partial_fit(recordings[0]).W)


def test_bad_arguments() -> None:
    for name in ("n_components", "batch_size", "n_inner"):
        with pytest.raises(ValueError, match=rf"^{name}=0"):
            OnlineDictionary(**{"n_components": 2, name: 0})
    with pytest.raises(ValueError, match=r"^half_life=-1"):
        OnlineDictionary(2, half_life=-1)
    with pytest.raises(ValueError, match=r"^backend='gpu'"):
        OnlineDictionary(2, backend="gpu")
    learner = OnlineDictionary(2).partial_fit(np.ones((5, 5)))
    with pytest.raises(ValueError, match=r"^V has 6 bins, but the patterns have 5"):
        learner.partial_fit(np.ones((6, 5)))
    with pytest.raises(ValueError, match=r"^V must be one spectrogram"):
        learner.partial_fit(np.ones((2, 5, 5)))
    with pytest.raises(ValueError, match=r"^V contains NaN"):
        learner.partial_fit(np.full((5, 5), np.nan))
