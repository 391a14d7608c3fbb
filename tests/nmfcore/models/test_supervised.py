"""Patterns learned before, and annotations of activity."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmfcore.masks import wiener
from nmfcore.models import activity_nmf, learn_dictionary, learn_dictionary_online, supervised_nmf

Array = NDArray[Any]


def scene(seed: int = 0, bins: int = 50) -> tuple[dict[str, list[Array]], Array]:
    """Recordings of two kinds of source, and the two of them at once (2, F, N)."""
    rng = np.random.default_rng(seed)
    W = {name: rng.gamma(0.15, size=(bins, 3)) + 1e-4 for name in ("a", "b")}
    recordings = {name: [w @ rng.gamma(0.3, size=(3, 80)) for _ in range(5)] for name, w in W.items()}
    return recordings, np.stack([w @ rng.gamma(0.3, size=(3, 60)) for w in W.values()])


def error(parts: Array, truth: Array) -> float:
    return float(((wiener(truth.sum(0), parts) - truth) ** 2).sum() / (truth**2).sum())


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.0])
def test_supervised(beta: float, backend: str) -> None:
    recordings, truth = scene()
    model = learn_dictionary_online(
        recordings, 3, beta=beta, batch_size=40, half_life=400, n_passes=10, seed=0, backend=backend
    )
    fit = supervised_nmf(truth.sum(0), model, beta=beta, n_iter=300, seed=0, backend=backend)
    assert error(fit.parts(), truth) < 0.05
    np.testing.assert_array_equal(fit.W, model.W)


def test_semi_supervised(backend: str) -> None:
    recordings, truth = scene()
    model = learn_dictionary({"a": recordings["a"]}, 3, beta=1.0, seed=0, backend=backend)
    fit = supervised_nmf(truth.sum(0), model, background=3, n_iter=400, n_restarts=3, seed=0, backend=backend)
    assert fit.n_sources == 2
    assert error(fit.parts(), truth) < 0.3 < error(fit.parts()[::-1], truth)
    several = supervised_nmf([truth.sum(0), truth[0][:, :9]], model, background=1, n_iter=3, seed=0, backend=backend)
    assert [one.shape for one in several.parts()] == [(2, 50, 60), (2, 50, 9)]


def test_recordings_may_be_read_once(backend: str) -> None:
    recordings, _ = scene()
    one = learn_dictionary_online({"a": iter(recordings["a"])}, 3, seed=0, backend=backend)
    np.testing.assert_array_equal(one.W, learn_dictionary_online({"a": recordings["a"]}, 3, seed=0, backend=backend).W)
    with pytest.raises(ValueError, match=r"^n_passes=2 needs a list for source 'a'"):
        learn_dictionary_online({"a": iter(recordings["a"])}, 3, n_passes=2)


def test_activity(backend: str) -> None:
    """Each source sounds alone for a while; that is enough to tell them apart where both do."""
    _, truth = scene()
    activity = np.ones((2, 60))
    activity[0, :20] = activity[1, 20:40] = 0
    truth = truth * activity[:, None]
    fit = activity_nmf(truth.sum(0) + 1e-9, activity, n_components=3, beta=1, n_iter=500, seed=0, backend=backend)
    parts = fit.parts()
    assert parts[0, :, :20].max() == parts[1, :, 20:40].max() == 0
    assert error(parts, truth) < 0.05
    assert error(parts[::-1], truth) > 0.5


@pytest.mark.parametrize("mark", ["weights", "nan"])
def test_missing_points_are_filled_in(mark: str, backend: str) -> None:
    _, truth = scene()
    V = truth[0] + 1e-6
    gone = np.random.default_rng(0).random(V.shape) < 0.2
    spoilt = np.where(gone, np.nan if mark == "nan" else 1e3, V)
    weights = np.where(gone, 0.0, 1.0) if mark == "weights" else None
    fit = activity_nmf(
        spoilt, np.ones((1, 60)), n_components=3, weights=weights, beta=1, n_iter=1000, seed=0, backend=backend
    )
    filled = (fit.W @ fit.H)[gone]
    assert np.corrcoef(filled, V[gone])[0, 1] > 0.99


def test_frames_without_any_source_do_not_count(backend: str) -> None:
    _, truth = scene()
    V = truth.sum(0) + 1e-9
    activity = np.ones((2, 60))
    activity[:, 30:] = 0
    fit = activity_nmf(V, activity, n_components=3, n_iter=20, seed=0, backend=backend)
    assert fit.H[:, 30:].max() == 0
    loud = np.where(np.arange(60) < 30, V, 1e6 * V.max())
    other = activity_nmf(loud, activity, n_components=3, n_iter=400, n_restarts=8, seed=0, backend=backend)
    assert np.isfinite(other.objective)
    assert (other.W @ other.H).max() < 10 * V.max()


def test_forms_and_silence(backend: str) -> None:
    V = np.zeros((2, 6, 9), np.float32)
    V[1] = np.random.default_rng(0).random((6, 9))
    activity = np.ones((2, 9))
    activity[:, 0] = 0
    for given in (V, list(V)):
        fit = activity_nmf(given, activity, n_components=2, n_iter=5, seed=0, backend=backend)
        assert all(np.isfinite(part).all() for part in fit.parts())
        assert len(fit.labels) == 2
    assert fit.W[0].dtype == (np.float64 if backend == "reference" else np.float32)


def test_bad_arguments() -> None:
    recordings, truth = scene()
    model = learn_dictionary_online(recordings, 2, seed=0)
    with pytest.raises(ValueError, match=r"^V has 49 bins, but the dictionary's patterns have 50"):
        supervised_nmf(truth[0][1:], model)
    with pytest.raises(ValueError, match=r"^background=-1"):
        supervised_nmf(truth[0], model, background=-1)
    with pytest.raises(ValueError, match=r"^recordings must name"):
        learn_dictionary_online({})
    with pytest.raises(ValueError, match=r"^source 'a' has no recording that is not silent"):
        learn_dictionary_online({"a": [np.zeros((5, 5))]})
    with pytest.raises(ValueError, match=r"^all recordings must have the same number of bins; got \[5, 6\]"):
        learn_dictionary_online({"a": [np.ones((5, 5))], "b": [np.ones((6, 5))]}, 2)
    with pytest.raises(ValueError, match=r"^activity has 59 frames where V has 60"):
        activity_nmf(truth[0], np.ones((2, 59)))
    with pytest.raises(ValueError, match=r"^weights has shape \(50, 59\) where V has \(50, 60\)"):
        activity_nmf(truth[0], np.ones((2, 60)), weights=np.ones((50, 59)))
    with pytest.raises(ValueError, match=r"^activity must hold finite nonnegative"):
        activity_nmf(truth[0], -np.ones((2, 60)))
