"""Batches in memory: tables, views, and the user's form of the data."""

from typing import Any

import numpy as np
import pytest

from nmfcore import layout
from nmfcore.layout import (
    H_AT,
    K0,
    K1,
    ROW_AT,
    V_AT,
    W_AT,
    F,
    Form,
    K,
    Matrices,
    N,
    make_table,
    transposed,
    view,
    views,
)


def test_problems_lie_one_after_the_other() -> None:
    table = make_table([(2, 3), (4, 5)], [6, 7])
    assert table[:, [F, N, K]].tolist() == [[2, 3, 6], [4, 5, 7]]
    assert table[:, V_AT].tolist() == [0, 2 * 3]
    assert table[:, W_AT].tolist() == [0, 6 * 2]
    assert table[:, H_AT].tolist() == [0, 6 * 3]
    assert table[:, ROW_AT].tolist() == [0, 6]
    assert table[:, [K0, K1]].tolist() == [[0, 6], [0, 7]]


def test_copies_share_their_data_but_not_their_factors() -> None:
    table = make_table([(2, 3), (4, 5)], [1, 2], copies=3)
    assert table[:, V_AT].tolist() == [0, 0, 0, 6, 6, 6]
    used = np.concatenate([np.arange(r[H_AT], r[H_AT] + r[K] * r[N]) for r in table])
    assert used.tolist() == list(range(3 * (3 + 10)))
    used = np.concatenate([np.arange(r[W_AT], r[W_AT] + r[K] * r[F]) for r in table])
    assert used.tolist() == list(range(3 * (2 + 8)))


def test_views_write_through() -> None:
    table = make_table([(2, 3), (1, 2)], [2, 1])
    V, Wt, H = np.zeros(8), np.zeros(5), np.zeros(8)
    for number, (v, wt, h) in enumerate(views(table, V, Wt, H), start=1):
        assert (v.shape, wt.shape, h.shape) == (((2, 3), (2, 2), (2, 3)), ((1, 2), (1, 1), (1, 2)))[number - 1]
        v[...], wt[...], h[...] = number, number, number
    assert V.tolist() == [1] * 6 + [2] * 2
    assert Wt.tolist() == [1] * 4 + [2]
    assert H.tolist() == [1] * 6 + [2] * 2


def test_transposing_twice_gives_the_table_back() -> None:
    table = make_table([(2, 3), (4, 5)], [6, 7], copies=2)
    once = transposed(table)
    assert once[:, [F, N]].tolist() == table[:, [N, F]].tolist()
    assert once[:, V_AT].tolist() == table[:, V_AT].tolist()
    assert transposed(once).tolist() == table.tolist()


@pytest.mark.parametrize("lead", [(), (1,), (3,), (2, 3)])
def test_an_array_keeps_its_batch_axes(lead: tuple[int, ...]) -> None:
    array = np.arange(np.prod(lead, dtype=int) * 20, dtype=float).reshape(*lead, 4, 5)
    batch = Matrices.of(array)
    assert batch.shapes == ((4, 5),) * int(np.prod(lead))
    packed = batch.form.pack(batch.pieces())
    assert packed.shape == array.shape
    np.testing.assert_array_equal(packed, array)
    scalars = batch.form.pack(list(range(len(batch.shapes))))
    assert np.shape(scalars) == lead


def test_a_list_stays_a_list() -> None:
    pieces = [np.ones((2, 3)), np.zeros((4, 1))]
    batch = Matrices.of(pieces)
    assert batch.shapes == ((2, 3), (4, 1))
    assert batch.form.leading is None
    for got, want in zip(batch.form.pack(batch.pieces()), pieces, strict=True):
        np.testing.assert_array_equal(got, want)


def test_results_of_different_shape_come_as_a_list() -> None:
    assert [p.shape for p in Form((2,)).pack([np.ones((2, 3)), np.ones((2, 4))])] == [(2, 3), (2, 4)]


def test_a_contiguous_array_is_not_copied() -> None:
    array = np.ones((3, 4, 5))
    assert np.shares_memory(Matrices.of(array).flat, array)


def test_the_transpose_of_an_array_in_fortran_order_is_not_copied() -> None:
    array = np.arange(12.0).reshape(4, 3).T
    given = Matrices.of(array)
    assert np.shares_memory(given.transposed().flat, array)
    np.testing.assert_array_equal(given.transposed().pieces()[0], array.T)
    assert np.shares_memory(given.transposed().transposed().flat, given.flat)
    np.testing.assert_array_equal(given.times(np.array([2.0])).transposed().pieces()[0], 2 * array.T)
    holes = given.with_missing(Matrices.of((array != 5).astype(float)))
    np.testing.assert_array_equal(holes.transposed().pieces()[0], holes.pieces()[0].T)


def test_strided_arrays_are_read_right() -> None:
    array = np.arange(48.0).reshape(4, 12)[::2, 1::3].T
    np.testing.assert_array_equal(Matrices.of(array).pieces()[0], array)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("float32", "float32"),
        ("float64", "float64"),
        ("float16", "float64"),
        ("int32", "float64"),
        ("bool", "float64"),
    ],
)
def test_number_types(given: str, wanted: str) -> None:
    assert Matrices.of(np.ones((2, 2), given)).flat.dtype == wanted
    assert Matrices.of([np.ones((2, 2), given)]).flat.dtype == wanted
    assert Matrices.of(np.ones((2, 2), given), dtype=np.dtype(np.float32)).flat.dtype == np.float32


def test_a_mixed_list_is_computed_in_float64() -> None:
    assert Matrices.of([np.ones((2, 2), np.float32), np.ones((2, 2))]).flat.dtype == np.float64


def test_transposed_matrices() -> None:
    pieces = [np.arange(6.0).reshape(2, 3), np.arange(4.0).reshape(4, 1)]
    flipped = Matrices.of(pieces).transposed()
    assert flipped.shapes == ((3, 2), (1, 4))
    for got, want in zip(flipped.pieces(), pieces, strict=True):
        np.testing.assert_array_equal(got, want.T)


@pytest.mark.parametrize(
    "value",
    [
        np.ones(3),
        np.float64(1),
        np.ones((2, 2), complex),
        np.array([["a", "b"]]),
        np.ones((0, 3)),
        np.ones((3, 0)),
        np.ones((0, 3, 3)),
        [],
        [np.ones((2, 2)), np.ones((0, 2))],
    ],
    ids=lambda v: f"{np.shape(v)}" if not isinstance(v, list) else f"list of {len(v)}",
)
def test_what_is_no_batch_of_matrices(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^weights "):
        Matrices.of(value, "weights")


@pytest.mark.parametrize(("bad", "word"), [(np.nan, "NaN"), (np.inf, "infinity"), (-0.5, "negative")])
def test_bad_values_are_named(bad: float, word: str) -> None:
    value = np.ones((3, 3))
    value[1, 2] = bad
    with pytest.raises(ValueError, match=rf"^V contains .*{word}"):
        Matrices.of(value).check_nonnegative("V")


def test_unpacking_checks_the_form() -> None:
    with pytest.raises(ValueError, match=r"^W .*list of 2"):
        Form(None).unpack([np.ones((2, 2))], "W", 2)
    with pytest.raises(ValueError, match=r"^W has shape \(2, 4, 3\).*\(3,\)"):
        Form((3,)).unpack(np.ones((2, 4, 3)), "W", 3)


def test_a_view_is_a_view() -> None:
    flat = np.zeros(10)
    view(flat, 2, 2, 3)[1, 2] = 5
    assert flat[7] == 5
    assert layout.offsets(np.array([3, 1, 2])).tolist() == [0, 3, 4]
