"""Several views factorized together."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmfcore import nmf
from nmfcore.models import cofactorize
from nmfcore.penalties import View

Array = NDArray[Any]
OPTIONS: list[dict[str, Any]] = [
    {"coupling": "hard"},
    {"coupling": "hard", "own": [2, 0]},
    {"coupling": "hard", "own": [1, 3]},
    {"coupling": "l1"},
    {"coupling": "l2"},
]


def views(seed: int = 0, frames: int = 50) -> tuple[Array, Array, Array]:
    rng = np.random.default_rng(seed)
    H = rng.gamma(0.4, size=(3, frames))
    return rng.gamma(0.4, size=(20, 3)) @ H + 1e-3, rng.gamma(0.4, size=(9, 3)) @ H + 1e-3, H


def assert_never_rises(pair: list[Any], backend: str, **options: Any) -> Any:
    seen: list[Array] = []
    fit = cofactorize(
        pair, 3, n_iter=100, tol=1e-12, seed=0, backend=backend, callback=lambda _, v: seen.append(v.copy()), **options
    )
    values = np.array(seen)
    assert (np.diff(values, axis=0) <= 1e-10 * np.abs(values).max()).all()
    return fit


@pytest.mark.parametrize("options", OPTIONS)
def test_never_rises(options: dict[str, Any], backend: str) -> None:
    V1, V2, _ = views()
    for delta in (0.1, 10.0):
        fit = assert_never_rises([V1, V2], backend, weights=[1.0, 3.0], delta=delta, **options)
    assert [w.shape[0] for w in fit.W] == [20, 9]
    own = options.get("own", [0, 0])
    assert [h.shape for h in fit.H] == [(3 + own[0], 50), (3 + own[1], 50)]
    if options["coupling"] == "hard":
        np.testing.assert_allclose(fit.H[0][:3], fit.H[1][:3], rtol=1e-9)
    else:
        np.testing.assert_allclose(fit.W[1].sum(0), 1, rtol=1e-9)


@pytest.mark.parametrize("betas", [[1, 2], [2, 1], [0, 2], [0, 1], [1.5, 3], [-1, 2]])
def test_each_view_its_own_divergence(betas: list[float], backend: str) -> None:
    V1, V2, _ = views()
    assert_never_rises([V1, V2], backend, betas=betas)
    assert_never_rises([V1, V2, V1[:4]], backend, betas=[*betas, 1], own=[1, 1, 0])


def test_hard_with_one_divergence_is_nmf_of_the_stack(backend: str) -> None:
    V1, V2, _ = views()
    fit = cofactorize([V1, V2], 3, n_iter=2000, n_restarts=3, seed=0, backend=backend)
    stacked = nmf(np.vstack([V1, V2]), 3, n_iter=2000, n_restarts=3, seed=0, backend=backend)
    assert fit.objective == pytest.approx(stacked.objective, abs=2e-3)


def test_weights_scale_the_objective(backend: str) -> None:
    V1, V2, _ = views()
    fit = cofactorize([V1, V2], 3, weights=[2.0, 5.0], betas=[1, 2], n_iter=20, seed=0, backend=backend)
    L1, L2 = (w @ h for w, h in zip(fit.W, fit.H, strict=True))
    first = np.sum(V1 * np.log(V1 / L1) - V1 + L1)
    assert fit.objective == pytest.approx(2 * first + 5 * 0.5 * np.sum((V2 - L2) ** 2), rel=1e-6)


def test_partial_finds_what_is_shared(backend: str) -> None:
    rng = np.random.default_rng(1)
    H = rng.gamma(0.3, size=(4, 120))  # 0: both; 1, 2: the first view; 3: the second
    W1, W2 = rng.gamma(0.2, size=(30, 3)), rng.gamma(0.2, size=(15, 2))
    V1, V2 = W1 @ H[:3] + 1e-6, W2 @ H[[0, 3]] + 1e-6
    fit = cofactorize([V1, V2], 1, own=[2, 1], n_iter=500, n_restarts=5, seed=0, backend=backend)
    shared = fit.H[0][0]
    assert np.corrcoef(shared, H[0])[0, 1] > 0.98


@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_soft_lies_between_apart_and_hard(norm: str, backend: str) -> None:
    V1, V2, H = views()
    V2 = np.random.default_rng(9).gamma(0.4, size=(9, 3)) @ (H * np.random.default_rng(8).gamma(4, size=H.shape))
    away = []
    for delta in (0.0, 0.3, 1e4):
        fit = cofactorize([V1, V2], 3, coupling=norm, delta=delta, n_iter=300, seed=0, backend=backend)
        rest = np.abs(fit.H[0] - fit.scale[0][:, None] * fit.H[1])
        away.append(float(rest.sum() / fit.H[0].sum()))
    assert away[0] > away[1] > away[2]
    assert away[2] < 1e-2


def test_forms_and_seeds(backend: str) -> None:
    (A1, A2, _), (B1, B2, _) = views(1), views(2, 30)
    for options in OPTIONS:
        fit, again = (
            cofactorize([[A1, B1], [A2, B2]], 3, n_iter=5, n_restarts=2, seed=4, backend=backend, **options)
            for _ in range(2)
        )
        assert [h.shape[1] for h in fit.H[1]] == [50, 30]
        np.testing.assert_array_equal(fit.W[1][1], again.W[1][1])
        batch = cofactorize([np.stack([A1, A1]), np.stack([A2, A2])], 3, n_iter=2, seed=0, backend=backend, **options)
        assert batch.H[0].shape[0] == batch.W[1].shape[0] == 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_silence(dtype: type, backend: str) -> None:
    V1, V2, _ = views()
    V1[:, 5:9] = 0
    V2[2] = 0
    for options in OPTIONS:
        for pair in ([V1, V2], [0 * V1, V2], [V1, 0 * V2]):
            fit = cofactorize(
                [one.astype(dtype) for one in pair], 3, betas=[0, 1], n_iter=20, seed=0, backend=backend, **options
            )
            assert all(np.isfinite(part).all() for part in (*fit.W, *fit.H))


def test_bad_arguments() -> None:
    V1, V2, _ = views()
    with pytest.raises(ValueError, match=r"^views must be a list of at least two"):
        cofactorize([V1], 3)
    with pytest.raises(ValueError, match=r"^views must all be matrices"):
        cofactorize([V1, [V2]], 3)
    with pytest.raises(ValueError, match=r"^coupling='l3'"):
        cofactorize([V1, V2], 3, coupling="l3")
    with pytest.raises(ValueError, match=r"^own=\[1, 1\] needs coupling='hard'"):
        cofactorize([V1, V2], 3, coupling="l1", own=[1, 1])
    with pytest.raises(ValueError, match=r"takes two views, got 3"):
        cofactorize([V1, V2, V2], 3, coupling="l2")
    with pytest.raises(ValueError, match=r"^betas has 3 entries for 2 views"):
        cofactorize([V1, V2], 3, betas=[1, 1, 1])
    with pytest.raises(ValueError, match=r"^weights="):
        cofactorize([V1, V2], 3, weights=[1, 0])
    with pytest.raises(ValueError, match=r"^delta=-1"):
        cofactorize([V1, V2], 3, coupling="l1", delta=-1.0)
    with pytest.raises(ValueError, match=r"^own="):
        cofactorize([V1, V2], 3, own=[0, -1])
    with pytest.raises(ValueError, match=r"^V of a view has 49 columns where the first view has 50"):
        cofactorize([V1, V2[:, 1:]], 3)


def test_a_sparse_first_view(backend: str) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    V1, V2, _ = views()
    V1 = np.where(np.median(V1) > V1, 0, V1)
    rng = np.random.default_rng(0)
    start = {"W": rng.random((20, 3)), "H": rng.random((3, 50)), "n_iter": 5, "backend": backend}
    got, want = (nmf(V, penalties=[View(V2, seed=0)], **start) for V in (sparse.csr_array(V1), V1))
    np.testing.assert_allclose(got.H, want.H, rtol=1e-6)
