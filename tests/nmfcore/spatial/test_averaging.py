"""The locally averaged covariance."""

import numpy as np
import pytest

from nmfcore.backends.reference import from_planes
from nmfcore.spatial.averaging import local_covariance


def mixture(channels: int, bins: int = 7, frames: int = 9) -> np.ndarray:  # type: ignore[type-arg]
    rng = np.random.default_rng(0)
    return rng.standard_normal((channels, bins, frames)) + 1j * rng.standard_normal((channels, bins, frames))


@pytest.mark.parametrize("size", [(1, 1), (3, 1), (1, 5), (3, 5), (9, 11)])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_is_the_weighted_mean_of_the_neighbours(channels: int, size: tuple[int, int]) -> None:
    X = mixture(channels)
    got = from_planes(local_covariance(X, size))
    hann = [np.sin(np.pi * np.arange(1, n + 1) / (n + 1)) ** 4 for n in size]
    for f in range(X.shape[1]):
        for n in range(X.shape[2]):
            want, total = np.zeros((channels, channels), complex), 0.0
            for i in range(size[0]):
                for j in range(size[1]):
                    g, m = f + i - size[0] // 2, n + j - size[1] // 2
                    if 0 <= g < X.shape[1] and 0 <= m < X.shape[2]:
                        weight = hann[0][i] * hann[1][j]
                        want += weight * np.outer(X[:, g, m], X[:, g, m].conj())
                        total += weight
            np.testing.assert_allclose(got[f, n], want / total, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_is_hermitian_and_positive(channels: int) -> None:
    psi = from_planes(local_covariance(mixture(channels), (3, 3)))
    np.testing.assert_array_equal(psi, np.conj(np.swapaxes(psi, -1, -2)))
    assert np.linalg.eigvalsh(psi).min() > -1e-12


@pytest.mark.parametrize(("dtype", "real"), [(np.complex64, np.float32), (np.complex128, np.float64)])
def test_number_type_and_inputs(dtype: type, real: type) -> None:
    X = mixture(2).astype(dtype)
    X.flags.writeable = False
    psi = local_covariance(X, (3, 5))
    assert psi.dtype == real
    assert psi.shape == (4, 7, 9)
    assert psi.flags.c_contiguous


@pytest.mark.parametrize("size", [(0, 1), (2, 3), (3, 4), (-1, 1)])
def test_sizes_are_odd(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"^averaging="):
        local_covariance(mixture(2), size)
