"""The multichannel Wiener filter."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmfcore import masks
from nmfcore.spatial import regularized, wiener

Array = NDArray[Any]
DTYPES = (np.complex64, np.complex128)


def draw(channels: int, sources: int, dtype: type, seed: int = 0) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(seed)
    shape = (sources, 5, channels, channels)
    A = rng.standard_normal(shape) + 1j * rng.standard_normal(shape)
    X = rng.standard_normal((channels, 5, 17)) + 1j * rng.standard_normal((channels, 5, 17))
    v = 10 ** rng.uniform(-2, 2, (sources, 5, 17))
    return (
        X.astype(dtype),
        v.astype(X.astype(dtype).real.dtype),
        regularized(A @ np.conj(np.swapaxes(A, -1, -2)), 1e-3),
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sources", [1, 2, 4])
@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_images_sum_to_the_mixture(channels: int, sources: int, dtype: type, backend: str) -> None:
    X, v, R = draw(channels, sources, dtype)
    X.flags.writeable = v.flags.writeable = R.flags.writeable = False
    images = wiener(X, v, R, backend=backend)
    assert images.shape == (sources, *X.shape)
    assert images.dtype == dtype
    np.testing.assert_allclose(
        images.sum(0), X, rtol=0, atol=(3e-6 if dtype == np.complex64 else 1e-14) * np.abs(X).max()
    )


@pytest.mark.parametrize("channels", [2, 3])
def test_is_the_conditional_mean(channels: int, backend: str) -> None:
    """Against the formula, bin by bin."""
    X, v, R = draw(channels, 3, np.complex128)
    images = wiener(X, v, R, backend=backend)
    for f in range(5):
        for n in range(17):
            cov = v[:, f, n, None, None] * R[:, f]
            want = cov @ np.linalg.solve(cov.sum(0), X[:, f, n])
            np.testing.assert_allclose(images[:, :, f, n], want, rtol=1e-9, atol=1e-9)


def test_one_channel_is_a_mask(backend: str) -> None:
    X, v, R = draw(1, 3, np.complex128)
    np.testing.assert_allclose(wiener(X, v, R, backend=backend)[:, 0], masks.wiener(X[0], v), rtol=1e-10)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("level", [1e-30, 1e-12, 1e12, 1e30])
def test_the_level_of_the_variances_does_not_matter(level: float, dtype: type, backend: str) -> None:
    X, v, R = draw(2, 2, dtype)
    want = wiener(X, v, R, backend=backend)
    got = wiener(X, v * v.dtype.type(level), R, backend=backend)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 2, 4])
def test_awkward_parameters_stay_finite(channels: int, dtype: type, backend: str) -> None:
    """Variances of zero and over many orders, nearly singular covariances, zero and identical channels."""
    X, v, R = draw(channels, 2, dtype)
    X[-1], X[:, 1] = X[0], 0
    v[:, 0], v[0, 2] = 0, 0
    v[:, 3] = np.logspace(-30, 30, 17)
    ones = np.ones((channels, channels))
    for covariances in (R, np.stack([R[0], np.broadcast_to(regularized(ones, 1e-6), R[0].shape)])):
        images = wiener(X, v, covariances, backend=backend)
        assert np.isfinite(images).all()
        np.testing.assert_allclose(images.sum(0), X, atol=1e-5 if dtype == np.complex64 else 1e-9)


@pytest.mark.parametrize(
    ("X", "v", "R", "message"),
    [
        (
            np.ones((2, 3)) + 0j,
            np.ones((1, 2, 3)),
            np.ones((1, 2, 2, 2)),
            r"^X must be a complex spectrogram",
        ),
        (np.ones((2, 3, 4)), np.ones((1, 3, 4)), np.ones((1, 3, 2, 2)), r"^X must be a complex spectrogram"),
        (np.full((2, 3, 4), np.nan + 0j), np.ones((1, 3, 4)), np.ones((1, 3, 2, 2)), r"^X contains NaN"),
        (np.ones((2, 3, 4)) + 0j, np.ones((1, 3, 5)), np.ones((1, 3, 2, 2)), r"^v \(1, 3, 5\) and R"),
        (np.ones((2, 3, 4)) + 0j, np.ones((3, 4)), np.ones((1, 3, 2, 2)), r"^v \(3, 4\) and R"),
        (np.ones((2, 3, 4)) + 0j, np.ones((1, 3, 4)), np.ones((2, 3, 2, 2)), r"^v \(1, 3, 4\) and R"),
        (
            np.ones((2, 3, 4)) + 0j,
            -np.ones((1, 3, 4)),
            np.ones((1, 3, 2, 2)),
            r"^v must be finite and nonnegative",
        ),
        (np.ones((2, 3, 4)) + 0j, np.full((1, 3, 4), np.nan), np.ones((1, 3, 2, 2)), r"^v must be finite"),
        (np.ones((2, 3, 4)) + 0j, np.ones((1, 3, 4)), np.full((1, 3, 2, 2), np.nan), r"^R contains NaN"),
    ],
)
def test_bad_arguments(X: Array, v: Array, R: Array, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        wiener(X, v, R)
