"""Every argument of nmf that cannot be is named, in one line."""

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from nmfcore import nmf
from nmfcore.penalties import L1, GroupSparsity

GOOD = np.ones((4, 6))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"V": np.ones(4)}, r"^V must be a real matrix"),
        ({"V": np.ones((0, 4))}, r"^V is empty"),
        ({"V": [GOOD, np.ones(3)]}, r"^V "),
        ({"V": -GOOD}, r"^V contains negative"),
        ({"V": GOOD * np.nan}, r"^V contains NaN"),
        ({"V": GOOD.astype(complex)}, r"^V must be a real matrix"),
        ({"n_components": None}, r"^n_components is needed"),
        ({"n_components": 0}, r"^n_components=0 "),
        ({"n_components": 2.5}, r"^n_components=2.5 "),
        ({"n_components": [2, 2.5], "V": [GOOD, GOOD]}, r"^n_components=2.5 "),
        ({"n_components": [2, 3]}, r"^n_components has 2 entries for 1 problems"),
        ({"n_components": []}, r"^n_components has 0 entries"),
        ({"beta": "euclid"}, r"^beta='euclid'"),
        ({"beta": np.nan}, r"^beta=nan"),
        ({"exponent": 2.0}, r"^exponent=2.0"),
        ({"n_iter": 0}, r"^n_iter=0 "),
        ({"n_iter": 1.5}, r"^n_iter=1.5 "),
        ({"check_every": 0}, r"^check_every=0 "),
        ({"n_restarts": 0}, r"^n_restarts=0 "),
        ({"tol": -1.0}, r"^tol=-1.0 "),
        ({"tol": np.nan}, r"^tol=nan "),
        ({"tol": None}, r"^tol=None "),
        ({"callback": 3}, r"^callback=3 "),
        ({"seed": -1}, r"^seed=-1 "),
        ({"seed": 0.5}, r"^seed=0.5 "),
        ({"penalties": L1(0.1)}, r"^penalties=L1\(lam=0.1, factor='H'\) must be a list"),
        ({"penalties": [3]}, r"^penalties: 3 is none"),
        ({"W": np.ones((4, 3))}, r"^W has shape \(4, 3\)"),
        ({"W": np.ones((5, 2))}, r"^W has shape \(5, 2\)"),
        ({"W": np.ones(4)}, r"^W "),
        ({"W": -np.ones((4, 2))}, r"^W must be finite and nonnegative"),
        ({"H": np.ones((2, 5))}, r"^H has shape \(2, 5\)"),
        ({"H": np.full((2, 6), np.inf)}, r"^H must be finite"),
        ({"free_w": [True]}, r"^free_w must be"),
        ({"free_h": "all"}, r"^free_h must be"),
        ({"weights": np.ones((4, 5))}, r"^weights must have the shape"),
        ({"weights": -GOOD}, r"^weights contains negative"),
        ({"weights": GOOD * np.nan}, r"^weights contains NaN"),
        ({"init": "best"}, r"^init='best'"),
        ({"init": "nndsvd", "n_components": 5}, r"^init='nndsvd' needs n_components"),
        ({"device": "tpu"}, r"^device='tpu'"),
        ({"backend": "fortran"}, r"^backend='fortran'"),
        ({"dtype": "float16"}, r"^dtype='float16'"),
        ({"dtype": "bfloat16"}, r"^dtype='bfloat16'"),
        ({"V": np.ma.masked_greater(GOOD, 0.5)}, r"^a masked array cannot be used"),
        ({"V": sparse.coo_array(np.ones(4))}, r"^V must be a sparse matrix .* got shape \(4,\)"),
        ({"W": sparse.csc_array(np.ones((4, 2)))}, r"^W must be dense"),
        ({"penalties": [GroupSparsity([[slice(0, 9)]], 1.0)]}, r"^groups name row 8"),
    ],
    ids=lambda value: ", ".join(value) if isinstance(value, dict) else "",
)
def test_bad_arguments_are_named(arguments: dict[str, Any], message: str, backend: str) -> None:
    given = {"V": GOOD, "n_components": 2, "seed": 0, "backend": backend, "n_iter": 2, **arguments}
    with pytest.raises(ValueError, match=message) as caught:
        nmf(given.pop("V"), **given)
    assert "\n" not in str(caught.value)
