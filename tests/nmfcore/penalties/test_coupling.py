"""Coupling and smoothness: the exact update against brute force, monotone objectives, planted scales."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmfcore import backends, nmf
from nmfcore.penalties import Coupling, Smoothness, UnitSum
from nmfcore.penalties.coupling import scaled_mean, scaled_median
from nmfcore.penalties.smoothness import data_slope, positive_root, smooth_slope

Array = NDArray[Any]
BETAS = (-1.0, 0.0, 0.5, 1.0, 1.5, 2.0)


def played(seed: int = 0, frames: int = 40) -> tuple[Array, Array]:
    """A spectrogram, and signals that some of its activations follow roughly."""
    rng = np.random.default_rng(seed)
    target = rng.gamma(0.5, size=(3, frames)) * (rng.random((3, frames)) < 0.6)
    H = np.vstack([target * rng.gamma(3, size=(3, frames)), rng.gamma(0.5, size=(1, frames))])
    return rng.gamma(0.3, size=(25, 4)) @ H, target


def assert_never_rises(V: Any, beta: float, backend: str, penalties: list[Any], **options: Any) -> Any:
    seen: list[Array] = []
    fit = nmf(
        V,
        beta=beta,
        n_iter=60,
        check_every=1,
        seed=1,
        backend=backend,
        penalties=penalties,
        callback=lambda _, values: seen.append(values.copy()),
        **options,
    )
    values = np.array(seen)
    rise = np.diff(values, axis=0) / np.abs(values).max(0)
    assert np.isfinite(values).all()
    assert rise.max() <= 1e-10, f"rises by {rise.max():.1e} in iteration {rise.argmax() + 2}"
    assert (values[-1] < values[0]).all()
    return fit


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("smoothness", [0.0, 0.3])
@pytest.mark.parametrize("alpha", [0.0, 0.1, 0.9, 10.0])
def test_never_rises(alpha: float, smoothness: float, norm: str, backend: str) -> None:
    V, target = played()
    fit = assert_never_rises(V, 1.0, backend, [UnitSum(), Coupling(target, alpha, smoothness, norm)], n_components=5)
    np.testing.assert_allclose(fit.W.sum(0), 1, rtol=1e-12)


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("beta", BETAS)
def test_never_rises_at_other_beta(beta: float, norm: str, backend: str) -> None:
    V, target = played()
    V = V + 1e-3
    W = np.random.default_rng(5).random((25, 4))
    assert_never_rises(V, beta, backend, [Coupling(target, 0.3, 0.2, norm)], W=W, free_w=False)
    assert_never_rises(V, beta, backend, [Smoothness(0.2)], W=W, free_w=False)


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("norm", ["l1", "l2"])
def test_the_update_is_the_minimum_of_the_majoriser(norm: str, beta: float, rng: np.random.Generator) -> None:
    """Against a search over 40,000 values of each entry, at the scales that the update chose."""
    H = rng.gamma(1.0, size=(2, 6)) + 1e-3
    H[0, 2] = 0
    target = rng.gamma(1.0, size=(2, 6)) * (rng.random((2, 6)) < 0.8)
    neg, pos = rng.gamma(1.0, size=(2, 2, 6))
    neg[0, 3] = 0
    alpha, lam = float(rng.gamma(1.0)), float(rng.gamma(0.3))
    coupled = Coupling(target, alpha, lam, norm).start(0, 1, np.ones((2, 3)), H, backends.get("reference"))
    a, c, b, q = data_slope(H, neg, pos, beta)
    scale = coupled.scale(H)  # of the target as given
    size = coupled.common_scale(H, scale * target, a, c, b, q)
    got = H.copy()
    coupled.update(got, neg, pos, beta, 1.0)

    a_smooth, c_smooth = smooth_slope(size * H, lam)
    a, c = np.broadcast_to(a + a_smooth, H.shape), c + c_smooth

    def majoriser(h: Array, at: tuple[int, int]) -> Array:
        away = np.abs(h - (size * scale * target)[at])
        barrier = 0.0
        if b[at] > 0:
            barrier = -b[at] * np.log(h) if q == 1 else b[at] * h ** (1 - q) / (q - 1)
        return a[at] / 2 * h**2 + c[at] * h + barrier + alpha * (away if norm == "l1" else away**2)

    for at in np.ndindex(H.shape):
        if H[at] == 0 and beta > 1:
            assert got[at] < 1e-100  # no majoriser of a power leaves zero
            continue
        grid = np.concatenate([np.linspace(1e-9, 30, 30_000), np.geomspace(1e-12, 1e3, 10_000)])
        best = float(np.min(majoriser(grid, at)))
        mine = float(majoriser(np.maximum(got[at], 1e-12), at))
        assert mine <= best + 1e-6 * (1 + abs(best)), (at, got[at], grid[np.argmin(majoriser(grid, at))])


def test_a_common_scale_frees_a_strict_coupling(backend: str) -> None:
    """With α beyond every slope H lies on S T from the first iteration; its size still finds V's."""
    target = np.array([[1.0, 2, 0, 0, 1], [0, 0, 1, 3, 1]])
    V = np.array([[4.0, 0], [2, 1], [0, 5]]) @ target
    fit = nmf(V, 2, penalties=[UnitSum(), Coupling(target, 1e3)], n_iter=100, seed=0, backend=backend)
    np.testing.assert_allclose(fit.W @ fit.H, V, atol=1e-9)


