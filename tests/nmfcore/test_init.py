"""Initial factors."""

import numpy as np
import pytest
from numpy.typing import NDArray

from nmfcore.init import initial_factors


def matrix(seed: int = 0, shape: tuple[int, int] = (23, 31), rank: int = 6) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    return rng.random((shape[0], rank)) @ rng.random((rank, shape[1]))


@pytest.mark.parametrize("level", [1e-12, 1.0, 1e12])
def test_random_is_positive_and_at_the_level_of_the_data(level: float) -> None:
    V = matrix() * level
    W, H = initial_factors(V, 5, "random", np.random.default_rng(0))
    assert W.shape == (23, 5)
    assert H.shape == (5, 31)
    assert (W > 0).all()
    assert (H > 0).all()
    assert 0.3 < (W @ H).mean() / V.mean() < 3


@pytest.mark.parametrize("method", ["random", "nndsvd", "nndsvda"])
def test_the_seed_decides(method: str) -> None:
    first, second = (initial_factors(matrix(), 4, method, np.random.default_rng(3)) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_nndsvd_follows_its_definition() -> None:
    """Against a full singular value decomposition: the positive part of each pair that carries more."""
    V = matrix()
    W, H = initial_factors(V, 4, "nndsvd", np.random.default_rng(0))
    left, values, right = np.linalg.svd(V)
    for k in range(4):
        u, v = left[:, k], right[k]
        if np.linalg.norm(np.maximum(u, 0)) * np.linalg.norm(np.maximum(v, 0)) < np.linalg.norm(
            np.minimum(u, 0)
        ) * np.linalg.norm(np.minimum(v, 0)):
            u, v = -u, -v
        np.testing.assert_allclose(np.outer(W[:, k], H[k]), values[k] * np.outer(u.clip(0), v.clip(0)), atol=1e-5)


def test_nndsvda_has_no_zeros_and_nndsvd_has() -> None:
    sparse = initial_factors(matrix(), 5, "nndsvd", np.random.default_rng(0))
    filled = initial_factors(matrix(), 5, "nndsvda", np.random.default_rng(0))
    for zero, full in zip(sparse, filled, strict=True):
        assert (zero == 0).any()
        assert (zero >= 0).all()
        assert (full > 0).all()
        np.testing.assert_array_equal(full[zero > 0], zero[zero > 0])


def test_the_first_component_explains_a_matrix_of_rank_one() -> None:
    V = np.outer(np.arange(1.0, 6), np.arange(1.0, 8))
    W, H = initial_factors(V, 1, "nndsvd", np.random.default_rng(0))
    np.testing.assert_allclose(W @ H, V, rtol=1e-10)


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match=r"^init='svd'"):
        initial_factors(matrix(), 2, "svd", np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"n_components ≤ min\(F, N\) = 23, got 24"):
        initial_factors(matrix(), 24, "nndsvd", np.random.default_rng(0))
