"""The border of the library: every kind of array comes back as it came; torch's are in test_torch.py."""

import sys

import numpy as np
import pytest

import nmfcore
from nmfcore.arrays import Kind, unwrap, wrap


def test_any_array_that_speaks_dlpack() -> None:
    array_api_strict = pytest.importorskip("array_api_strict")
    given = array_api_strict.ones((3, 4))
    array, kind = unwrap(given)
    assert isinstance(array, np.ndarray)
    assert isinstance(wrap(array, kind), type(given))
    fit = nmfcore.nmf(given, 2, n_iter=2, seed=0)
    assert isinstance(fit.W, type(given))
    np.testing.assert_array_equal(np.from_dlpack(fit.H), nmfcore.nmf(array, 2, n_iter=2, seed=0).H)


def test_numpy_arrays_pass_untouched() -> None:
    array = np.ones((3, 4))
    same, kind = unwrap(array)
    assert same is array
    assert wrap(array, kind) is array


def test_what_is_no_array_passes() -> None:
    for value in (3, "a", None, [1.0], {"a": 1}):
        assert unwrap(value) == (value, None)


def test_a_gpu_without_cupy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(ImportError, match=r"nmfcore\[cuda\]"):
        wrap(np.ones(2), Kind("cupy"))
