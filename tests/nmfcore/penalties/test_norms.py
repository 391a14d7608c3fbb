"""Elementwise penalties."""

import numpy as np
import pytest

from nmfcore import nmf
from nmfcore.penalties import L1, L2, Penalty


@pytest.mark.parametrize("penalty", [L1(0.7), L2(0.7), L1(0.0), L2(0.0)])
def test_gradient(penalty: Penalty) -> None:
    """P − Q against finite differences of the value."""
    H = np.random.default_rng(0).uniform(0.1, 2, (3, 5))
    neg, pos = penalty.split(H)
    slope = np.broadcast_to((0 if pos is None else pos) - (0 if neg is None else neg), H.shape)
    for index in np.ndindex(H.shape):
        step = np.zeros_like(H)
        step[index] = 1e-6
        wanted = (penalty.value(H + step) - penalty.value(H - step)) / 2e-6
        assert slope[index] == pytest.approx(wanted, abs=1e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("penalty", [L1(0.7), L2(0.7)])
def test_parts_have_the_type_of_the_factor(penalty: Penalty, dtype: type) -> None:
    neg, pos = penalty.split(np.ones((3, 5), dtype))
    assert neg is None
    assert pos is not None
    assert pos.dtype == dtype
    assert (pos >= 0).all()


@pytest.mark.parametrize("factor", ["W", "H"])
def test_more_weight_means_smaller_and_sparser(factor: str, backend: str) -> None:
    rng = np.random.default_rng(0)
    V = rng.gamma(0.5, size=(12, 40))
    W, H = rng.random((12, 6)), rng.random((6, 40))
    sums = []
    for lam in (0.0, 1.0, 10.0):
        fit = nmf(
            V,
            W=W,
            H=H,
            free_w=factor == "W",
            free_h=factor == "H",
            penalties=[L1(lam, factor=factor)],
            n_iter=200,
            backend=backend,
        )
        sums.append((fit.W if factor == "W" else fit.H).sum())
    assert sums[0] > sums[1] > sums[2]
    assert sums[2] < 0.7 * sums[0]


def test_l1_has_its_closed_form(backend: str) -> None:
    """KL of one component with W = 1: h = v F / (F + λ), F rows."""
    V = np.tile(np.arange(1.0, 6), (4, 1))
    fit = nmf(V, W=np.ones((4, 1)), free_w=False, penalties=[L1(2.0)], n_iter=50, seed=0, backend=backend)
    np.testing.assert_allclose(fit.H[0], np.arange(1.0, 6) * 4 / 6, rtol=1e-10)


def test_l2_has_its_closed_form(backend: str) -> None:
    """Euclidean, one component, W = 1: h = Σv / (F + λ)."""
    V = np.tile(np.arange(1.0, 6), (4, 1))
    fit = nmf(V, beta=2, W=np.ones((4, 1)), free_w=False, penalties=[L2(2.0)], n_iter=200, seed=0, backend=backend)
    np.testing.assert_allclose(fit.H[0], np.arange(1.0, 6) * 4 / 6, rtol=1e-8)


@pytest.mark.parametrize("kind", [L1, L2])
def test_bad_arguments(kind: type[L1] | type[L2]) -> None:
    for lam in (-1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match=r"^lam="):
            kind(lam)
    with pytest.raises(ValueError, match=r"^factor='h'"):
        kind(1.0, factor="h")
