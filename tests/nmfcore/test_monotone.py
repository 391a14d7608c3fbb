"""The objective never rises: every β, every penalty that says so, weights, and parts that are fixed."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmfcore import nmf
from nmfcore.penalties import L1, L2, GroupSparsity, Penalty

BETAS = (-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
GROUPS = [[slice(0, 2), slice(2, 4)], [slice(4, 7)]]


def data(seed: int = 0, shape: tuple[int, int] = (23, 31)) -> NDArray[np.float64]:
    rng = np.random.default_rng(seed)
    V = rng.gamma(0.5, size=(shape[0], 4)) @ rng.gamma(0.5, size=(4, shape[1])) * rng.gamma(2, size=shape)
    V[rng.random(shape) < 0.05] = 0
    return V


def assert_never_rises(V: Any, beta: float, backend: str, **options: Any) -> None:
    seen: list[NDArray[np.float64]] = []
    nmf(
        V,
        options.pop("n_components", 7),
        beta=beta,
        n_iter=60,
        check_every=1,
        seed=3,
        backend=backend,
        callback=lambda _, values: seen.append(values.copy()),
        **options,
    )
    values = np.array(seen)  # (iterations, problems)
    assert len(values) == 60
    assert np.isfinite(values).all()
    rise = np.diff(values, axis=0) / np.abs(values).max(0)
    assert rise.max() <= 1e-10, f"rises by {rise.max():.1e} in iteration {rise.argmax() + 2}"
    assert (values[-1] < values[0]).all()


@pytest.mark.parametrize("beta", BETAS)
def test_plain(beta: float, backend: str) -> None:
    assert_never_rises(data(), beta, backend)


@pytest.mark.parametrize("beta", BETAS)
def test_ragged_batch(beta: float, backend: str) -> None:
    assert_never_rises([data(1), data(2, (5, 40)), 1e3 * data(3, (17, 8))], beta, backend, n_components=3)


@pytest.mark.parametrize("beta", BETAS)
def test_weights(beta: float, backend: str) -> None:
    weights = np.random.default_rng(0).gamma(1.0, size=(23, 31))
    weights[:, ::5] = 0
    assert_never_rises(data(), beta, backend, weights=weights)


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("factor", ["W", "H"])
def test_l1(beta: float, factor: str, backend: str) -> None:
    # The other factor is fixed: else it would grow without bound while the penalised one shrinks.
    rng = np.random.default_rng(5)
    fixed = (
        {"W": rng.random((23, 7)), "free_w": False} if factor == "H" else {"H": rng.random((7, 31)), "free_h": False}
    )
    assert_never_rises(data(), beta, backend, penalties=[L1(0.3, factor=factor)], **fixed)


@pytest.mark.parametrize("factor", ["W", "H"])
def test_l2_with_the_euclidean_distance(factor: str, backend: str) -> None:
    assert_never_rises(data(), 2.0, backend, penalties=[L2(0.5, factor=factor)])


@pytest.mark.parametrize("beta", [0.0, 1.0])
@pytest.mark.parametrize("gamma", [0.0, 0.7, 1.0, "1/G"])
@pytest.mark.parametrize("kind", ["block", "component", "mixed"])
def test_group_sparsity(kind: str, gamma: float | str, beta: float, backend: str) -> None:
    rng = np.random.default_rng(5)
    penalty = GroupSparsity(GROUPS, [3.0, 8.0], gamma, kind, mix=0.3)
    assert_never_rises(data(), beta, backend, penalties=[penalty], W=rng.random((23, 7)), free_w=False)


@pytest.mark.parametrize("beta", [-1.0, 0.5])
def test_group_sparsity_at_other_beta(beta: float, backend: str) -> None:
    rng = np.random.default_rng(5)
    penalty = GroupSparsity(GROUPS, 5.0, 1.0, "mixed")
    assert_never_rises(data(), beta, backend, penalties=[penalty], W=rng.random((23, 7)), free_w=False)


def test_several_penalties_and_free_background(backend: str) -> None:
    """Semi-supervised: penalties on the trained rows, two free patterns that none of them sees."""
    rng = np.random.default_rng(5)
    penalties: list[Penalty] = [GroupSparsity(GROUPS, 2.0, 1.0, "block"), L1(0.01)]
    W, H = rng.random((23, 9)), rng.random((9, 31))
    assert_never_rises(data(), 0.0, backend, n_components=9, penalties=penalties, W=W, H=H, free_w=slice(7, None))


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.0])
def test_heuristic_exponent_in_practice(beta: float, backend: str) -> None:
    assert_never_rises(data(), beta, backend, exponent="mu")


@pytest.mark.parametrize("beta", BETAS)
def test_normalisation_changes_nothing(beta: float, backend: str) -> None:
    assert_never_rises(data(), beta, backend, normalize=True)