@pytest.mark.parametrize("solve", [scaled_median, scaled_mean])
def test_best_scale(solve: Any, rng: np.random.Generator) -> None:
    power = 1 if solve is scaled_median else 2
    H, target = rng.gamma(0.5, size=(2, 5, 9))
    target[1, ::2] = 0
    target[2] = 0
    s = solve(H, target)
    assert s[2] == 0

    def cost(s: Array) -> Array:
        return (np.abs(H - s * target) ** power).sum(1)

    for trial in np.linspace(0, 50, 5001):
        assert (cost(s) <= cost(np.full((5, 1), trial)) + 1e-9).all()


@pytest.mark.parametrize("q", [1.0, 1.5, 2.0, 3.0])
def test_positive_root(q: float, rng: np.random.Generator) -> None:
    a, b = np.exp(rng.uniform(-20, 20, (2, 500)))
    c = np.exp(rng.uniform(-20, 20, 500)) * rng.choice([-1, 1], 500)
    a[::7] = 0
    c[::7] = np.abs(c[::7])
    h = positive_root(a, c, b, q)
    pull = b * h**-q
    np.testing.assert_allclose(a * h + c, pull, rtol=0, atol=1e-9 * (a * h + np.abs(c) + pull).max(initial=1))
    assert (np.abs(a * h + c - pull) <= 1e-8 * (a * h + np.abs(c) + pull)).all()
    assert positive_root(np.float64(0), np.float64(-1), np.float64(1), q) == np.inf
    assert positive_root(np.float64(2), np.float64(-1), np.float64(0), q) == 0.5
    assert positive_root(np.float64(2), np.float64(1), np.float64(0), q) == 0


def test_a_target_for_each_problem(backend: str) -> None:
    (V1, T1), (V2, T2) = played(1), played(2, 25)
    start = {"n_components": 4, "n_iter": 30, "backend": backend}
    rng = np.random.default_rng(0)
    W = [rng.random((25, 4)) for _ in range(2)]
    H = [rng.random((4, n)) for n in (40, 25)]
    both = nmf([V1, V2], W=W, H=H, penalties=[UnitSum(), Coupling([T1, T2], 0.5)], **start)
    for V, T, w, h, fit_w, fit_h in zip((V1, V2), (T1, T2), W, H, both.W, both.H, strict=True):
        one = nmf(V, W=w, H=h, penalties=[UnitSum(), Coupling(T, 0.5)], **start)
        np.testing.assert_allclose(fit_w, one.W, rtol=1e-7, atol=1e-12)
        np.testing.assert_allclose(fit_h, one.H, rtol=1e-7, atol=1e-12)


def test_fixed_rows_do_not_move(backend: str) -> None:
    V, target = played()
    H = np.random.default_rng(0).random((4, 40))
    free = np.array([True, False, True, False])
    fit = nmf(V, H=H, free_h=free, penalties=[Coupling(target, 1.0)], n_iter=5, seed=0, backend=backend)
    np.testing.assert_array_equal(fit.H[~free], H[~free])
    assert (fit.H[free] != H[free]).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_silence_and_empty_targets(dtype: type, backend: str) -> None:
    V, target = played()
    V[:, 10:20] = 0
    target[1] = 0
    target[2] *= 1e-310
    for level in (1, 0, 1e-30, 1e15):
        penalties = [UnitSum(), Coupling(target, 10.0, 0.3)]
        fit = nmf((level * V).astype(dtype), 5, penalties=penalties, n_iter=40, seed=0, backend=backend)
        assert np.isfinite(fit.W).all()
        assert np.isfinite(fit.H).all()
        assert fit.H.min() >= 0


def test_smoother_with_more_weight(backend: str) -> None:
    V, _ = played()
    fits = [
        nmf(V, 4, penalties=[UnitSum(), Smoothness(lam)], n_iter=200, seed=0, backend=backend)
        for lam in (0.0, 0.1, 10.0)
    ]
    rough = [float((np.diff(fit.H, axis=1) ** 2).sum()) for fit in fits]
    assert rough[0] > rough[1] > rough[2]


def test_bad_arguments() -> None:
    V, target = played()
    for name in ("alpha", "smoothness"):
        with pytest.raises(ValueError, match=rf"^{name}=-1"):
            Coupling(target, **{"alpha": 1.0, name: -1.0})
    with pytest.raises(ValueError, match=r"^norm='l3'"):
        Coupling(target, 1.0, norm="l3")
    with pytest.raises(ValueError, match=r"^lam="):
        Smoothness(np.nan)
    with pytest.raises(ValueError, match=r"^target has shape \(3, 39\) for activations of shape \(4, 40\)"):
        nmf(V, 4, penalties=[Coupling(target[:, 1:], 1.0)])
    with pytest.raises(ValueError, match=r"^target holds 2 matrices for 1 problems"):
        nmf(V, 4, penalties=[Coupling([target, target], 1.0)])
    with pytest.raises(ValueError, match=r"^target must be finite"):
        nmf(V, 4, penalties=[Coupling(-target, 1.0)])
    with pytest.raises(ValueError, match=r"Coupled and Smoothness each make the update of H themselves"):
        nmf(V, 4, penalties=[Coupling(target, 1.0), Smoothness(1.0)])
    with pytest.raises(ValueError, match=r"need beta ≤ 2, got 3"):
        nmf(V, 4, beta=3, penalties=[Smoothness(1.0)])
