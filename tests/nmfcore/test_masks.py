"""Masks share a mixture among its sources and lose nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmfcore import masks


@settings(max_examples=80, deadline=None)
@given(
    sources=st.integers(1, 5),
    shape=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    lead=st.sampled_from([(), (2,), (2, 2)]),
    power=st.floats(0.1, 6),
    orders=st.sampled_from([1.0, 12.0, 250.0]),
    single=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_estimates_sum_to_the_mixture(
    sources: int,
    shape: tuple[int, int],
    lead: tuple[int, ...],
    power: float,
    orders: float,
    single: bool,
    seed: int,
) -> None:
    """Over hundreds of orders of magnitude, with zeros."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((*lead, *shape)) + 1j * rng.standard_normal((*lead, *shape))
    X = X.astype(np.complex64 if single else np.complex128)
    parts = 10 ** rng.uniform(-orders, orders, (sources, *shape))
    parts[rng.random(parts.shape) < 0.3] = 0
    X.flags.writeable = parts.flags.writeable = False
    S = masks.wiener(X, parts, power)
    assert S.shape == (sources, *X.shape)
    assert S.dtype == X.dtype
    np.testing.assert_allclose(S.sum(0), X, rtol=1e-6 if single else 1e-14, atol=1e-6 if single else 1e-14)
    assert (np.abs(S) <= np.abs(X) * (1 + 1e-6)).all()


def test_the_share_is_that_of_the_powers() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4, 5)) + 1j * rng.standard_normal((4, 5))
    parts = rng.random((3, 4, 5))
    for power in (0.5, 1.0, 2.0):
        want = parts**power / (parts**power).sum(0) * X
        np.testing.assert_allclose(masks.wiener(X, parts, power), want, rtol=1e-12)


def test_a_share_does_not_depend_on_the_level() -> None:
    rng = np.random.default_rng(0)
    X, parts = rng.standard_normal((4, 5)), rng.random((3, 4, 5))
    np.testing.assert_allclose(masks.wiener(X, parts * 1e-200, 2.0), masks.wiener(X, parts, 2.0), rtol=1e-12)


def test_nothing_known_is_shared_equally() -> None:
    np.testing.assert_array_equal(masks.wiener(np.full((1, 1), 6.0), np.zeros((3, 1, 1))), np.full((3, 1, 1), 2.0))


def test_real_mixtures_stay_real() -> None:
    assert masks.wiener(np.ones((2, 2), np.float32), np.ones((2, 2, 2))).dtype == np.float32


@pytest.mark.parametrize(
    ("parts", "power", "message"),
    [
        (np.ones((2, 3, 3)), 1.0, r"^parts must have shape \(J, 2, 3\); got \(2, 3, 3\)"),
        (np.ones((2, 3)), 1.0, r"^parts must have shape"),
        (np.full((2, 2, 3), np.nan), 1.0, r"^parts must be finite"),
        (np.full((2, 2, 3), -1.0), 1.0, r"^parts must be finite and nonnegative"),
        (np.ones((2, 2, 3)), 0.0, r"^power=0.0 must be positive"),
    ],
)
def test_bad_arguments(parts: np.ndarray, power: float, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(ValueError, match=message):
        masks.wiener(np.ones((2, 3)), parts, power)
