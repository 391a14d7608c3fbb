"""Every argument of fit that cannot be is named, in one line."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nmfcore import spatial
from nmfcore.models import Dictionary

Scenes = Callable[..., Any]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"X": np.ones((2, 6, 9))}, r"^X must be a complex spectrogram"),
        ({"X": np.ones((6, 9), complex)}, r"^X must be a complex spectrogram"),
        ({"X": np.ones((0, 6, 9), complex)}, r"^X must be a complex spectrogram"),
        ({"X": np.full((2, 6, 9), np.inf + 0j)}, r"^X contains NaN or infinity"),
        ({"X": np.zeros((2, 6, 9), complex)}, r"^X is silent"),
        ({"X": np.full((2, 6, 9), 1e-25 + 0j)}, r"^X has a mean power of 1e-50"),
        ({"variance_model": "best"}, r"^variance_model='best'"),
        (
            {"dictionary": None, "variance_model": "separation"},
            r"^variance_model='separation' needs a dictionary",
        ),
        ({"dictionary": None}, r"^variance_model='nmf' needs the names"),
        ({"variance_model": "nmf", "free": {"b": 2}}, r"^n_start, smoothing and free patterns need"),
        ({"variance_model": "denoising", "n_start": 2}, r"^n_start needs variance_model='joint'"),
        ({"variance_model": "free", "lam": 1.0}, r"^lam=1.0 needs patterns"),
        ({"kind": "rows", "lam": 1.0}, r"^kind='rows'"),
        ({"covariance": "round"}, r"^covariance='round'"),
        ({"covariance": "diagonal", "noise": (0.1, 1e-6)}, r"^noise and averaging need covariance='full'"),
        ({"covariance": "diagonal", "averaging": (3, 3)}, r"^noise and averaging need covariance='full'"),
        ({"covariance": "diagonal", "prior": np.inf}, r"^prior=inf needs covariance='full'"),
        ({"update": "sgd"}, r"^update='sgd'"),
        ({"update": "mm", "variance_model": "separation"}, r"^update='mm' must be"),
        ({"noise": (0.1, 0.0)}, r"^noise=\(0.1, 0.0\)"),
        ({"R": spatial.Start(np.ones((3, 6, 9), complex), ("a", "b"))}, r"^R has shape \(2, 6, 3, 3\)"),
        ({"R": np.ones((2, 6, 3, 3))}, r"^R has shape \(2, 6, 3, 3\); it must be .*\(2, 6, 2, 2\)"),
        ({"R": np.full((2, 6, 2, 2), np.nan)}, r"^R contains NaN"),
        ({"v": np.ones((2, 6, 8))}, r"^v must be .*\(2, 6, 9\)"),
        ({"v": -np.ones((2, 6, 9))}, r"^v must be finite, nonnegative"),
        ({"averaging": (2, 2)}, r"^averaging=\(2, 2\)"),
        ({"prior": -1.0}, r"^prior=-1.0"),
        ({"prior": [1.0, 2.0, 3.0]}, r"^prior="),
        ({"smoothing": 2.0}, r"^smoothing=2.0"),
        ({"lam": -1.0}, r"^lam=-1.0"),
        ({"mix": 2.0}, r"^mix=2.0"),
        ({"n_iter": 0}, r"^n_iter=0"),
        ({"n_inner": 0}, r"^n_inner=0"),
        ({"n_components": 0, "variance_model": "nmf"}, r"^n_components=0"),
        ({"free": {"b": -1}}, r"^free="),
        ({"backend": "fortran"}, r"^backend='fortran'"),
    ],
    ids=lambda value: ", ".join(value) if isinstance(value, dict) else "",
)
def test_bad_arguments_are_named(options: dict[str, Any], message: str, scene: Scenes) -> None:
    given = scene(2, frames=9)
    call = {"X": given.X, "dictionary": given.dictionary, "R": given.R, "seed": 0, "n_iter": 1, **options}
    with pytest.raises(ValueError, match=message) as caught:
        spatial.fit(call.pop("X"), **call)
    assert "\n" not in str(caught.value)


def test_a_dictionary_of_another_frame_length_is_named(scene: Scenes) -> None:
    given = scene(2, frames=9)
    other = Dictionary(np.ones((7, 4)), ("a", "b"), given.dictionary.blocks)
    with pytest.raises(ValueError, match=r"^X has 6 bins, but the dictionary's patterns have 7"):
        spatial.fit(given.X, dictionary=other, R=given.R)
