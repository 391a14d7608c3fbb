"""The factor kernels of every backend against the float64 reference, and that against plain loops."""

from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from nmfcore import backends, layout
from nmfcore.backends import Backend, composed
from nmfcore.divergence import mm_exponent
from nmfcore.layout import H_AT, K0, K1, ROW_AT, V_AT, W_AT, F, K, N, view, views

Array = NDArray[Any]
REFERENCE = backends.get("reference")
BETAS = (-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0)
DTYPES = (np.float32, np.float64)

# (F, N, K) around the widths of vectors, register tiles and panels.
ODD = (
    (1, 1, 1), (1, 7, 8), (7, 1, 9), (8, 9, 2), (9, 8, 7), (15, 17, 16), (16, 15, 17), (17, 16, 15),
    (31, 33, 32), (33, 31, 1), (32, 65, 33), (45, 33, 45), (70, 7, 320), (320, 45, 16), (2, 131, 5),
)  # fmt: skip


@dataclass(frozen=True)
class Batch:
    """Arguments of the kernels."""

    table: layout.Table
    V: Array
    Wt: Array
    H: Array
    floor: NDArray[np.float64]
    weights: Array | None
    beta: float

    @property
    def half(self) -> layout.Half:
        return layout.Half(self.table, self.V, self.Wt, self.H, self.beta, self.floor, self.weights)


def draw(
    rng: np.random.Generator,
    sizes: tuple[tuple[int, int, int], ...],
    dtype: type,
    beta: float,
    *,
    weighted: bool = False,
    orders: float = 2.0,
) -> Batch:
    """Log-uniform data over so many orders of magnitude, with zeros in V and in the weights."""
    table = layout.make_table([size[:2] for size in sizes], [size[2] for size in sizes])

    def positive(count: int) -> Array:
        return (10 ** rng.uniform(-orders / 2, orders / 2, count)).astype(dtype)

    V = positive(int((table[:, F] * table[:, N]).sum()))
    V[rng.random(len(V)) < 0.1] = 0
    weights = positive(len(V)) if weighted else None
    if weights is not None:
        weights[rng.random(len(V)) < 0.2] = 0
    Wt = positive(int((table[:, K] * table[:, F]).sum()))
    H = positive(int((table[:, K] * table[:, N]).sum()))
    # Powers of Λ up to 1 need no floor, and kernels that never form Λ have none.
    floor = np.full(len(table), 0.0 if beta == 2 else 1e-12)
    return Batch(table, V, Wt, H, floor, weights, beta)


def plain_gradient(batch: Batch) -> tuple[Array, Array]:
    """The formula as anyone would write it in the arrays' own precision."""
    neg, pos = np.zeros_like(batch.H), np.zeros_like(batch.H)
    parts = views(batch.table, batch.V, batch.Wt, batch.H)
    for row, (v, wt, h), low in zip(batch.table.tolist(), parts, batch.floor, strict=True):
        beta = v.dtype.type(batch.beta)
        lam = np.maximum(wt.T @ h, v.dtype.type(low))
        v = np.maximum(v, v.dtype.type(low)) if beta <= 0 else v
        u = v.dtype.type(1) if batch.weights is None else view(batch.weights, row[V_AT], *v.shape)
        view(neg, row[H_AT], *h.shape)[...] = wt @ (u * v / lam * lam ** (beta - 1))
        view(pos, row[H_AT], *h.shape)[...] = wt @ (u * lam ** (beta - 1))
    return neg, pos


def worst(batch: Batch, got: Array, want: Array) -> NDArray[np.float64]:
    """Largest relative error of each problem (sums of nonnegative terms: small where right)."""
    assert np.isfinite(got).all(), f"{np.count_nonzero(~np.isfinite(got))} entries are NaN or infinite"
    # Terms below the range of the type may be flushed to zero.
    off = np.maximum(np.abs(got.astype(float) - want) - 1e3 * np.finfo(got.dtype).tiny, 0)
    error = off / np.where(want == 0, 1, np.abs(want))
    return np.array([view(error, r[H_AT], r[K], r[N])[r[K0] : r[K1]].max(initial=0) for r in batch.table.tolist()])


