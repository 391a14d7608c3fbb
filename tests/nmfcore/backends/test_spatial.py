"""The spatial kernels of every backend against the float64 reference, and the reference against the model."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import multivariate_normal

from nmfcore import backends
from nmfcore.backends import Backend
from nmfcore.spatial import regularized
from nmfcore.spatial.averaging import local_covariance

Array = NDArray[Any]
REFERENCE = backends.get("reference")
DTYPES = (np.complex64, np.complex128)

# (channels, sources, bins, frames): every special-cased number of channels and some that are not.
SIZES = (
    (1, 1, 1, 5), (1, 3, 4, 17), (2, 2, 5, 1), (2, 2, 3, 33), (2, 3, 1, 16), (3, 2, 4, 31), (4, 3, 2, 15),
    (5, 2, 3, 9), (6, 2, 2, 33), (7, 3, 1, 45), (8, 2, 2, 17), (9, 2, 1, 40), (2, 2, 70, 131),
)  # fmt: skip


@dataclass(frozen=True)
class Model:
    """Arguments of the kernels."""

    X: Array
    v: Array
    R: NDArray[np.complex128]
    psi: Array | None


def draw(rng: np.random.Generator, size: tuple[int, int, int, int], dtype: type, averaged: bool = False) -> Model:
    channels, sources, bins, frames = size

    def normal(*shape: int) -> Array:
        return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)

    A = normal(sources, bins, channels, channels)
    R = A @ np.conj(np.swapaxes(A, -1, -2)) + 0.1 * channels * np.eye(channels)
    R *= (channels / np.trace(R, axis1=-2, axis2=-1).real)[..., None, None]
    X = normal(channels, bins, frames).astype(dtype)
    v = (10 ** rng.uniform(-2, 2, (sources, bins, frames))).astype(X.real.dtype)
    return Model(X, v, R, local_covariance(X, (1, 3)) if averaged else None)


def close(got: Array, want: Array, tolerance: float, what: str) -> None:
    """Relative to the largest entry of each matrix."""
    assert np.isfinite(got).all(), what
    error = np.abs(got - want).max() / np.abs(want).max()
    assert error <= tolerance, f"{what}: error {error:.1e}, allowed {tolerance:.0e}"


def step(engine: Backend, model: Model, keep_v: bool = False) -> tuple[Array, Array, Array]:
    v = model.v.copy()
    for array in (model.X, model.R, model.psi):
        if array is not None:
            array.flags.writeable = False
    R, value = engine.spatial_step(model.X, v, model.R, model.psi, keep_v)
    return R, v, value


@pytest.mark.parametrize("averaged", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
def test_step(
    engine: Backend, size: tuple[int, int, int, int], dtype: type, averaged: bool, rng: np.random.Generator
) -> None:
    model = draw(rng, size, dtype, averaged)
    R, v, value = step(engine, model)
    right_R, right_v, right_value = step(REFERENCE, model)
    assert v.dtype == model.X.real.dtype
    close(R, right_R, 1e-9, "R")
    assert value == pytest.approx(right_value, rel=1e-10, abs=1e-8)
    if size[1] > 1 or size[3] > size[0]:  # else the new R is singular, and v is rounding noise in both
        tolerance = 1e-6 if dtype == np.complex64 else 1e-8
        np.testing.assert_allclose(v, right_v, rtol=tolerance, atol=tolerance * float(right_v.max()))


@pytest.mark.parametrize("size", SIZES)
def test_step_that_keeps_v(engine: Backend, size: tuple[int, int, int, int], rng: np.random.Generator) -> None:
    model = draw(rng, size, np.complex64)
    R, v, value = step(engine, model, keep_v=True)
    np.testing.assert_array_equal(v, model.v)
    changed = step(engine, model)
    np.testing.assert_array_equal(R, changed[0])
    np.testing.assert_array_equal(value, changed[2])


@pytest.mark.parametrize("averaged", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
def test_gradient(
    engine: Backend, size: tuple[int, int, int, int], dtype: type, averaged: bool, rng: np.random.Generator
) -> None:
    model = draw(rng, size, dtype, averaged)
    got = engine.spatial_gradient(model.X, model.v, model.R, model.psi)
    want = REFERENCE.spatial_gradient(model.X, model.v, model.R, model.psi)
    for one, right in zip(got, want, strict=True):
        assert one.dtype == model.v.dtype
        np.testing.assert_allclose(one, right, rtol=1e-6 if dtype == np.complex64 else 1e-9)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SIZES)
def test_wiener(engine: Backend, size: tuple[int, int, int, int], dtype: type, rng: np.random.Generator) -> None:
    model = draw(rng, size, dtype)
    model.v.flags.writeable = False
    got = engine.wiener(model.X, model.v, model.R)
    assert got.dtype == dtype
    close(got, REFERENCE.wiener(model.X, model.v, model.R), 1e-6 if dtype == np.complex64 else 1e-11, "images")
    close(got.sum(0), model.X, 2e-6 if dtype == np.complex64 else 1e-11, "their sum")


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_second_run_gives_the_same_bits(engine: Backend, dtype: type, rng: np.random.Generator) -> None:
    model = draw(rng, (3, 2, 40, 131), dtype)
    first, images = step(engine, model), engine.wiener(model.X, model.v, model.R)
    for _ in range(3):
        for one, other in zip(step(engine, model), first, strict=True):
            np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(engine.wiener(model.X, model.v, model.R), images)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("channels", [1, 2, 3, 5])
@pytest.mark.parametrize("sources", [1, 2])
def test_singular_data_stay_finite(engine: Backend, channels: int, sources: int, dtype: type) -> None:
    """Identical channels, a silent bin and a silent frame, twelve orders of magnitude among the variances."""
    rng = np.random.default_rng(0)
    model = draw(rng, (channels, sources, 4, 23), dtype)
    X, v = model.X.copy(), model.v.copy()
    X[:] = X[0]
    X[:, 1], X[:, :, 5] = 0, 0
    v[:] = np.logspace(-12, 0, 23)
    v[-1, 2] = 1e-12
    R = regularized(model.R, 1e-5)
    for _ in range(5):
        R, value = engine.spatial_step(X, v, R)
        assert np.isfinite(R).all()
        assert np.isfinite(v).all()
        assert np.isfinite(value).all()
        assert (v >= 0).all()
        v *= (np.trace(R, axis1=-2, axis2=-1).real / channels)[..., None].astype(v.dtype)
        R = regularized(R, 1e-5)
        np.maximum(v, 1e-12, out=v)
        assert all(np.isfinite(part).all() for part in engine.spatial_gradient(X, v, R))
        images = engine.wiener(X, v, R)
        assert np.isfinite(images).all()


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_likelihood_is_that_of_complex_gaussians(channels: int) -> None:
    """The oracle's log-likelihood against SciPy's, by real and imaginary parts."""
    model = draw(np.random.default_rng(0), (channels, 2, 3, 4), np.complex128)
    values = np.zeros(3)
    for f in range(3):
        for n in range(4):
            cov = np.tensordot(model.v[:, f, n], model.R[:, f], 1) / 2
            stacked = np.block([[cov.real, -cov.imag], [cov.imag, cov.real]])
            x = model.X[:, f, n]
            values[f] += multivariate_normal.logpdf(np.concatenate([x.real, x.imag]), cov=stacked)
    np.testing.assert_allclose(REFERENCE.spatial_step(model.X, model.v.copy(), model.R)[1], values, rtol=1e-12)


@pytest.mark.parametrize("averaged", [False, True])
def test_gradient_of_reference_is_the_derivative(averaged: bool) -> None:
    model = draw(np.random.default_rng(0), (2, 2, 2, 3), np.complex128, averaged)
    neg, pos = REFERENCE.spatial_gradient(model.X, model.v, model.R, model.psi)
    for index in np.ndindex(model.v.shape):
        values = []
        for sign in (1, -1):
            v = model.v.copy()
            v[index] *= 1 + sign * 1e-6
            values.append(REFERENCE.spatial_step(model.X, v, model.R, model.psi, keep_v=True)[1].sum())
        slope = (values[0] - values[1]) / (2e-6 * model.v[index])
        assert -slope == pytest.approx(pos[index] - neg[index], rel=1e-4, abs=1e-4)


def test_planted_parameters_are_a_fixed_point(engine: Backend) -> None:
    """With Ψ the exact covariance of the model nothing moves."""
    model = draw(np.random.default_rng(0), (3, 2, 4, 9), np.complex128)
    mix = np.einsum("jfn,jfab->fnab", model.v, model.R)
    planes = []
    for a in range(3):
        planes.append(mix[..., a, a].real)
        for b in range(a + 1, 3):
            planes += [mix[..., a, b].real, mix[..., a, b].imag]
    v = model.v.copy()
    R, _ = engine.spatial_step(model.X, v, model.R, np.ascontiguousarray(np.stack(planes)))
    np.testing.assert_allclose(R, model.R, atol=1e-9)
    np.testing.assert_allclose(v, model.v, rtol=1e-8)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_planted_covariances_are_recovered(engine: Backend, channels: int) -> None:
    """EM on samples of the model, variances known: R comes to the planted one within the sampling error."""
    rng = np.random.default_rng(1)
    frames = 2000
    planted = draw(rng, (channels, 2, 2, frames), np.complex64)
    roots = np.linalg.cholesky(planted.R)  # (J, F, I, I)
    noise = rng.standard_normal((2, 2, 2, frames, channels)) * np.sqrt(0.5)
    images = np.einsum("jfab,jfnb->jafn", roots, noise[0] + 1j * noise[1]) * np.sqrt(planted.v)[:, None]
    X = np.ascontiguousarray(images.sum(0), np.complex64)
    R = np.tile(np.eye(channels, dtype=complex), (2, 2, 1, 1))
    values = []
    for _ in range(40):
        R, value = engine.spatial_step(X, planted.v.copy(), R, None, True)
        values.append(value)
    assert (np.diff(values, axis=0) >= -1e-6 * np.abs(values[0])).all()
    error = np.linalg.norm(R - planted.R, axis=(-2, -1)) / np.linalg.norm(planted.R, axis=(-2, -1))
    assert error.max() < 0.16
