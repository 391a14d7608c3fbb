"""Figures of merit."""

import numpy as np
import pytest

from nmfcore import metrics


@pytest.mark.parametrize("wanted", [-20.0, 0.0, 35.0])
def test_sdr_is_the_ratio_that_was_mixed(wanted: float) -> None:
    rng = np.random.default_rng(0)
    s, noise = rng.standard_normal((2, 3, 1000))
    noise *= np.linalg.norm(s, axis=-1, keepdims=True) / np.linalg.norm(noise, axis=-1, keepdims=True)
    got = metrics.sdr(s, s + 10 ** (-wanted / 20) * noise)
    assert got.shape == (3,)
    np.testing.assert_allclose(got, wanted, atol=1e-9)


def test_scale_matters_to_sdr_alone() -> None:
    rng = np.random.default_rng(0)
    s = rng.standard_normal(1000)
    e = s + 0.1 * rng.standard_normal(1000)
    assert metrics.si_sdr(s, 0.3 * e) == pytest.approx(metrics.si_sdr(s, e))
    assert metrics.sdr(s, 0.3 * e) < metrics.sdr(s, e) - 10


def test_orthogonal_noise_gives_its_ratio() -> None:
    s, noise = np.array([1.0, 1, 1, 1]), np.array([1.0, -1, 1, -1])
    assert metrics.si_sdr(s, s + 0.1 * noise) == pytest.approx(20.0)


def test_a_perfect_estimate_is_infinite() -> None:
    assert metrics.sdr([1.0, 2.0], [1.0, 2.0]) == np.inf
