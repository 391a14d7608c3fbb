"""The problems of a fit: the form in which they come and go, and the level of their data."""

import numpy as np
import pytest

from nmfcore import nmf
from nmfcore.penalties import L1

BETAS = (-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0)


@pytest.mark.parametrize("lead", [(), (1,), (3,), (2, 2)])
def test_an_array_comes_back_in_its_form(lead: tuple[int, ...], backend: str) -> None:
    V = np.random.default_rng(0).random((*lead, 7, 9))
    fit = nmf(V, 2, n_iter=3, seed=0, backend=backend)
    assert fit.W.shape == (*lead, 7, 2)
    assert fit.H.shape == (*lead, 2, 9)
    assert np.shape(fit.objective) == np.shape(fit.n_iter) == np.shape(fit.status) == lead
    if lead == ():
        assert isinstance(fit.objective, float)
        assert isinstance(fit.n_iter, int)
        assert isinstance(fit.status, str)
    begin = {"W": fit.W, "H": fit.H}
    again = nmf(V, n_iter=2, backend=backend, **begin)
    for index in np.ndindex(lead):
        alone = nmf(V[index], n_iter=2, backend=backend, W=fit.W[index], H=fit.H[index])
        np.testing.assert_array_equal(again.W[index], alone.W)
        np.testing.assert_array_equal(again.H[index], alone.H)


def test_a_ragged_list_with_a_rank_for_each(backend: str) -> None:
    rng = np.random.default_rng(0)
    V = [rng.random(shape) for shape in ((7, 9), (1, 1), (33, 2), (7, 40))]
    ranks = [2, 1, 5, 3]
    fit = nmf(V, ranks, n_iter=4, seed=0, backend=backend)
    assert [w.shape for w in fit.W] == [(7, 2), (1, 1), (33, 5), (7, 3)]
    assert [h.shape for h in fit.H] == [(2, 9), (1, 1), (5, 2), (3, 40)]
    assert isinstance(fit.objective, list)
    weights = [rng.random(v.shape) for v in V]
    again = nmf(V, beta=0, W=fit.W, H=fit.H, weights=weights, n_iter=3, backend=backend)
    for b in range(4):
        alone = nmf(V[b], beta=0, W=fit.W[b], H=fit.H[b], weights=weights[b], n_iter=3, backend=backend)
        np.testing.assert_array_equal(again.H[b], alone.H)
        np.testing.assert_array_equal(again.W[b], alone.W)
        assert again.objective[b] == alone.objective


def test_ranks_that_differ_within_an_array_come_as_a_list(backend: str) -> None:
    fit = nmf(np.ones((2, 5, 6)), [1, 3], n_iter=2, seed=0, backend=backend)
    assert [w.shape for w in fit.W] == [(5, 1), (5, 3)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_number_types(dtype: type, backend: str) -> None:
    V = np.random.default_rng(0).random((7, 9)).astype(dtype)
    wanted = np.float64 if backend == "reference" else dtype
    fit = nmf(V, 2, n_iter=3, seed=0, backend=backend)
    assert fit.W.dtype == fit.H.dtype == wanted
    assert nmf(V, 2, n_iter=3, seed=0, backend=backend, dtype="float64").W.dtype == np.float64
    assert nmf((10 * V).astype(int), 2, n_iter=3, seed=0, backend=backend).W.dtype == np.float64


def test_inputs_are_not_changed(backend: str) -> None:
    rng = np.random.default_rng(0)
    for shape in ((7, 9), (2, 7, 9)):
        given = {
            "V": rng.random(shape),
            "W": rng.random((*shape[:-1], 3)),
            "H": rng.random((*shape[:-2], 3, 9)),
            "weights": rng.random(shape),
        }
        if shape == (7, 9):
            given["V"] = np.asfortranarray(given["V"])  # whose transpose is not copied
        kept = {name: value.copy() for name, value in given.items()}
        for value in given.values():
            value.flags.writeable = False
        fit = nmf(**given, beta=0, n_iter=3, normalize=True, penalties=[L1(0.1)], backend=backend)
        for name, value in given.items():
            np.testing.assert_array_equal(value, kept[name])
        assert not np.shares_memory(fit.W, given["W"])
        assert not np.shares_memory(fit.H, given["H"])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("beta", BETAS)
def test_any_level_of_the_data(beta: float, dtype: type, backend: str) -> None:
    """Scaling V scales WH: the fit at 1e±30 is the fit at 1."""
    rng = np.random.default_rng(0)
    V = rng.gamma(1.0, size=(17, 33))
    want = nmf(V, 4, beta=beta, n_iter=20, seed=0, backend=backend)
    for level in (1e-30, 1e-12, 1e-6, 1e6, 1e12, 1e30):
        fit = nmf((V * level).astype(dtype), 4, beta=beta, n_iter=20, seed=0, backend=backend)
        np.testing.assert_allclose(fit.W.astype(float) @ fit.H / level, want.W @ want.H, rtol=2e-3)
        assert np.isfinite(fit.W).all()
        assert np.isfinite(fit.H).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("beta", BETAS)
def test_awkward_data_stay_finite(beta: float, dtype: type, backend: str) -> None:
    """Zero rows and columns, single entries, silence, twelve orders of magnitude, all in one batch."""
    rng = np.random.default_rng(0)
    with_zeros = rng.gamma(0.3, size=(9, 20))
    with_zeros[2], with_zeros[:, 5], with_zeros[rng.random((9, 20)) < 0.5] = 0, 0, 0
    single = np.zeros((5, 7))
    single[2, 3] = 1
    cases = [
        with_zeros,
        single,
        np.zeros((4, 6)),
        10 ** rng.uniform(-12, 0, (16, 31)),
        np.ones((1, 1)),
        np.full((3, 4), np.finfo(dtype).tiny),
        np.full((3, 4), np.finfo(dtype).tiny / 64),  # subnormal
    ]
    cases = [case.astype(dtype) for case in cases]
    fit = nmf(cases, 4, beta=beta, n_iter=30, seed=0, backend=backend)
    for W, H, value in zip(fit.W, fit.H, fit.objective, strict=True):
        assert np.isfinite(W).all()
        assert np.isfinite(H).all()
        assert min(W.min(), H.min()) >= 0
        assert np.isfinite(value)


def test_silence_has_a_silent_model(backend: str) -> None:
    fit = nmf(np.zeros((4, 6)), 2, beta=1, n_iter=5, seed=0, backend=backend)
    assert not (fit.W @ fit.H).any()


def test_more_components_than_there_is_room_for_their_products() -> None:
    """K × K numbers would be more than any memory holds; but for β = 2 nothing needs them."""
    fit = nmf(np.ones((3, 4), np.float32), 300_000, beta=0, n_iter=1, seed=0)
    assert np.isfinite(fit.objective)
