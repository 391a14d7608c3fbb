"""Scores against known answers."""

from importlib.util import find_spec

import numpy as np
import pytest

from avfront.scores import bss_eval_images, museval_metrics, score

pytestmark = pytest.mark.skipif(find_spec("museval") is None, reason="scores need museval")


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((2, 2, 6000))


def test_interference_of_known_level(images):
    """An estimate that is the source plus the other one 20 dB down has an SIR and an SDR of 20 dB."""
    estimates = images + 0.1 * images[::-1]
    for found in bss_eval_images(images, estimates):
        assert found["SIR"] == pytest.approx(20, abs=1)
        assert found["SDR"] == pytest.approx(20, abs=1)
        assert found["SAR"] > 40


def test_noise_of_known_level(images):
    estimates = images + 0.1 * np.random.default_rng(1).standard_normal(images.shape)
    for found in bss_eval_images(images, estimates):
        assert found["SDR"] == pytest.approx(20, abs=1.5)
        assert found["SAR"] < found["SIR"]


def test_silence_has_no_score(images):
    silent = images + 0.1 * images[::-1]
    silent[1] = 0
    found = bss_eval_images(images, silent)
    assert found[0]["SIR"] == pytest.approx(20, abs=1), "what it holds of the silent one still counts"
    assert set(found[1].values()) == {None}
    assert set(bss_eval_images(images * 0, images)[0].values()) == {None}


def test_sources_without_a_reference_are_scored_together(images):
    mixture = images.sum(axis=0)
    estimates = {"a": images[0] + 0.1 * images[1], "b": 0.4 * images[1], "c": 0.5 * images[1]}
    found = score({"a": images[0]}, estimates, mixture)
    assert list(found) == ["a", "rest"]
    assert found["a"]["mixture"]["SDR"] == pytest.approx(0, abs=0.3)
    assert found["a"]["separated"]["SDR"] == pytest.approx(20, abs=1)
    assert found["rest"]["separated"]["SDR"] == pytest.approx(20, abs=1)
    one_left = score({"a": images[0]}, {"a": images[0], "b": images[1]}, mixture)
    assert list(one_left) == ["a", "b"]
    complete = score({"a": images[0], "b": images[1]}, {"a": images[0], "b": images[1], "c": 0 * mixture}, mixture)
    assert list(complete) == ["a", "b"]


def test_a_singular_matrix_is_solved_by_least_squares(images, monkeypatch):
    def singular(*args: object) -> None:
        raise np.linalg.LinAlgError("Singular matrix")

    estimates = images + 0.1 * np.random.default_rng(2).standard_normal(images.shape)
    plain = bss_eval_images(images, estimates)
    monkeypatch.setattr(museval_metrics().np.linalg, "solve", singular)
    for found, before in zip(bss_eval_images(images, estimates), plain, strict=True):
        assert found == pytest.approx(before, abs=1e-3)
