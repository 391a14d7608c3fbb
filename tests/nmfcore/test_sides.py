"""Parts of a factor that are fixed, masked or normalized."""

from typing import Any

import numpy as np
import pytest

from nmfcore import nmf
from nmfcore.penalties import L1, GroupSparsity

BETAS = (-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
MASKS: tuple[Any, ...] = (
    True,
    False,
    slice(2, None),
    slice(None, 3),
    slice(None, None, 2),
    np.array([True, False, False, True, True]),
    np.array([False, False, True, False, False]),
    np.zeros(5, bool),
)


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("penalised", [False, True])
@pytest.mark.parametrize("which", ["W", "H"])
def test_fixed_parts_stay_bit_for_bit(which: str, penalised: bool, normalize: bool, backend: str) -> None:
    rng = np.random.default_rng(0)
    V = rng.random((3, 9, 40))
    begin = {"W": rng.random((3, 9, 5)), "H": rng.random((3, 5, 40))}
    for mask in MASKS:
        free = np.zeros(5, bool)
        free[mask if not isinstance(mask, bool) else slice(None)] = mask if isinstance(mask, bool) else True
        fit = nmf(
            V,
            beta=0,
            free_w=mask if which == "W" else True,
            free_h=mask if which == "H" else True,
            penalties=[GroupSparsity([[slice(0, 2), slice(2, 5)]], 0.1, 1.0)] if penalised else [],
            normalize=normalize,
            n_iter=3,
            backend=backend,
            **begin,
        )
        before, after = (
            (np.swapaxes(begin["W"], 1, 2), np.swapaxes(fit.W, 1, 2)) if which == "W" else (begin["H"], fit.H)
        )
        np.testing.assert_array_equal(after[:, ~free], before[:, ~free])
        assert (after[:, free] != before[:, free]).any(-1).all()


def test_fixed_parts_stay_at_extreme_levels(backend: str) -> None:
    """The solver may rescale V; what is fixed comes back as it was."""
    rng = np.random.default_rng(0)
    V = (1e-25 * rng.random((9, 12))).astype(np.float32)
    W, H = rng.random((9, 3)).astype(np.float32), (1e-25 * rng.random((3, 12))).astype(np.float32)
    fit = nmf(V, W=W, H=H, beta=0, free_w=slice(1, None), free_h=slice(2, None), n_iter=5, backend=backend)
    np.testing.assert_array_equal(fit.W[:, :1], W[:, :1])
    np.testing.assert_array_equal(fit.H[:2], H[:2])


def test_zeros_of_an_activity_mask_stay_zero(backend: str) -> None:
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        for level in (1e-10, 1.0):
            V = (level * rng.random((9, 40))).astype(dtype)
            H = level * rng.random((3, 40))
            H[rng.random(H.shape) < 0.4] = 0
            H[:, 7] = 0  # a frame in which nothing may sound
            for beta in BETAS:
                fit = nmf(V, beta=beta, H=H, n_iter=20, seed=0, backend=backend)
                assert (fit.H[H == 0] == 0).all()
                assert np.isfinite(fit.W).all()
                assert np.isfinite(fit.H).all()


def test_normalized_patterns_sum_to_one(backend: str) -> None:
    V = np.random.default_rng(0).random((9, 11))
    fit = nmf(V, 4, normalize=True, n_iter=5, seed=0, backend=backend)
    plain = nmf(V, 4, n_iter=5, seed=0, backend=backend)
    np.testing.assert_allclose(fit.W.sum(0), 1, rtol=1e-12)
    np.testing.assert_allclose(fit.W @ fit.H, plain.W @ plain.H, rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_patterns_that_stay_are_read_once(dtype: type, backend: str) -> None:
    """For β = 2 the products of fixed patterns are kept; the updates are those of the formula, one problem or more."""
    rng = np.random.default_rng(0)
    V = [rng.random(shape).astype(dtype) for shape in ((9, 12), (20, 7))]
    W = [rng.random((len(v), 4)) for v in V]
    H = [rng.random((4, v.shape[1])) for v in V]
    free = np.array([True, False, True, True])
    fit = nmf(V, W=W, H=H, beta=2, free_w=False, free_h=free, n_iter=6, tol=1e-9, penalties=[L1(0.1)], backend=backend)
    for v, w, h, got in zip(V, W, H, fit.H, strict=True):
        for _ in range(6):
            h[free] *= ((w.T @ v) / (w.T @ w @ h + 0.1))[free]
        np.testing.assert_allclose(got, h, rtol=1e-4 if dtype == np.float32 else 1e-10)
