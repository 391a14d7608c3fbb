"""The β-divergence against SciPy's, against independent formulas, and its properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.special import kl_div

from nmfcore.divergence import as_beta, as_exponent, elementwise, mm_exponent

positive = st.floats(1e-3, 1e3)


def pairs(seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    return 10 ** rng.uniform(-3, 3, (7, 9)), 10 ** rng.uniform(-3, 3, (7, 9))


def test_kullback_leibler_is_scipys() -> None:
    v, lam = pairs()
    v[0] = 0
    np.testing.assert_allclose(elementwise(v, lam, 1.0), kl_div(v, lam), rtol=1e-9, atol=1e-12)


def test_itakura_saito() -> None:
    v, lam = pairs()
    ratio = v / lam
    np.testing.assert_allclose(elementwise(v, lam, 0.0), ratio - np.log(ratio) - 1, rtol=1e-12)


def test_euclidean_has_the_half() -> None:
    v, lam = pairs()
    np.testing.assert_allclose(elementwise(v, lam, 2.0), (v - lam) ** 2 / 2, rtol=1e-12)


@pytest.mark.parametrize("beta", [-2.0, -1.0, 0.0, 0.5, 1.0, 1.3, 2.0, 3.0])
def test_is_the_integral_of_its_gradient(beta: float) -> None:
    """d(v | λ) = ∫ from v to λ of (t − v) t^(β−2) dt, for every β: one definition for all the formulas."""
    for v, lam in [(0.3, 2.0), (4.0, 0.7), (1.0, 1.001)]:
        wanted = quad(lambda t, v=v: (t - v) * t ** (beta - 2), v, lam, epsabs=1e-14)[0]
        got = elementwise(np.array(v), np.array(lam), beta)
        assert float(got) == pytest.approx(wanted, rel=1e-7, abs=1e-13)


@given(v=positive, lam=positive, beta=st.floats(-2, 3))
def test_is_nonnegative_and_zero_where_equal(v: float, lam: float, beta: float) -> None:
    # Near β = 0 and 1 the general formula divides a small difference by a small number.
    slack = 1e-13 * (v**beta + lam**beta + v * lam ** (beta - 1)) / max(abs(beta * (beta - 1)), 1e-300)
    assert elementwise(np.array(v), np.array(lam), beta) >= -slack
    assert abs(elementwise(np.array(v), np.array(v), beta)) <= slack


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.0])
def test_is_continuous_in_beta(beta: float) -> None:
    v, lam = pairs(1)
    for near in (beta - 1e-6, beta + 1e-6):
        np.testing.assert_allclose(elementwise(v, lam, near), elementwise(v, lam, beta), rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("beta", [0.5, 1.0, 1.5, 2.0, 3.0])
def test_zeros_of_v_count(beta: float) -> None:
    """d(0 | λ) = λ^β / β."""
    lam = np.array([0.1, 1.0, 20.0])
    np.testing.assert_allclose(elementwise(np.zeros(3), lam, beta), lam**beta / beta, rtol=1e-12)


@given(beta=st.floats(-5, 5))
def test_mm_exponent(beta: float) -> None:
    assert 0 < mm_exponent(beta) <= 1
    if 1 <= beta <= 2:
        assert mm_exponent(beta) == 1


@pytest.mark.parametrize(("name", "value"), [("frobenius", 2.0), ("kullback-leibler", 1.0), ("itakura-saito", 0.0)])
def test_names_of_scikit_learn(name: str, value: float) -> None:
    assert as_beta(name) == value


@pytest.mark.parametrize("beta", ["euclid", np.nan, np.inf, None, [1.0]])
def test_bad_beta(beta: object) -> None:
    with pytest.raises(ValueError, match=r"^beta="):
        as_beta(beta)  # type: ignore[arg-type]


def test_exponents() -> None:
    assert as_exponent("mm", 0.0) == 0.5
    assert as_exponent("mu", 0.0) == 1.0
    assert as_exponent(0.7, 0.0) == 0.7
    for bad in ("fast", 0.0, 1.5, -1, None):
        with pytest.raises(ValueError, match=r"^exponent="):
            as_exponent(bad, 1.0)  # type: ignore[arg-type]
