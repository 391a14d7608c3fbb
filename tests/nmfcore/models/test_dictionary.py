"""Generic source spectral models."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmfcore import nmf
from nmfcore.models import learn_dictionary


def examples(seed: int = 0, bins: int = 12) -> dict[str, list[NDArray[np.float64]]]:
    rng = np.random.default_rng(seed)
    return {
        "speech": [rng.gamma(0.5, size=(bins, n)) for n in (30, 17, 45)],
        "noise": [rng.gamma(0.5, size=(bins, n)) for n in (8, 64)],
    }


def test_blocks_lie_side_by_side(backend: str) -> None:
    model = learn_dictionary(examples(), {"speech": 4, "noise": 2}, n_iter=5, seed=0, backend=backend)
    assert model.W.shape == (12, 3 * 4 + 2 * 2)
    assert model.sources == ("speech", "noise")
    assert model.blocks["speech"] == (slice(0, 4), slice(4, 8), slice(8, 12))
    assert model.blocks["noise"] == (slice(12, 14), slice(14, 16))
    assert model.rows("noise") == slice(12, 16)
    assert model.groups == [model.blocks["speech"], model.blocks["noise"]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_patterns_sum_to_one(dtype: type, backend: str) -> None:
    given = {name: [v.astype(dtype) for v in vs] for name, vs in examples().items()}
    model = learn_dictionary(given, 3, n_iter=20, seed=0, backend=backend)
    np.testing.assert_allclose(model.W.sum(0), 1, rtol=1e-5)
    assert model.W.min() >= 0
    assert model.W.dtype == (np.float64 if backend == "reference" else dtype)


def test_each_example_is_factorized_by_itself(backend: str) -> None:
    """The first example of a batch is what it would be alone (the seeds of later ones lie further on)."""
    given = examples()
    model = learn_dictionary(given, 3, n_iter=20, seed=5, backend=backend)
    alone = nmf(given["speech"][0], 3, beta=0, n_iter=20, normalize=True, seed=5, backend=backend)
    np.testing.assert_array_equal(model.W[:, :3], alone.W)


def test_planted_patterns_are_learned(backend: str) -> None:
    rng = np.random.default_rng(0)
    given, planted = {}, {}
    for name, first in (("low", 0), ("high", 6)):
        W = np.full((12, 2), 1e-4)
        W[first : first + 3, 0] = W[first + 3 : first + 6, 1] = 1
        planted[name] = W / W.sum(0)
        given[name] = [W @ rng.gamma(0.5, size=(2, 200))]
    model = learn_dictionary(given, 2, n_iter=400, seed=0, backend=backend)
    for name, W in planted.items():
        got = model.W[:, model.rows(name)]
        order = [0, 1] if got[:, 0] @ W[:, 0] > got[:, 1] @ W[:, 0] else [1, 0]
        np.testing.assert_allclose(got[:, order], W, atol=0.02)


def test_silent_frames_teach_nothing(backend: str) -> None:
    V = np.random.default_rng(0).gamma(0.5, size=(12, 30))
    padded = np.hstack([np.zeros((12, 7)), V, 1e-9 * V])
    for given in (V, padded):
        model = learn_dictionary({"a": [given]}, 3, n_iter=30, seed=0, backend=backend)
        assert np.isfinite(model.W).all()
    np.testing.assert_array_equal(
        learn_dictionary({"a": [padded]}, 3, n_iter=30, seed=0, backend=backend).W,
        learn_dictionary({"a": [V]}, 3, n_iter=30, seed=0, backend=backend).W,
    )


def test_joint_learning_has_the_same_size_in_one_block(backend: str) -> None:
    model = learn_dictionary(examples(), 3, joint=True, n_iter=5, seed=0, backend=backend)
    assert model.W.shape == (12, 15)
    assert model.blocks["speech"] == (slice(0, 9),)
    assert model.blocks["noise"] == (slice(9, 15),)


def test_inputs_are_not_changed_and_the_seed_decides(backend: str) -> None:
    given = examples()
    for v in [v for vs in given.values() for v in vs]:
        v.flags.writeable = False
    one, other, third = (learn_dictionary(given, 3, n_iter=10, seed=s, backend=backend).W for s in (1, 1, 2))
    np.testing.assert_array_equal(one, other)
    assert (one != third).any()


def test_number_of_patterns_may_be_a_numpy_integer(backend: str) -> None:
    assert learn_dictionary(examples(), np.int64(2), n_iter=2, seed=0, backend=backend).W.shape == (12, 10)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "components", "message"),
    [
        ({}, 2, r"^examples must name at least one source"),
        ({"a": []}, 2, r"^source 'a' has no example"),
        ({"a": [np.ones(4)]}, 2, r"^example 0 of source 'a' must be a spectrogram"),
        ({"a": [np.ones((4, 0))]}, 2, r"^example 0 of source 'a' must be a spectrogram"),
        ({"a": [np.ones((4, 5)), np.zeros((4, 5))]}, 2, r"^example 1 of source 'a' is silent"),
        ({"a": [np.full((4, 5), np.nan)]}, 2, r"^example 0 of source 'a' contains NaN"),
        ({"a": [np.ones((4, 5)), np.ones((5, 5))]}, 2, r"number of bins; got \[4, 5\]"),
        ({"a": [-np.ones((4, 5))]}, 2, r"^example 0 of source 'a'.* negative"),
        ({"a": [np.ones((4, 5))]}, 0, r"^n_components=0"),
        ({"a": [np.ones((4, 5))]}, {"b": 2}, r"^n_components .*'a'"),
    ],
)
def test_bad_examples_are_named(given: Any, components: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        learn_dictionary(given, components, n_iter=2)
