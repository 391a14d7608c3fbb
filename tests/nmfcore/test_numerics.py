"""Hard data, one row of a table each: finite factors and objectives for every β, number type and backend."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmfcore import nmf
from nmfcore.penalties import L1, L2

Array = NDArray[Any]
BETAS = (-6.0, -3.0, -1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0)
DTYPES = (np.float32, np.float64)


def random(shape: tuple[int, int] = (9, 14)) -> Array:
    return np.random.default_rng(0).gamma(1.0, size=shape) + 1e-3


def with_empty_row(_: type) -> Array:
    V = random()
    V[3] = 0
    return V


def single(_: type) -> Array:
    V = np.zeros((6, 8))
    V[2, 5] = 3
    return V


# Name: (data of that number type, components).
TABLE: dict[str, tuple[Callable[[type], Array], int]] = {
    "ordinary": (lambda _: random(), 3),
    "zeros": (lambda _: np.zeros((5, 7)), 3),
    "subnormal": (lambda dtype: np.full((5, 7), np.finfo(dtype).smallest_subnormal * 8), 2),
    "smallest normal": (lambda dtype: np.full((5, 7), np.finfo(dtype).tiny), 2),
    "1e20": (lambda _: 1e20 * random(), 3),
    "1e-20": (lambda _: 1e-20 * random(), 3),
    "forty orders of magnitude": (lambda _: 10 ** np.random.default_rng(0).uniform(-20, 20, (9, 14)), 3),
    "one row empty": (with_empty_row, 3),
    "more components than rows": (lambda _: random((4, 5)), 9),
    "one column": (lambda _: random((9, 1)), 3),
    "one row": (lambda _: random((1, 9)), 3),
    "one entry": (lambda _: np.ones((1, 1)), 2),
    "single non-zero": (single, 3),
}
HARMLESS = ("ordinary", "one column", "one row", "one entry", "more components than rows")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("beta", BETAS)
def test_factors_and_objectives_are_finite(beta: float, dtype: type, backend: str) -> None:
    V = [make(dtype).astype(dtype) for make, _ in TABLE.values()]
    ranks = [rank for _, rank in TABLE.values()]
    weights = [np.random.default_rng(1).integers(0, 2, v.shape).astype(dtype) for v in V]
    for options in ({}, {"weights": weights}, {"penalties": [L1(1e-3), L2(1e-3, "W")]}, {"normalize": True}):
        fit = nmf(V, ranks, beta=beta, n_iter=30, tol=1e-9, seed=0, backend=backend, **options)
        for name, W, H, value in zip(TABLE, fit.W, fit.H, fit.objective, strict=True):
            assert np.isfinite(W).all(), (name, *options)
            assert np.isfinite(H).all(), (name, *options)
            assert min(W.min(), H.min()) >= 0, (name, *options)
            assert np.isfinite(value), (name, *options)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("beta", [0.5, 1.0, 1.5, 2.0, 3.0])
def test_what_is_silent_stays_silent(beta: float, dtype: type, backend: str) -> None:
    """For β > 0, zeros of a whole row are fitted exactly, and so is silence; for β ≤ 0 they count as the floor."""
    fit = nmf(with_empty_row(dtype).astype(dtype), 3, beta=beta, n_iter=50, seed=0, backend=backend)
    assert (fit.W @ fit.H)[3].max() <= 1e-6 * fit.W.max() * fit.H.max()
    assert not (nmf(np.zeros((5, 7), dtype), 3, beta=beta, n_iter=3, seed=0, backend=backend).H).any()


@pytest.mark.parametrize("name", HARMLESS)
@pytest.mark.parametrize("beta", [-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0])
def test_float32_agrees_with_float64(beta: float, name: str, backend: str) -> None:
    """To what the condition allows: rounding grows with every update, so the products are compared, not the factors."""
    make, rank = TABLE[name]
    rng = np.random.default_rng(2)
    V = make(np.float64)
    begin = {"W": rng.uniform(0.5, 1.5, (len(V), rank)), "H": rng.uniform(0.5, 1.5, (rank, V.shape[1]))}
    wide, narrow = (nmf(V, beta=beta, n_iter=20, dtype=dtype, backend=backend, **begin) for dtype in ("f8", "f4"))
    np.testing.assert_allclose(narrow.W @ narrow.H, wide.W @ wide.H, rtol=2e-3)
