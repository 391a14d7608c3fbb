"""Penalties inside the sweeps of a backend, against the same fit with every update and penalty on its own."""

from typing import Any

import numpy as np
import pytest

from nmfcore import backends, nmf
from nmfcore.penalties import Coupling, GroupSparsity, Regression, UnitNorm, UnitSum
from nmfcore.sides import Side


def drawn(rng: np.random.Generator, rows: int, frames: int) -> dict[str, Any]:
    """A problem with empty rows of all kinds, ties, and signals."""
    F = int(rng.integers(1, 90))
    V, W, H = rng.gamma(0.5, size=(F, frames)) + 1e-3, rng.random((F, rows)), rng.gamma(0.5, size=(rows, frames)) + 1e-3
    target = rng.gamma(0.5, size=(rows, frames)) * (rng.random((rows, frames)) < 0.6)
    target[rows // 2] = 0
    target[0, 1::3] = H[0, 1::3] = 1
    H[0, ::3] = target[0, ::3] = 0
    if rows > 1:
        H[-1] = 0
    return {"V": V, "W": W, "H": H, "target": target, "M": rng.gamma(0.5, size=(frames, int(rng.integers(1, 14))))}


def penalties(given: list[dict[str, Any]], beta: float) -> dict[str, list[Any]]:
    targets, signals = [one["target"] for one in given], [one["M"] for one in given]
    found: dict[str, list[Any]] = {"sum": [UnitSum()]}
    if beta > 0:
        found["norm and regression"] = [UnitNorm(), Regression(signals, 0.3, 0.1)]
    rows, plain = len(targets[0]), {"lam": [0.5, 1.5], "eps": 1e-6}
    if rows > 4:  # the last row belongs to no source
        groups = [[slice(0, 1), slice(3, rows - 1)], [slice(1, 3)]]
        for kind, gamma in (("block", 0.0), ("component", 0.7), ("mixed", "1/G")):
            found[f"{kind}, γ = {gamma}"] = [GroupSparsity(groups, gamma=gamma, kind=kind, **plain)]
        found["sum and groups"] = [UnitSum(), GroupSparsity(groups, gamma=0.5, kind="mixed", **plain)]
    else:
        found["one group"] = [GroupSparsity([[slice(0, rows)]], 0.5)]
    if beta == 1:
        for alpha, lam in ((0.0, 0.0), (0.3, 0.0), (0.3, 0.2), (50.0, 0.3)):
            found[f"sum and coupling, α = {alpha}, λ = {lam}"] = [UnitSum(), Coupling(targets, alpha, lam)]
    return found


KINDS = {UnitNorm: "unit norm", UnitSum: "unit sum", Coupling: "coupling", Regression: "regression"}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("beta", [0.0, 1.0, 1.5])
@pytest.mark.parametrize("count", [1, 12])
def test_as_one_by_one(
    engine: backends.Backend,
    count: int,
    beta: float,
    dtype: type,
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Problems that the threads share, and problems of one thread each; on each instruction set."""
    if not getattr(type(engine), "endings", None):
        pytest.skip("this backend has no fused form")
    tight = {"rtol": 1e-3, "atol": 1e-5} if dtype == np.float32 else {"rtol": 1e-8, "atol": 1e-13}
    shapes = ((1, 1), (2, 2), (3, 17), (7, 431), (45, 100)) if count == 1 else ((5, 33),)
    for rows, frames in shapes:
        given = [drawn(rng, rows, frames) for _ in range(count)]
        begin = {name: [one[name] for one in given] for name in "WH"}
        V = [one["V"] for one in given]
        for name, terms in penalties(given, beta).items():
            if not {KINDS.get(type(one), "group sparsity") for one in terms} <= engine.endings:
                continue
            options = {"beta": beta, "penalties": terms, "n_iter": 3, **begin}
            want = nmf(V, backend="reference", **options)
            with monkeypatch.context() as patch:
                patch.setattr(Side, "update", None)  # all of it happens in the sweeps
                got = nmf(V, backend=engine.name, dtype=dtype, **options)
            for one, right in zip((*got.W, *got.H), (*want.W, *want.H), strict=True):
                np.testing.assert_allclose(one, right, **tight, err_msg=f"{name}, {rows} × {frames}")
            for (_, *one), (_, *right) in zip(got.penalties, want.penalties, strict=True):
                if "regression" in name:
                    np.testing.assert_allclose(one[0].A, right[0].A, **tight, err_msg=f"{name}, {rows} × {frames}")


def test_what_the_kernels_do_not_know_is_done_one_by_one(backend: str, rng: np.random.Generator) -> None:
    """Two penalties of one factor, and rows that are not free."""
    one = drawn(rng, 4, 30)
    begin = {"W": one["W"], "H": one["H"]}
    both = [UnitNorm(), Regression(one["M"], 0.3, 0.1), Regression(one["M"], 0.1, 0.0)]
    for options in ({"penalties": both}, {"penalties": both[:2], "free_h": slice(0, 2)}):
        got, want = (nmf(one["V"], n_iter=3, backend=name, **begin, **options) for name in (backend, "reference"))
        np.testing.assert_allclose(got.H, want.H, rtol=1e-6, atol=1e-10)
        np.testing.assert_allclose(got.W, want.W, rtol=1e-6, atol=1e-10)