def assert_as_good(batch: Batch, got: Array, plain: Array, want: Array, what: str) -> None:
    """float32: at most twice the error of the plain formula, and some roundings; float64: 1e-10."""
    error = worst(batch, got, want)
    eps = float(np.finfo(np.float32).eps)
    allowed = 2 * worst(batch, plain, want) + 6 * eps if got.dtype == np.float32 else np.full(len(error), 1e-10)
    for b in np.flatnonzero(error > allowed):
        shape = tuple(batch.table[b, [F, N, K]].tolist())
        pytest.fail(f"{what}: (F, N, K) = {shape}: error {error[b]:.2e}, allowed {allowed[b]:.2e}")


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("beta", BETAS)
def test_reference_is_the_sum_over_entries(beta: float, weighted: bool, rng: np.random.Generator) -> None:
    """The oracle itself, against the definition written as loops over single entries."""
    batch = draw(rng, ((3, 4, 2), (2, 1, 3)), np.float64, beta, weighted=weighted)
    neg, pos = REFERENCE.split_gradient(batch.half)
    for row, (v, wt, h) in zip(batch.table.tolist(), views(batch.table, batch.V, batch.Wt, batch.H), strict=True):
        for k in range(row[K]):
            for n in range(row[N]):
                above = below = 0.0
                for f in range(row[F]):
                    lam = max(sum(float(wt[m, f]) * float(h[m, n]) for m in range(row[K])), 1e-12)
                    at = row[V_AT] + f * row[N] + n
                    u = 1.0 if batch.weights is None else float(batch.weights[at])
                    seen = max(float(v[f, n]), 1e-12) if beta <= 0 else float(v[f, n])
                    above += wt[k, f] * u * seen * lam ** (beta - 2)
                    below += wt[k, f] * u * lam ** (beta - 1)
                assert view(neg, row[H_AT], *h.shape)[k, n] == pytest.approx(above, rel=1e-12)
                assert view(pos, row[H_AT], *h.shape)[k, n] == pytest.approx(below, rel=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("beta", BETAS)
def test_reference_gradient_is_the_derivative(beta: float, weighted: bool, rng: np.random.Generator) -> None:
    """pos − neg against finite differences of the divergence."""
    batch = draw(rng, ((5, 4, 2),), np.float64, beta, weighted=weighted, orders=0.5)
    batch.V[batch.V == 0] = 0.3
    neg, pos = REFERENCE.split_gradient(batch.half)
    for i in range(len(batch.H)):
        values = []
        for sign in (1, -1):
            moved = batch.H.copy()
            moved[i] *= 1 + sign * 1e-5
            values.append(REFERENCE.divergence(replace(batch, H=moved).half)[0])
        slope = (values[0] - values[1]) / (2e-5 * batch.H[i])
        assert slope == pytest.approx(pos[i] - neg[i], rel=1e-5, abs=1e-6 * float(pos.max()))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("beta", BETAS)
def test_gradient(engine: Backend, beta: float, weighted: bool, dtype: type, rng: np.random.Generator) -> None:
    batch = draw(rng, ODD, dtype, beta, weighted=weighted)
    got = engine.split_gradient(batch.half)
    want = REFERENCE.split_gradient(batch.half)
    for name, one, plain, right in zip(("neg", "pos"), got, plain_gradient(batch), want, strict=True):
        assert one.dtype == dtype
        assert_as_good(batch, one, plain, right, f"{name}, β={beta}")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("sizes", [((130, 203, 21),), ((61, 33, 17), (61, 33, 17)), ((5, 7, 3),) * 40])
def test_gradient_of_few_and_of_many_problems(
    engine: Backend,
    sizes: tuple[tuple[int, int, int], ...],
    beta: float,
    dtype: type,
    rng: np.random.Generator,
) -> None:
    """One problem shares its panels among the threads, many share the problems."""
    batch = draw(rng, sizes, dtype, beta)
    got = engine.split_gradient(batch.half)
    want = REFERENCE.split_gradient(batch.half)
    for name, one, plain, right in zip(("neg", "pos"), got, plain_gradient(batch), want, strict=True):
        assert_as_good(batch, one, plain, right, f"{name}, β={beta}")


def update(engine: Backend, batch: Batch, exponent: float, *added: Array | None) -> Array:
    H = batch.H.copy()
    frozen = [batch.V, batch.Wt, *(array for array in (batch.weights, *added) if array is not None)]
    for array in frozen:
        array.flags.writeable = False
    engine.update(batch.half._replace(H=H), exponent, *added)
    return H


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("beta", BETAS)
def test_update(engine: Backend, beta: float, weighted: bool, dtype: type, rng: np.random.Generator) -> None:
    """With row additions and sub-ranges of rows; whatever lies outside K0:K1 stays as it was, bit for bit."""
    batch = draw(rng, ODD, dtype, beta, weighted=weighted)
    batch.table[:, K0] = rng.integers(0, batch.table[:, K])
    batch.table[:, K1] = rng.integers(batch.table[:, K0], batch.table[:, K] + 1)
    rows = int(batch.table[:, K].sum())
    above, below = (rng.uniform(0, 3, rows).astype(dtype) for _ in range(2))
    exponent = mm_exponent(beta)

    plain = batch.H.copy()
    neg, pos = plain_gradient(batch)
    for row in batch.table.tolist():
        used = slice(row[K0], row[K1])
        h, a, b = (view(flat, row[H_AT], row[K], row[N])[used] for flat in (plain, neg, pos))
        more, less = (view(flat, row[ROW_AT], row[K], 1)[used] for flat in (above, below))
        a, b = a + more, b + less
        h *= np.where(b > 0, a / np.where(b > 0, b, 1), 0) ** dtype(exponent)

    wide = replace(batch, H=batch.H.astype(float))
    want = update(REFERENCE, wide, exponent, above, below)
    got = update(engine, batch, exponent, above, below)
    assert_as_good(batch, got, plain, want, f"β={beta}")
    for row in batch.table.tolist():
        old, new = (view(flat, row[H_AT], row[K], row[N]) for flat in (batch.H, got))
        np.testing.assert_array_equal(new[: row[K0]], old[: row[K0]])
        np.testing.assert_array_equal(new[row[K1] :], old[row[K1] :])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("beta", BETAS)
def test_update_is_gradient_addition_and_scaling(
    engine: Backend, beta: float, dtype: type, rng: np.random.Generator
) -> None:
    batch = draw(rng, ((17, 33, 9), (5, 4, 3)), dtype, beta)
    above, below = (rng.uniform(0, 3, int(batch.table[:, K].sum())).astype(dtype) for _ in range(2))
    for exponent, added in product((1.0, 0.5, 0.3), product((None, above), (None, below))):
        parts = engine.split_gradient(batch.half)
        for part, flat in zip(parts, added, strict=True):
            for row in batch.table.tolist() if flat is not None else ():
                view(part, row[H_AT], row[K], row[N])[...] += view(flat, row[ROW_AT], row[K], 1)
        H = batch.H.copy()
        engine.scale(batch.table, H, *parts, exponent)
        fused = update(engine, batch, exponent, *added)
        np.testing.assert_allclose(fused, H, rtol=2e-6 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("beta", BETAS)
def test_divergence(engine: Backend, beta: float, weighted: bool, dtype: type, rng: np.random.Generator) -> None:
    batch = draw(rng, ODD, dtype, beta, weighted=weighted)
    got, want = engine.divergence(batch.half), REFERENCE.divergence(batch.half)
    assert got.dtype == np.float64
    parts = views(batch.table, batch.V, batch.Wt, batch.H)
    for b, (row, (v, wt, h)) in enumerate(zip(batch.table.tolist(), parts, strict=True)):
        lam = wt.T.astype(float) @ h
        u = 1.0 if batch.weights is None else view(batch.weights, row[V_AT], *v.shape).astype(float)
        v = np.maximum(v.astype(float), 1e-12) if beta <= 0 else v.astype(float)
        # What a rounding of Λ moves, beside which the terms of D itself are added up.
        moved = np.sum(u * np.abs(lam**beta - v * lam ** (beta - 1))) + abs(want[b])
        eps = np.finfo(dtype).eps * (4 + np.sqrt(row[K]))
        assert abs(got[b] - want[b]) <= max(eps, 1e-11) * moved, f"(F, N, K) = {row[:3]}, β={beta}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("beta", BETAS)
def test_huge_dynamic_range(engine: Backend, beta: float, dtype: type, rng: np.random.Generator) -> None:
    """Eight orders of magnitude within W and within H, so sixteen within Λ, against sixteen within V."""
    batch = draw(rng, ODD, dtype, beta, orders=8)
    batch.V[batch.V > 0] **= 2
    plain = plain_gradient(batch)
    want = REFERENCE.split_gradient(batch.half)
    got = engine.split_gradient(batch.half)
    for name, one, simple, right in zip(("neg", "pos"), got, plain, want, strict=True):
        assert_as_good(batch, one, simple, right, f"{name}, β={beta}")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("beta", BETAS)
def test_subnormals_count_as_themselves_or_as_zero(
    engine: Backend, beta: float, dtype: type, rng: np.random.Generator
) -> None:
    batch = draw(rng, ODD, dtype, beta)
    tiny = np.finfo(dtype).tiny / 8
    for flat in (batch.V, batch.Wt, batch.H):
        flat[rng.random(len(flat)) < 0.2] = tiny
    got = engine.split_gradient(batch.half)
    floors = {"V": batch.V, "Wt": batch.Wt, "H": batch.H}
    flushed = replace(batch, **{name: np.where(flat == tiny, 0, flat).astype(dtype) for name, flat in floors.items()})
    as_given = REFERENCE.split_gradient(batch.half)
    as_zero = REFERENCE.split_gradient(flushed.half)
    for one, kept, zero in zip(got, as_given, as_zero, strict=True):
        assert np.isfinite(one).all()
        off = [np.abs(one - right) - 1e-4 * right for right in (kept, zero)]
        assert np.minimum(*off).max() <= 1e3 * np.finfo(dtype).tiny


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("level", [1e-10, 1.0, 1e10])
def test_zeros_stay_zero_and_nothing_overflows(
    engine: Backend, beta: float, dtype: type, level: float, rng: np.random.Generator
) -> None:
    """Zero columns of H (Λ at its floor while V is not), zero rows of W, zeros in V, and nothing in V."""
    batch = draw(rng, ((33, 40, 7), (9, 20, 3), (4, 5, 2)), dtype, beta)
    batch.V[:] *= dtype(level)
    (v, wt, h), (_, _, other), (empty, _, _) = views(batch.table, batch.V, batch.Wt, batch.H)
    h[:, ::3] = 0
    wt[:, 5:9] = 0
    v[3:5] = 0
    v[:, 7] = 0
    other[1] = 0
    empty[:] = 0
    peak = np.array([level, level, 0.0])
    zero = batch.H == 0
    for exponent in (1.0, 0.5, 1 / 3):
        now = replace(batch, floor=np.maximum(peak * (1e-14 if beta < 1 else 1e-20), 1e-30))
        for _ in range(3):
            now = replace(now, H=update(engine, now, exponent))
            assert np.isfinite(now.H).all(), f"exponent {exponent}"
            assert (now.H >= 0).all()
            assert (now.H[zero] == 0).all()


def test_a_problem_that_left_the_table_is_not_touched(engine: Backend, rng: np.random.Generator) -> None:
    """The table may name some problems only, in any order, and several on one V, as restarts do."""
    batch = draw(rng, ((9, 20, 4), (7, 33, 5), (9, 20, 4), (3, 3, 2)), np.float64, 1.0)
    batch.table[2, V_AT] = batch.table[0, V_AT]
    want = update(REFERENCE, batch, 1.0)
    some = replace(batch, table=batch.table[[2, 0]].copy(), floor=batch.floor[:2])
    got = update(engine, some, 1.0)
    for b, row in enumerate(batch.table.tolist()):
        right = want if b in (0, 2) else batch.H
        np.testing.assert_allclose(view(got, row[H_AT], row[K], row[N]), view(right, row[H_AT], row[K], row[N]), 1e-12)
    values = engine.divergence(some.half)
    np.testing.assert_allclose(values, REFERENCE.divergence(batch.half)[[2, 0]], rtol=1e-12)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("beta", [0.0, 1.0, 1.5])
def test_a_problem_of_a_batch_gives_the_same_bits_as_alone(
    engine: Backend, beta: float, dtype: type, rng: np.random.Generator
) -> None:
    batch = draw(rng, ODD, dtype, beta)
    together = update(engine, batch, 0.5)
    values = engine.divergence(batch.half)
    for b, row in enumerate(batch.table.tolist()):
        alone = replace(batch, table=batch.table[b : b + 1].copy(), floor=batch.floor[b : b + 1])
        got = update(engine, alone, 0.5)
        span = slice(row[H_AT], row[H_AT] + row[K] * row[N])
        np.testing.assert_array_equal(got[span], together[span])
        assert engine.divergence(alone.half)[0] == values[b]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("sizes", [((61, 45, 7),), ((30, 70, 5), (9, 40, 3)), tuple((17, n, 4) for n in range(3, 33))])
def test_sweeps_are_updates_in_turn(
    engine: Backend, sizes: tuple[tuple[int, int, int], ...], beta: float, weighted: bool, rng: np.random.Generator
) -> None:
    """Bit for bit, whether the threads share each problem or the problems."""
    batch = draw(rng, sizes, np.float32, beta, weighted=weighted)
    shapes = tuple(size[:2] for size in sizes)
    Vt, Ut = (
        None if flat is None else layout.Matrices(flat, shapes, layout.Form(None)).transposed().flat
        for flat in (batch.V, batch.weights)
    )
    other, exponent = layout.transposed(batch.table), mm_exponent(beta)
    Wt, H = batch.Wt.copy(), batch.H.copy()
    flipped = layout.Half(other, Vt, batch.H, batch.Wt, beta, batch.floor, Ut)
    engine.sweeps(3, [batch.half._replace(Wt=Wt, H=H), flipped._replace(Wt=H, H=Wt)], exponent)
    for _ in range(3):
        engine.update(batch.half, exponent)
        engine.update(flipped, exponent)
    np.testing.assert_array_equal(Wt, batch.Wt)
    np.testing.assert_array_equal(H, batch.H)


def test_a_factor_larger_than_the_cache(engine: Backend, rng: np.random.Generator) -> None:
    """Its rows come block by block; with no weights and with two products."""
    for beta in (1.0, 0.0):
        batch = draw(rng, ((3000, 131, 200),), np.float32, beta)
        got, want = engine.split_gradient(batch.half), REFERENCE.split_gradient(batch.half)
        for one, plain, right in zip(got, plain_gradient(batch), want, strict=True):
            assert_as_good(batch, one, plain, right, f"β={beta}")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("beta", [0.0, 1.0, 1.5])
def test_a_second_run_gives_the_same_bits(engine: Backend, beta: float, dtype: type, rng: np.random.Generator) -> None:
    batch = draw(rng, ((130, 203, 21), (5, 7, 3)), dtype, beta, weighted=True)
    first, value = update(engine, batch, 0.5), engine.divergence(batch.half)
    for _ in range(3):
        np.testing.assert_array_equal(update(engine, batch, 0.5), first)
        np.testing.assert_array_equal(engine.divergence(batch.half), value)


@pytest.mark.parametrize("beta", BETAS)
def test_the_transposed_table_updates_the_other_factor(engine: Backend, beta: float, rng: np.random.Generator) -> None:
    batch = draw(rng, ((17, 9, 5), (3, 8, 2)), np.float64, beta)
    matrices = layout.Matrices(batch.V, ((17, 9), (3, 8)), layout.Form(None))
    other = layout.transposed(batch.table)
    flipped = matrices.transposed().flat
    neg, pos = engine.split_gradient(layout.Half(other, flipped, batch.H, batch.Wt, beta, batch.floor))
    for row, (v, wt, h) in zip(batch.table.tolist(), views(batch.table, batch.V, batch.Wt, batch.H), strict=True):
        lam = wt.T @ h
        v = np.maximum(v, 1e-12) if beta <= 0 else v
        np.testing.assert_allclose(view(neg, row[W_AT], *wt.shape), h @ (v * lam ** (beta - 2)).T, rtol=1e-10)
        np.testing.assert_allclose(view(pos, row[W_AT], *wt.shape), h @ (lam ** (beta - 1)).T, rtol=1e-10)


@pytest.mark.parametrize("exponent", [1.0, 0.5, 0.3])
def test_scaling_beyond_all_numbers(exponent: float) -> None:
    """An overflowing step leaves zeros at zero and everything else finite."""
    table = layout.make_table([(1, 4)], [2])
    for dtype in DTYPES:
        large, small = np.finfo(dtype).max, np.finfo(dtype).tiny
        H = np.array([0, 1, 0, 2, 0, 1, 3, 4], dtype)
        neg = np.array([large, large, 1, 4, 0, 0, 0, 1], dtype)
        pos = np.array([small, small, 0, 1, 0, 0, 1, 0], dtype)
        composed.scale(table, H, neg, pos, exponent)
        assert np.isfinite(H).all()
        assert H[[0, 2, 4, 5, 6, 7]].tolist() == [0] * 6
        assert H[3] == pytest.approx(2 * 4**exponent)
